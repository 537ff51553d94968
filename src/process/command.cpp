#include "execo/command.hpp"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <stdexcept>
#include <unordered_map>

#include "base/shell_words.hpp"
#include "execo/printable.hpp"
#include "io/stdio_spec.hpp"

namespace execo {

command::command(as_text, std::string_view given) : text(given) {}
command::command(as_words, detail::word_list argv) : words(std::move(argv).take()) {}

void command::add_words(detail::word_list more) {
  std::vector<std::string> added = std::move(more).take();
  words.insert(words.end(), std::make_move_iterator(added.begin()),
               std::make_move_iterator(added.end()));
}

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

void command::set_out(sink where) {
  const detail::sink_spec* spec = detail::stdio_access::of(where);
  if (spec != nullptr && spec->what == detail::sink_spec::kind::merged)
    throw std::invalid_argument("merged() is for the standard error");
  out = std::move(where);
}

void command::set_err(sink where) { err = std::move(where); }

void command::set_in(source from) {
  const detail::source_spec* spec = detail::stdio_access::of(from);
  has_input = spec != nullptr;
  bool is_text = has_input && spec->what == detail::source_spec::kind::text;
  input = is_text ? spec->bytes : std::string();
  in = is_text ? source() : std::move(from);
}

void command::add_handler(std::shared_ptr<handler> h) {
  if (!h) throw std::invalid_argument("a handler that is a null pointer");
  handlers.push_back(std::move(h));
}

std::string command::name() const {
  // A blank for each gap: what is shown stands in one line.
  std::string shown;
  bool blank = false;
  const std::string whole = given_name.empty() ? shell_text() : given_name;
  for (char c : whole) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      blank = !shown.empty();
      continue;
    }
    if (blank) shown += ' ';
    blank = false;
    shown += c;
  }
  constexpr std::size_t max_shown = 60;
  return printable(shown, max_shown);
}

std::vector<stop_policy::step> command::stop_sequence() const {
  std::vector<stop_policy::step> steps = stop_steps.steps();
  if (steps.empty()) steps.emplace_back(SIGTERM, kill_timeout);
  if (steps.back().signal != SIGKILL) steps.emplace_back(SIGKILL, duration(0));
  return steps;
}

execo::kill_scope command::kill_scope() const noexcept {
  // A group that others are in as well is not ours to end.
  auto by_default =
      attributes.process_group == 0 ? execo::kill_scope::group : execo::kill_scope::process;
  return scope.value_or(by_default);
}

void command::set_variable(std::string_view name, std::string_view value) {
  auto& removed = attributes.removed_variables;
  if (!removed.empty()) std::erase(removed, name);
  environment.emplace_back(name, value);
}

std::vector<std::pair<std::string_view, std::string_view>> command::variables() const {
  std::unordered_map<std::string_view, std::size_t> places;
  std::vector<std::pair<std::string_view, std::string_view>> all;
  for (const auto& [name, value] : environment) {
    auto [place, is_new] = places.try_emplace(name, all.size());
    if (is_new) {
      all.emplace_back(name, value);
    } else {
      all[place->second].second = value;
    }
  }
  return all;
}

void command::remove_variable(std::string_view name) {
  std::erase_if(environment, [name](const auto& variable) { return variable.first == name; });
  attributes.removed_variables.emplace_back(name);
}

void command::clear_variables() {
  environment.clear();
  attributes.removed_variables.clear();
  attributes.clear_environment = true;
}

}  // namespace execo
