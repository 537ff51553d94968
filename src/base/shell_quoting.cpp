// The quoting half of shell_words.hpp. Nothing here throws: the agent, which has no exceptions,
// uses it too.
#include "base/shell_words.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace execo::detail {
namespace {

constexpr std::string_view plain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+=:,./-";

// Where a command begins, these are grammar to one shell or another, and NAME=value is an
// assignment; zsh reads =name as a path anywhere.
bool has_meaning(std::string_view word) {
  static constexpr std::array<std::string_view, 28> reserved{
      "if",     "then",     "else",   "elif",    "fi",        "do",     "done",
      "case",   "esac",     "while",  "until",   "for",       "in",     "time",
      "select", "function", "coproc", "end",     "repeat",    "and",    "or",
      "not",    "begin",    "switch", "foreach", "nocorrect", "noglob", "@"};
  if (std::ranges::find(reserved, word) != reserved.end()) return true;
  std::size_t equals = word.find('=');
  return equals != std::string_view::npos &&
         word.substr(0, equals).find_first_of("@:,./-") == std::string_view::npos;
}

}  // namespace

bool is_inert(std::string_view text) {
  return text.find_first_not_of(plain) == std::string_view::npos;
}

// In single quotes csh expands "!", fish reads "\\" and "\'", and none can quote "'": these
// three are written outside, after a backslash.
std::string quote_word(std::string_view word) {
  if (word.empty()) return "''";
  if (is_inert(word) && !has_meaning(word)) return std::string(word);
  std::string quoted;
  bool inside = false;
  for (char c : word) {
    bool stands_outside = c == '\'' || c == '\\' || c == '!';
    if (inside == stands_outside) quoted += '\'';
    inside = !stands_outside;
    if (stands_outside) quoted += '\\';
    quoted += c;
  }
  if (inside) quoted += '\'';
  return quoted;
}

std::string join_quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += quote_word(word);
  }
  return text;
}

sh_script& sh_script::add(std::string_view text) {
  assert(text.find('\n') == std::string_view::npos);
  text_ += text;
  return *this;
}

sh_script& sh_script::add_word(std::string_view word) {
  std::size_t end = word.find('\n');
  if (end == word.npos) return add(quote_word(word));
  has_parameters_ = true;
  for (; end != word.npos; end = word.find('\n')) {
    if (end > 0) text_ += quote_word(word.substr(0, end));
    text_ += "\"$1\"";
    word.remove_prefix(end + 1);
  }
  if (!word.empty()) text_ += quote_word(word);
  return *this;
}

sh_script& sh_script::add_login_shell() {
  has_parameters_ = true;
  return add("\"$2\"");
}

namespace {

// Does not cut a character of UTF-8.
std::size_t end_of_part(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text.size();
  std::size_t end = most;
  while (end > most - 3 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return end;
}

}  // namespace

// A word of csh has at most 8 KiB, and one here may be four times as long when it is quoted.
std::string sh_script::command() const {
  constexpr std::size_t max_word = 1536;
  // A POSIX shell starts with a blank, a tab and a newline in IFS, whatever its environment says.
  std::string_view parameters =
      has_parameters_ ? "set -- \"${IFS#??}\" \"${SHELL:-/bin/sh}\"; " : "";
  const std::string text = std::string(parameters) + text_;
  if (text.size() <= max_word) return "exec /bin/sh -c " + quote_word(text);
  std::string joined;
  std::string words;
  std::size_t count = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view part = rest.substr(0, end_of_part(rest, max_word));
    rest.remove_prefix(part.size());
    joined += "${" + std::to_string(++count) + "}";
    words += " " + quote_word(part);
  }
  return "exec /bin/sh -c 'eval \"" + joined + "\"' sh" + words;
}

std::string login_shell_text(const std::vector<std::string>& words) {
  std::string text = join_quoted(words);
  if (text.find('\n') == text.npos) return text;
  sh_script script;
  for (const std::string& word : words)
    script.add(&word == &words.front() ? "" : " ").add_word(word);
  return script.command();
}

}  // namespace execo::detail
