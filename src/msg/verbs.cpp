#include "msg/verbs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/execo_msg.h"

namespace execo::msg {
namespace {

// Exit codes: what was asked for was not there, or was not asked for in the right way.
constexpr int not_done = 1;
constexpr int misused = 2;

constexpr std::string_view teaching =
    R"(execo-msg: messages between the commands of `execo` that go by way of a tree.

  execo-msg rank                        the rank of this command, from 1
  execo-msg count                       how many there are
  execo-msg father                      the host that has reached this one
  execo-msg send TO [TEXT]              to TO: a rank, ranks such as 1-3,7, `all` others, or
                                        `root`, who runs the action (rank 0);
                                        without TEXT, or with -, what is read from standard input
  execo-msg recv [-f] [--timeout TIME]  prints the next message; -f: behind the rank of its
                                        sender and a space; TIME: 10, 2.5s, 300ms, 1m
  execo-msg barrier                     waits for all others; prints how many have come
  execo-msg reduce sum|min|max NUMBER   what the numbers of all come to
  execo-msg reduce histogram TEXT       how often there is each text, a line of each
  execo-msg reduce fold TEXT            what who runs the action makes of all texts

Exit status: 0: done. 1: no message came in time, or the action has ended. 2: wrong arguments, or
this is no command of a tree.
)";

void print(int where, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(where, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

int fail(int code, std::string_view words) {
  print(2, std::string("execo-msg: ").append(words).append("\n"));
  return code;
}

int misuse(std::string_view words) { return fail(misused, std::string(words) + "; see --help"); }

int fail_of_call() {
  if (errno == EINVAL) return fail(misused, execo_msg_problem());
  if (errno == ESRCH)
    return fail(not_done, "the agent of this host has gone, or this command has ended");
  return fail(not_done, "there is no memory or descriptor left");
}

int print_variable(const char* name) {
  const char* value = ::getenv(name);
  if (value == nullptr) return fail(misused, "this is no command of a tree");
  print(1, std::string(value) + "\n");
  return 0;
}

/// Nothing: it is no number, or too large.
template <class Integer>
std::optional<Integer> integer_of(std::string_view text) {
  Integer value = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

/// Of digits and a point, with a sign.
std::optional<double> real_of(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  double value = 0, place = 0;
  bool has_digit = false;
  for (char one : text) {
    if (one == '.' && place == 0) {
      place = 1;
      continue;
    }
    if (one < '0' || one > '9') return std::nullopt;
    has_digit = true;
    value = value * 10 + (one - '0');
    place *= 10;
  }
  if (!has_digit) return std::nullopt;
  if (place > 0) value /= place;
  return is_negative ? -value : value;
}

/// With at most six digits behind the point.
std::string text_of(double value) {
  constexpr double parts = 1e6;
  constexpr double largest = 9e12;
  const bool is_negative = value < 0;
  if (is_negative) value = -value;
  if (!(value < largest)) return is_negative ? "-9e12 or below" : "9e12 or above";
  const auto scaled = static_cast<std::uint64_t>(value * parts + 0.5);
  std::string fraction = std::to_string(1'000'000 + scaled % 1'000'000).substr(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  std::string text = (is_negative ? "-" : "") + std::to_string(scaled / 1'000'000);
  return fraction.empty() ? text : text + "." + fraction;
}

/// False: these are no ranks.
bool read_ranges(std::string_view text, std::vector<execo_msg_range>& into) {
  if (text == "all") return true;
  if (text == "root") text = "0";
  for (;;) {
    const std::size_t end = text.find(',');
    const std::string_view part = text.substr(0, end);
    const std::size_t dash = part.find('-');
    const auto first = integer_of<std::uint32_t>(part.substr(0, dash));
    const auto last = dash == part.npos ? first : integer_of<std::uint32_t>(part.substr(dash + 1));
    if (!first || !last || *first > *last) return false;
    into.push_back({*first, *last});
    if (end == text.npos) return into.size() <= EXECO_MSG_RANGES_MOST;
    text.remove_prefix(end + 1);
  }
}

/// Nothing: it is above what a message may have.
std::optional<std::string> read_input() {
  std::string text;
  std::array<char, 4096> part;
  while (text.size() <= EXECO_MSG_MOST) {
    const ssize_t got = ::read(0, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

int open_talk() {
  const int talk = execo_msg_open();
  if (talk < 0 && errno == ENOENT)
    (void)fail(misused, "this command has no messages: EXECO_MESSAGES is not set");
  else if (talk < 0)
    (void)fail_of_call();
  return talk;
}

int send_words(const std::vector<std::string_view>& words) {
  if (words.empty() || words.size() > 2) return misuse("send takes TO and TEXT");
  std::vector<execo_msg_range> to;
  if (!read_ranges(words[0], to))
    return misuse("`" + std::string(words[0]) + "` is neither ranks, nor `all` or `root`");
  std::optional<std::string> text;
  text = words.size() < 2 || words[1] == "-" ? read_input() : std::string(words[1]);
  if (!text || text->size() > EXECO_MSG_MOST)
    return fail(misused, "a message has 32768 bytes at most");
  const int talk = open_talk();
  if (talk < 0) return misused;
  const long receivers = execo_msg_send_to(talk, to.data(), to.size(), text->data(), text->size());
  if (receivers < 0) return fail_of_call();
  return receivers > 0 ? 0 : fail(not_done, "nobody is there any more");
}

/// In milliseconds. Nothing: it is no time.
std::optional<long> time_of(std::string_view text) {
  double unit = 1'000;
  const auto has = [&text](std::string_view end) {
    if (!text.ends_with(end)) return false;
    text.remove_suffix(end.size());
    return true;
  };
  if (has("ms"))
    unit = 1;
  else if (has("m"))
    unit = 60'000;
  else
    (void)has("s");
  const std::optional<double> value = real_of(text);
  if (!value || *value < 0 || *value * unit > 4e9) return std::nullopt;
  return static_cast<long>(*value * unit);
}

int receive_words(const std::vector<std::string_view>& words) {
  bool shows_sender = false;
  long patience = -1;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::optional<long> time;
    if (words[i] == "-f") {
      shows_sender = true;
      continue;
    }
    if (words[i] == "--timeout" && i + 1 < words.size()) time = time_of(words[++i]);
    if (!time) return misuse("recv takes -f and --timeout TIME");
    patience = *time;
  }
  const int talk = open_talk();
  if (talk < 0) return misused;
  std::string bytes(EXECO_MSG_MOST, '\0');
  std::uint32_t from = 0;
  const ssize_t got = execo_msg_receive(talk, &from, bytes.data(), bytes.size(), patience);
  if (got < 0 && errno == EAGAIN) return fail(not_done, "no message has come in time");
  if (got < 0) return fail_of_call();
  bytes.resize(static_cast<std::size_t>(got));
  if (shows_sender) bytes.insert(0, std::to_string(from) + " ");
  if (!bytes.ends_with('\n')) bytes += '\n';
  print(1, bytes);
  return 0;
}

std::optional<execo_msg_operation> operation_of(std::string_view word) {
  constexpr std::array<std::string_view, 6> names{"barrier", "sum",       "min",
                                                  "max",     "histogram", "fold"};
  const auto found = std::ranges::find(names, word);
  if (found == names.end()) return std::nullopt;
  return static_cast<execo_msg_operation>(found - names.begin());
}

int reduce_words(const std::vector<std::string_view>& words) {
  const auto operation = words.empty() ? std::nullopt : operation_of(words[0]);
  const bool is_barrier = operation == EXECO_MSG_BARRIER;
  if (!operation || words.size() != (is_barrier ? 1U : 2U))
    return misuse("reduce takes sum, min, max, histogram or fold, and a value");
  std::string text(EXECO_MSG_MOST, '\0');
  execo_msg_value value{};
  value.text = text.data();
  const bool is_number = *operation >= EXECO_MSG_SUM && *operation <= EXECO_MSG_MAX;
  std::string_view given = is_barrier || is_number ? std::string_view() : words[1];
  if (is_number) {
    const auto integer = integer_of<std::int64_t>(words[1]);
    const auto real = real_of(words[1]);
    if (!integer && !real) return misuse("`" + std::string(words[1]) + "` is no number");
    value.is_real = !integer;
    value.integer = integer.value_or(0);
    value.real = real.value_or(0);
  }
  if (given.size() > EXECO_MSG_TEXT_MOST) return fail(misused, "a text has 4096 bytes at most");
  const int talk = open_talk();
  if (talk < 0) return misused;
  if (execo_msg_reduce(talk, *operation, &value, given.data(), given.size()) != 0)
    return fail_of_call();
  text.resize(value.size);
  if (is_barrier)
    text = std::to_string(value.took);
  else if (is_number)
    text = value.is_real ? text_of(value.real) : std::to_string(value.integer);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  print(1, text);
  return 0;
}

}  // namespace

int run_verb(int count, char** words) {
  const std::string_view verb = count > 1 ? words[1] : "--help";
  std::vector<std::string_view> rest(words + std::min(count, 2), words + count);
  if (verb == "send") return send_words(rest);
  if (verb == "recv") return receive_words(rest);
  if (verb == "reduce") return reduce_words(rest);
  if (verb == "barrier") {
    rest.insert(rest.begin(), verb);
    return reduce_words(rest);
  }
  if (verb == "rank") return print_variable("EXECO_RANK");
  if (verb == "count") return print_variable("EXECO_COUNT");
  if (verb == "father") return print_variable("EXECO_FATHER");
  if (verb != "--help") return misuse("`" + std::string(verb) + "` is none of its verbs");
  print(1, teaching);
  return 0;
}

}  // namespace execo::msg
