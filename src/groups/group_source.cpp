#include "groups/group_source.hpp"

#include <algorithm>
#include <cctype>

#include "groups/group_files.hpp"
#include "hosts/group_resolver.hpp"
#include "hosts/text_scan.hpp"

namespace execo::detail {

namespace {

using clock = std::chrono::steady_clock;

// A name becomes part of a command line. Rather than guess how the command quotes it, names that
// mean something to a shell are refused, and so is what sed, grep and options of commands read.
void check_name(std::string_view what, const std::string& name) {
  constexpr std::string_view harmless = "_-.:+=%,~@";
  if (name.starts_with('-')) {
    throw source_failure(std::string{what} + " \"" + name + "\" begins like an option");
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && std::isalnum(byte) == 0 && harmless.find(c) == std::string_view::npos) {
      throw source_failure(std::string{what} + " \"" + name +
                           "\" has a character that a shell or sed interprets");
    }
  }
}

// The words of `list`, each a set of names; one that is none stays as it is.
void append_names(std::vector<std::string>& names, const std::string& word) {
  if (word.find('[') == std::string::npos) return names.push_back(word);
  try {
    read_options plain;
    plain.place.wildcards = false;
    for (std::string name : read_set(word, plain)) names.push_back(std::move(name));
  } catch (const host_set_error&) {
    names.push_back(word);
  }
}

}  // namespace

std::string substitute(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '$') {
      const bool braces = at + 1 < text.size() && text[at + 1] == '{';
      const std::size_t from = at + (braces ? 2 : 1);
      std::size_t end = from;
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
        ++end;
      }
      const auto value = values.find(std::string{text.substr(from, end - from)});
      const bool closed = !braces || (end < text.size() && text[end] == '}');
      if (value != values.end() && closed) {
        out += value->second;
        at = end + (braces ? 1 : 0);
        continue;
      }
    }
    out += text[at++];
  }
  return out;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
    } else if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else {
      std::size_t end = at;
      while (end < text.size() && !is_blank(text[end]) && text[end] != '#') ++end;
      words.emplace_back(text.substr(at, end - at));
      at = end;
    }
  }
  return words;
}

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string& word : words_of(list)) append_names(names, word);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string normalize(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool apart = false;   // something that separates came since the last character
  bool inside = false;  // brackets
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') inside = false;
    if (c == '#' && !inside) at = std::min(text.find('\n', at), text.size() - 1);
    if (!inside && (is_blank(c) || c == ',' || c == '#')) {
      apart = true;
      continue;
    }
    const bool joins = is_operator(c) || out.empty() || (is_operator(out.back()) && !inside);
    if (apart && !joins) out += ',';
    apart = false;
    inside = c == '[' || (inside && c != ']');
    out += c;
  }
  return out;
}

const group_table& table_source::table() {
  if (!load_) return table_;
  const auto age = clock::now() - made_;
  if (loaded_ && age <= times_.fresh) return table_;
  try {
    table_ = load_();
    made_ = clock::now();
    loaded_ = true;
  } catch (const source_failure&) {
    if (!loaded_ || age > times_.fresh + times_.stale) throw;
  }
  return table_;
}

std::optional<std::string> table_source::members(const std::string& group) {
  const std::lock_guard lock(mutex_);
  const group_table& groups = table();
  const auto found = groups.find(group);
  if (found == groups.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> table_source::all() {
  const std::lock_guard lock(mutex_);
  const group_table& groups = table();
  const auto found = groups.find("all");
  if (found == groups.end()) return std::nullopt;
  return found->second;
}

std::optional<std::vector<std::string>> table_source::names() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, members] : table()) names.push_back(name);
  return names;
}

command_source::command_source(std::string name, commands how)
    : name_(std::move(name)), how_(std::move(how)) {
  if (how_.map_all.empty()) return;
  const auto load = [this] {
    const std::string command = substitute(how_.map_all, {{"SOURCE", name_}});
    return read_group_lines(run_command(command, how_.directory, how_.timeout));
  };
  map_all_.emplace(load, how_.times);
}

std::string command_source::ask(const std::string& command, const values& filled_in) {
  values all = filled_in;
  all.emplace("SOURCE", name_);
  const std::string filled = substitute(command, all);
  // One question at a time: threads that ask the same wait for one command, not each for its own.
  const std::lock_guard lock(mutex_);
  const auto known = answers_.find(filled);
  const auto age = known == answers_.end() ? clock::duration{} : clock::now() - known->second.made;
  if (known != answers_.end() && age <= how_.times.fresh) return known->second.text;
  try {
    std::string text = run_command(filled, how_.directory, how_.timeout);
    answers_[filled] = {text, clock::now()};
    return text;
  } catch (const source_failure&) {
    if (known == answers_.end() || age > how_.times.fresh + how_.times.stale) throw;
    return known->second.text;
  }
}

// Whether an empty answer is that of an empty group, and not of a name that is mistyped.
bool command_source::is_listed(const std::string& group) {
  try {
    const auto listed = names();
    return !listed || std::ranges::find(*listed, group) != listed->end();
  } catch (const source_failure&) {
    return true;
  }
}

std::optional<std::string> command_source::members(const std::string& group) {
  check_name("group name", group);
  if (map_all_) {
    auto found = map_all_->members(group);
    if (found || how_.map.empty()) return found;
  }
  std::string text = ask(how_.map, {{"GROUP", group}});
  if (words_of(text).empty() && !is_listed(group)) return std::nullopt;
  return text;
}

std::optional<std::string> command_source::all() {
  if (how_.all.empty()) return std::nullopt;
  return ask(how_.all, {});
}

std::optional<std::vector<std::string>> command_source::names() {
  if (map_all_) return map_all_->names();
  if (how_.list.empty()) return std::nullopt;
  return names_in(ask(how_.list, {}));
}

std::vector<std::string> command_source::groups_of(const std::string& host) {
  check_name("host name", host);
  return words_of(ask(how_.reverse, {{"NODE", host}}));
}

}  // namespace execo::detail
