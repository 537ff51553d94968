#include "process/shell_hint.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace execo::detail {
namespace {

// Programs of these names do nothing useful, or are not there.
constexpr std::array<std::string_view, 31> builtins{
    "!",    ".",     "[[",     "alias",  "bg",   "break", "case",    "cd",
    "echo", "eval",  "exec",   "export", "fg",   "for",   "if",      "jobs",
    "let",  "local", "popd",   "pushd",  "read", "set",   "shift",   "source",
    "trap", "type",  "ulimit", "unset",  "wait", "while", "function"};

bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == word.npos || equals == 0) return false;
  auto in_a_name = [](unsigned char c) { return c == '_' || std::isalnum(c) != 0; };
  return std::isdigit(static_cast<unsigned char>(word[0])) == 0 &&
         std::ranges::all_of(word.substr(0, equals), in_a_name);
}

bool is_for_a_shell(std::string_view word) {
  if (word.empty()) return false;
  if (word.find_first_of("$`*?|;<>(){}") != word.npos) return true;
  return word[0] == '~' || word.back() == '&';
}

}  // namespace

std::string shell_hint(const command& what) {
  if (what.through_shell) return {};
  const std::vector<std::string> argv = what.argv();
  auto found = std::ranges::find_if(argv, is_for_a_shell);
  if (!argv.empty() &&
      (std::ranges::find(builtins, argv[0]) != builtins.end() || is_assignment(argv[0])))
    found = argv.begin();
  if (found == argv.end()) return {};
  return " ('" + *found + "' is for a shell: add .shell())";
}

}  // namespace execo::detail
