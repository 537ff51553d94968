// Whether a help text and a table of options agree.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "command_line/scanner.hpp"

namespace execo::test {

/// The options that a text shows at the beginning of its lines: "-w", "--timeout".
inline std::set<std::string> options_shown(const std::string& help) {
  std::set<std::string> shown;
  for (std::size_t at = 0, end; at < help.size(); at = end + 1) {
    end = std::min(help.find('\n', at), help.size());
    std::string_view line(help.data() + at, end - at);
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.starts_with('-')) {
      std::size_t stop = std::min(line.find_first_of(" ,[\n"), line.size());
      shown.emplace(line.substr(0, stop));
      line.remove_prefix(stop);
      if (!line.starts_with(", ")) break;
      line.remove_prefix(2);
    }
  }
  return shown;
}

/// Every option of the table is in the help, with what it does; every option in the help is taken.
inline void expect_help_of(const command_line::spec_list& table, const std::string& help) {
  std::set<std::string> taken;
  for (const command_line::option_spec* spec : table) {
    if (spec->letter != 0) taken.insert(fmt::format("-{}", spec->letter));
    if (!spec->word.empty()) taken.insert(fmt::format("--{}", spec->word));
    EXPECT_FALSE(spec->is_option() && spec->help.empty()) << spec->letter << spec->word;
  }
  EXPECT_EQ(options_shown(help), taken);
  // Each word of the help is also accepted by the scanner, not only listed in the table.
  for (const std::string& spelled : options_shown(help)) {
    std::vector<const char*> words{spelled.c_str(), "1"};
    auto found = command_line::scan_arguments(table, words, command_line::habits::command);
    ASSERT_FALSE(found.given.empty()) << spelled;
    EXPECT_EQ(found.given[0].spelled, spelled);
  }
}

}  // namespace execo::test
