#include "groups/group_source.hpp"

#include <algorithm>
#include <cctype>

namespace execo::detail {

namespace {

using clock = std::chrono::steady_clock;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A group's name becomes part of a command line. Rather than guess how the command quotes it, names
// that mean something to a shell are refused.
void check_name(const std::string& group) {
  constexpr std::string_view harmless = "_-.:+=%/,~[]";
  for (const char c : group) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && std::isalnum(byte) == 0 && harmless.find(c) == std::string_view::npos) {
      throw source_failure("group name \"" + group + "\" has a character that a shell interprets");
    }
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

std::string join_words(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    if (!out.empty()) out += ',';
    out += text.substr(at, end - at);
    at = end;
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

std::string table_source::members(const std::string& group) {
  const std::lock_guard lock(mutex_);
  const group_table& groups = table();
  const auto found = groups.find(group);
  return found == groups.end() ? std::string{} : found->second;
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

std::string command_source::ask(const std::string& command, const std::string& group) {
  const std::string filled = substitute(command, {{"GROUP", group}, {"SOURCE", name_}});
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

std::string command_source::members(const std::string& group) {
  check_name(group);
  return join_words(ask(how_.map, group));
}

std::optional<std::string> command_source::all() {
  if (how_.all.empty()) return std::nullopt;
  return join_words(ask(how_.all, {}));
}

std::optional<std::vector<std::string>> command_source::names() {
  if (how_.list.empty()) return std::nullopt;
  std::vector<std::string> names;
  const std::string text = ask(how_.list, {});
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    if (end > at) names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  for (const std::string& name : names) {
    if (name.find_first_of("@,!&^*") != std::string::npos) {
      throw source_failure("illegal character in the group name \"" + name + "\"");
    }
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace execo::detail
