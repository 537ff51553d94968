#include "ssh/config_values.hpp"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdint>

#include "execo/printable.hpp"
#include "ssh/config_words.hpp"
#include "ssh/name_patterns.hpp"

namespace execo::detail {
namespace {

using values = std::vector<std::string>;

constexpr std::size_t max_files = 32;

[[noreturn]] void refuse(const config_keyword& keyword, std::string_view value,
                         std::string_view why) {
  throw config_value_error(fmt::format("{} '{}': {}", keyword.name, printable(value), why));
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

values quoted_words(const config_keyword& keyword, std::string_view rest) {
  std::optional<values> words = split_config_words(rest);
  if (!words) throw config_value_error(fmt::format("{}: a quote has no end", keyword.name));
  return std::move(*words);
}

values words_of(const config_keyword& keyword, std::string_view rest) {
  values words = quoted_words(keyword, rest);
  if (words.empty() || words.front().empty())
    throw config_value_error(fmt::format("{}: the value is missing", keyword.name));
  return words;
}

std::string one_word(const config_keyword& keyword, std::string_view rest, std::size_t most = 1) {
  values words = words_of(keyword, rest);
  if (words.size() > most)
    refuse(keyword, words[most], "one word too many; put a value with blanks in quotes");
  return std::move(words.front());
}

/// The shown form of a choice; empty: it is none of them.
std::string_view find_choice(std::string_view choices, std::string_view given) {
  while (!choices.empty()) {
    std::string_view one = choices.substr(0, choices.find(' '));
    choices.remove_prefix(std::min(one.size() + 1, choices.size()));
    std::size_t middle = one.find('=');
    if (one.substr(0, middle) == given) return one.substr(middle + 1);
  }
  return {};
}

std::string choice(const config_keyword& keyword, const std::string& given) {
  std::string_view shown = find_choice(keyword.choices, lower_case(given));
  if (!shown.empty()) return std::string(shown);
  std::string known;
  for (std::string_view left = keyword.choices; !left.empty();) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", left.substr(0, left.find('=')));
    left.remove_prefix(std::min(left.find(' '), left.size() - 1) + 1);
  }
  refuse(keyword, given, "choose from " + known);
}

std::string count(const config_keyword& keyword, const std::string& given) {
  std::optional<std::int64_t> number = whole_number(given);
  if (!number || *number < 0 || *number > INT_MAX)
    refuse(keyword, given, "not a whole number that is 0 or more");
  return std::to_string(*number);
}

// The look-up of a service reads /etc/services, or asks what nsswitch.conf(5) names.
std::optional<int> port_number(const std::string& given) {
  std::optional<std::int64_t> number = whole_number(given);
  if (number) return *number >= 0 && *number <= 65'535 ? std::optional(int(*number)) : std::nullopt;
  servent entry{};
  servent* found = nullptr;
  char buffer[1024];
  if (::getservbyname_r(given.c_str(), "tcp", &entry, buffer, sizeof buffer, &found) != 0 || !found)
    return std::nullopt;
  auto port = static_cast<unsigned>(found->s_port);
  return static_cast<int>((port & 0xff) << 8 | (port >> 8 & 0xff));
}

std::string port(const config_keyword& keyword, const std::string& given) {
  std::optional<int> number = port_number(given);
  if (!number || *number == 0) refuse(keyword, given, "not a port; take one from 1 to 65535");
  return std::to_string(*number);
}

int seconds(const config_keyword& keyword, const std::string& given) {
  int read = read_config_seconds(given);
  if (read < 0) refuse(keyword, given, "not a time; write 90, 10m or 1h30m");
  return read;
}

values time_value(const config_keyword& keyword, const std::string& given) {
  if (given == "none") return {};
  return {std::to_string(seconds(keyword, given))};
}

// 1.5G: a number with a fraction, and what it counts.
std::uint64_t byte_count(const config_keyword& keyword, const std::string& given) {
  constexpr std::string_view units = "KMGTPE";
  std::string_view text = given;
  std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string_view unit = text.substr(digits);
  std::uint64_t scale = 1;
  if (!unit.empty() && unit != "B" && unit != "b") {
    std::size_t power = units.find(static_cast<char>(unit[0] & ~0x20));
    if (unit.size() != 1 || power == units.npos) refuse(keyword, given, "not a size such as 1G");
    for (std::size_t i = 0; i <= power; ++i) scale *= 1024;
  }
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  bool valid = error == std::errc() && end == text.data() + digits && digits > 0;
  if (!valid || number * static_cast<double>(scale) > 9.2e18)
    refuse(keyword, given, "not a size such as 1G");
  return static_cast<std::uint64_t>(number * static_cast<double>(scale));
}

values rekey(const config_keyword& keyword, std::string_view rest) {
  values words = words_of(keyword, rest);
  std::uint64_t bytes = words[0] == "default" ? 0 : byte_count(keyword, words[0]);
  if (bytes != 0 && bytes < 16) refuse(keyword, words[0], "too small; the least is 16");
  if (words.size() > 2) refuse(keyword, words[2], "one word too many");
  values read{std::to_string(bytes)};
  if (words.size() == 2 && words[1] != "none")
    read.push_back(std::to_string(seconds(keyword, words[1])));
  return read;
}

values jump(const config_keyword& keyword, std::string_view rest) {
  (void)quoted_words(keyword, rest);
  std::string text(rest.substr(0, rest.find('#')));
  text.erase(text.find_last_not_of(config_blanks) + 1);
  if (lower_case(text) == "none") return {"none"};
  std::string_view left = text;
  std::string shown;
  for (bool more = true; more;) {
    std::size_t comma = left.find(',');
    std::string one(left.substr(0, comma));
    more = comma != left.npos;
    if (more) left.remove_prefix(comma + 1);
    std::optional<ssh_destination> hop = read_ssh_address(one);
    if (!hop) refuse(keyword, text, "not a list of [user@]host[:port] between commas");
    if (more) {
      shown += one + ",";
      continue;
    }
    bool bracket = hop->host.find(':') != std::string::npos;
    shown += hop->user.empty() ? "" : hop->user + "@";
    shown += bracket ? "[" + hop->host + "]" : hop->host;
    shown += hop->port.empty() ? "" : ":" + hop->port;
  }
  return {shown};
}

values files(const config_keyword& keyword, std::string_view rest) {
  values words = words_of(keyword, rest);
  if (words.size() > max_files) refuse(keyword, words[max_files], "more than 32 values");
  for (const std::string& word : words) {
    if (word.empty()) throw config_value_error(fmt::format("{}: a value is empty", keyword.name));
    if (words.size() > 1 && lower_case(word) == "none")
      refuse(keyword, word, "must be the only value of its line");
  }
  return words;
}

values variables(const config_keyword& keyword, std::string_view rest) {
  values words = words_of(keyword, rest);
  bool names = keyword.kind == config_kind::send;
  for (const std::string& word : words) {
    bool has_value = word.find('=') != std::string::npos;
    if (names && (word.empty() || has_value))
      refuse(keyword, word, "not the name of a variable; SetEnv takes NAME=VALUE");
    if (!names && !has_value) refuse(keyword, word, "write NAME=VALUE");
  }
  if (names) return words;
  // The first of two values of one name holds.
  values kept;
  for (std::string& word : words) {
    std::string_view name = std::string_view(word).substr(0, word.find('=') + 1);
    if (std::ranges::none_of(kept, [&](const auto& k) { return k.starts_with(name); }))
      kept.push_back(std::move(word));
  }
  return kept;
}

std::string agent(const std::string& given) {
  std::string_view shown = find_choice(config_choices::yes_no, lower_case(given));
  return shown.empty() ? given : std::string(shown);
}

std::string level_of_log(const config_keyword& keyword, const std::string& given) {
  constexpr std::string_view levels =
      "quiet=SILENT silent=SILENT fatal=FATAL error=ERROR info=INFO verbose=VERBOSE debug=DEBUG "
      "debug1=DEBUG "
      "debug2=DEBUG2 debug3=DEBUG3";
  std::string_view shown = find_choice(levels, lower_case(given));
  if (shown.empty())
    refuse(keyword, given, "choose from quiet, fatal, error, info, verbose, debug to debug3");
  return std::string(shown);
}

std::string algorithms(const config_keyword& keyword, const std::string& given) {
  std::string_view list = given;
  if (list.find_first_of("+-^") == 0) list.remove_prefix(1);
  if (list.empty() || list.find_first_of(" \t") != list.npos)
    refuse(keyword, given, "not a list of algorithms between commas");
  return given;
}

values lifetime(const config_keyword& keyword, std::string_view rest) {
  values words = words_of(keyword, rest);
  bool persist = keyword.name == "controlpersist";
  std::string_view known =
      find_choice(persist ? config_choices::yes_no
                          : "yes=true true=true no=false false=false ask=ask confirm=confirm",
                  lower_case(words[0]));
  std::size_t most = known == "confirm" ? 2 : 1;
  if (words.size() > most) refuse(keyword, words[most], "one word too many");
  if (words.size() == 2) return {"confirm " + std::to_string(seconds(keyword, words[1]))};
  if (!known.empty()) return {std::string(known)};
  int length = seconds(keyword, words[0]);
  if (persist && length == 0) return {"yes"};  // without an end
  return {std::to_string(length)};
}

values forward_values(const config_keyword& keyword, std::string_view rest) {
  values words = words_of(keyword, rest);
  if (words.size() > 2) refuse(keyword, words[2], "one word too many");
  if (words.size() == 1 && keyword.name == "localforward")
    refuse(keyword, words[0], "the second address is missing");
  return {words.size() == 1 ? words[0] : words[0] + " " + words[1]};
}

}  // namespace

int read_config_seconds(std::string_view text) noexcept {
  std::int64_t total = 0;
  if (text.empty()) return -1;
  while (!text.empty()) {
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || text[0] == '-' || number > INT_MAX) return -1;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    constexpr std::string_view units = "smhdw";
    constexpr std::int64_t lengths[] = {1, 60, 3600, 86'400, 604'800};
    std::size_t unit = text.empty() ? 0 : units.find(static_cast<char>(text[0] | 0x20));
    if (unit == units.npos) return -1;
    if (!text.empty()) text.remove_prefix(1);
    total += number * lengths[unit];
    if (total > INT_MAX) return -1;
  }
  return static_cast<int>(total);
}

