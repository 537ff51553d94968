#include "ssh/command_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/shell_words.hpp"
#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view argv_prefix = "argv:";
constexpr std::string_view exec_prefix = "exec:";

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& known) {
  return std::ranges::find(known, word) != known.end();
}

// They take a program and its words, where ssh takes a text.
constexpr std::array<std::string_view, 7> take_words{"docker", "podman",      "kubectl", "ip",
                                                     "chroot", "systemd-run", "srun"};
// What they run is a process of this machine, in our process group.
constexpr std::array<std::string_view, 11> run_here{
    "sh", "bash", "dash", "ksh", "zsh", "env", "ip", "chroot", "unshare", "nsenter", "setpriv"};

std::optional<std::string> value_of(char token, const token_values& values, std::string& problem) {
  switch (token) {
    case 'h':
      return values.host;
    case 'p':
      return std::to_string(values.port);
    case 'u':
      return values.user;
    case 'n':
      return std::to_string(values.rank);
    default:
      problem =
          fmt::format("%{} is no token; there are %h, %p, %u and %n, and %% is a percent sign",
                      printable(std::string(1, token), 4));
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> expand_tokens(std::string_view text, const token_values& values,
                                         token_reader by, std::string& problem) {
  std::string expanded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      expanded += text[i];
      continue;
    }
    if (++i == text.size()) {
      problem = "a % at the end; %% is a percent sign";
      return std::nullopt;
    }
    if (text[i] == '%') {
      expanded += '%';
      continue;
    }
    std::optional<std::string> value = value_of(text[i], values, problem);
    if (!value) return value;
    if (by == token_reader::shell && !is_inert(*value)) {
      problem = fmt::format(
          "%{} is `{}` here, which means something to a shell; use "
          "\"$EXECO_HOST\", or words that no shell reads (--argv)",
          text[i], printable(*value, 80));
      return std::nullopt;
    }
    expanded += *value;
  }
  return expanded;
}

command_template::command_template(std::string_view text) {
  auto refuse = [text](const std::string& why) {
    throw std::invalid_argument(fmt::format("connector `{}`: {}", printable(text, 200), why));
  };
  std::string_view rest = text;
  if (text.starts_with(exec_prefix)) {
    how_ = form::exec;
    rest.remove_prefix(exec_prefix.size());
  } else if (text == local_connector) {
    how_ = form::argv;
    return;
  } else if (text.starts_with(argv_prefix)) {
    how_ = form::argv;
    rest.remove_prefix(argv_prefix.size());
  }
  try {
    words_ = split_words(rest);
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  }
  if (text.find('\0') != text.npos) refuse("a NUL byte");
  if (how_ == form::exec && !words_.empty())
    refuse("exec: stands alone, since the command itself is what runs: `exec:`");
  if (how_ == form::exec) return;
  if (words_.empty() || words_.front().empty()) refuse("the name of a program is missing");
  std::string problem;
  for (const std::string& word : words_)
    if (!expand_tokens(word, {}, token_reader::program, problem)) refuse(problem);
  if (is_one_of(program(), take_words)) how_ = form::argv;
}

std::string_view command_template::program() const noexcept {
  if (words_.empty()) return {};
  std::string_view path = words_.front();
  return path.substr(path.rfind('/') + 1);
}

bool command_template::passes_signals() const noexcept {
  return how_ == form::exec || words_.empty() || is_one_of(program(), run_here);
}

std::optional<std::vector<std::string>> command_template::pattern() const {
  token_values first, second;
  second.rank = 1;
  std::string problem;
  if (words_.empty() || words(first, problem) != words(second, problem)) return std::nullopt;
  std::vector<std::string> made = words_;
  if (how_ == form::argv) made.insert(made.end(), {"sh", "-c"});
  return made;
}

std::optional<std::vector<std::string>> command_template::words(const token_values& values,
                                                                std::string& problem) const {
  std::vector<std::string> expanded;
  for (const std::string& word : words_) {
    std::optional<std::string> whole = expand_tokens(word, values, token_reader::program, problem);
    if (!whole) return std::nullopt;
    if (whole->starts_with('-') && !word.starts_with('-')) {
      problem = fmt::format("`{}` would be an option of the connector", printable(*whole, 80));
      return std::nullopt;
    }
    expanded.push_back(std::move(*whole));
  }
  return expanded;
}

}  // namespace execo::detail
