#include "execo/command.hpp"

#include <stdexcept>

#include "base/shell_words.hpp"

namespace execo {

command::command(std::string_view given) : text(given) {}
command::command(std::vector<std::string> given) : words(std::move(given)) {}

std::vector<std::string> command::argv() const {
  std::vector<std::string> argv;
  if (through_shell) {
    argv.emplace_back("/bin/sh");
    argv.emplace_back("-c");
    argv.push_back(shell_text());
    return argv;
  }
  if (!text.empty()) argv = detail::split_words(text);
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

std::string command::shell_text() const {
  std::string quoted = detail::join_quoted(words);
  if (text.empty() || quoted.empty()) return text + quoted;
  return text + " " + quoted;
}

void command::add_handler(std::shared_ptr<handler> h) {
  if (!h) throw std::invalid_argument("a handler that is a null pointer");
  handlers.push_back(std::move(h));
}

std::string command::name() const {
  constexpr std::size_t longest = 60;
  std::string shown;
  bool blank = false;
  for (char c : shell_text()) {
    // Control characters of a command must not reach a terminal through an error message.
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
      blank = !shown.empty();
      continue;
    }
    if (blank) shown += ' ';
    blank = false;
    shown += c;
    if (shown.size() > longest) return shown.substr(0, longest - 3) + "...";
  }
  return shown;
}

}  // namespace execo
