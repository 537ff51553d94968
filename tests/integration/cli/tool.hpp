// The tool under test, against a fleet.
#pragma once

#include <string>
#include <vector>

#include "fleet_fixture.hpp"
#include "program.hpp"

namespace execo::test {

/// The words of `execo run` with what reaches the hosts of `fleet`; `more` comes behind.
inline std::vector<std::string> execo_run(const fleet_fixture& fleet,
                                          std::vector<std::string> more) {
  std::vector<std::string> words{EXECO_TOOL,
                                 "run",
                                 "-p",
                                 std::to_string(fleet.port()),
                                 "-i",
                                 fleet.identity(),
                                 "--known-hosts",
                                 fleet.known_hosts()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The same as text for a shell. No word of these tests has a quote in it.
inline std::string in_shell(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += "'" + word + "' ";
  return text;
}

}  // namespace execo::test