std::optional<ssh_destination> read_ssh_address(std::string_view text) {
  bool uri = text.starts_with("ssh://");
  if (uri) text.remove_prefix(6);
  if (uri && text.ends_with('/')) text.remove_suffix(1);
  ssh_destination read;
  if (std::size_t at = text.rfind('@'); at != text.npos) {
    if (at == 0) return std::nullopt;
    read.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    std::size_t close = text.find(']');
    if (close == text.npos) return std::nullopt;
    read.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text[0] != ':') return std::nullopt;
  } else {
    std::size_t colon = text.find(':');
    if (colon != text.rfind(':')) colon = text.npos;  // an IPv6 address
    read.host = text.substr(0, colon);
    text.remove_prefix(read.host.size());
  }
  if (!text.empty()) {
    std::optional<int> number = port_number(std::string(text.substr(1)));
    if (!number || *number == 0) return std::nullopt;
    read.port = std::to_string(*number);
  }
  bool valid = !read.host.empty() && read.host[0] != '-' &&
               read.host.find_first_of(" \t/\"'") == std::string::npos;
  return valid ? std::optional(std::move(read)) : std::nullopt;
}

values read_config_values(const config_keyword& keyword, std::string_view rest) {
  auto word = [&] { return one_word(keyword, rest); };
  switch (keyword.kind) {
    case config_kind::word:
      return {word()};
    case config_kind::words:
    case config_kind::host:
    case config_kind::include:
      return words_of(keyword, rest);
    case config_kind::files:
      return files(keyword, rest);
    case config_kind::rest:
      (void)quoted_words(keyword, rest);  // quotes are checked, then left as they are
      return {std::string(rest.substr(std::min(rest.find_first_not_of(" \t\r\n="), rest.size())))};
    case config_kind::choice:
      return {choice(keyword, word())};
    case config_kind::count:
      return {count(keyword, word())};
    case config_kind::port:
      return {port(keyword, word())};
    case config_kind::seconds:
      return time_value(keyword, word());
    case config_kind::rekey:
      return rekey(keyword, rest);
    case config_kind::jump:
      return jump(keyword, rest);
    case config_kind::send:
    case config_kind::assign:
      return variables(keyword, rest);
    case config_kind::agent:
      return {agent(word())};
    case config_kind::log_level:
      return {level_of_log(keyword, word())};
    case config_kind::algorithms:
      return {algorithms(keyword, word())};
    case config_kind::lifetime:
      return lifetime(keyword, rest);
    case config_kind::forward:
      return forward_values(keyword, rest);
    case config_kind::anything:
    case config_kind::match:
      break;
  }
  return {};
}

}  // namespace execo::detail
