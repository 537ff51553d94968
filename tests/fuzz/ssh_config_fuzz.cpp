// Files of ssh_config(5) are written by people and programs: whatever is in one, it is read to its
// end or refused in one line, and what it says about a host is the same each time it is asked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "execo/ssh_config.hpp"
#include "ssh/config_answer.hpp"
#include "ssh/config_lines.hpp"
#include "ssh/name_patterns.hpp"

namespace {

namespace detail = execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> all_of(const detail::config_answer& answer) {
  std::vector<std::string> all;
  for (const detail::config_keyword& keyword : detail::config_keywords)
    for (std::string& value : answer.shown(keyword)) all.push_back(std::move(value));
  return all;
}

void ask(const detail::config_lines& lines, const detail::config_caller& caller) {
  detail::config_commands commands([](const std::string& text) { return text.size() % 2 == 0; });
  detail::config_answer first(lines, caller, commands, "me@alpha.example");
  detail::config_answer second(lines, caller, commands, "me@alpha.example");
  require(all_of(first) == all_of(second));
  require(!first.host().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // Would read files of this machine.
  if (detail::lower_case(text).find("include") != std::string::npos) return 0;
  detail::config_caller caller;
  caller.user = "user";
  caller.id = "1000";
  caller.home = "/home/user";
  caller.machine = "here.example";
  try {
    detail::config_lines lines(caller.home);
    lines.add_text(text, "fuzz", detail::config_lines::owner::user);
    ask(lines, caller);
  } catch (const execo::ssh_config_error& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
