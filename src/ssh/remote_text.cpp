#include "ssh/remote_text.hpp"

#include <fmt/format.h>

#include "base/shell_words.hpp"

namespace execo::detail {
namespace {

bool is_name(std::string_view text) {
  auto letter = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (char c : text)
    if (!letter(c) && (c < '0' || c > '9')) return false;
  return !text.empty() && letter(text[0]);
}

bool has_surroundings(const command& what) {
  return what.attributes.umask || !what.attributes.removed_variables.empty() ||
         !what.directory.empty() || !what.environment.empty();
}

// Empty if the command can run on a host.
std::string why_not(const command& what) {
  std::string_view refused = what.attributes.local_only();
  if (what.scope && *what.scope != kill_scope::group) refused = "kill_scope";
  if (!refused.empty()) return std::string(refused) + ": only a local command can have it";
  for (const std::string& name : what.attributes.removed_variables)
    if (!is_name(name)) return "not the name of a variable: " + name;
  for (const auto& [name, value] : what.environment)
    if (!is_name(name)) return "not the name of a variable: " + name;
  return {};
}

void add_surroundings(sh_script& script, const command& what) {
  if (what.attributes.umask)
    script.add(fmt::format("umask {:03o}; ", *what.attributes.umask & 0777));
  for (const std::string& name : what.attributes.removed_variables)
    script.add("unset " + name + "; ");
  if (!what.directory.empty()) {
    bool looks_like_option = what.directory[0] == '-';
    script.add("cd ").add_word((looks_like_option ? "./" : "") + what.directory);
    script.add(" || exit 1; ");
  }
  for (const auto& [name, value] : what.variables())
    script.add("export ").add(name).add("=").add_word(value).add("; ");
}

// Whether a shell is to read text of the user's, the login shell of the host.
bool is_text(const command& what) { return !what.through_shell && !what.text.empty(); }

std::string with_surroundings(const command& what, std::string_view shell) {
  sh_script script;
  add_surroundings(script, what);
  if (is_text(what)) {
    script.add("exec ");
    (void)(shell.empty() ? script.add_login_shell() : script.add_word(shell));
    script.add(" -c ").add_word(what.shell_text());
    return script.command();
  }
  std::string_view gap;
  for (const std::string& word : what.through_shell ? what.argv() : what.words) {
    script.add(gap).add_word(word);
    gap = " ";
  }
  return script.command();
}

std::string alone(const command& what) {
  if (is_text(what)) return what.shell_text();
  return login_shell_text(what.through_shell ? what.argv() : what.words);
}

}  // namespace

std::optional<std::string> remote_text(const command& what, std::string& problem,
                                       std::string_view shell) {
  problem = why_not(what);
  if (!problem.empty()) return std::nullopt;
  std::string text = has_surroundings(what) ? with_surroundings(what, shell) : alone(what);
  if (text.find('\0') == text.npos) return text;
  problem = "a command cannot contain a NUL byte";
  return std::nullopt;
}

}  // namespace execo::detail
