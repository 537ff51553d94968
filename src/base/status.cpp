#include "execo/status.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "execo/printable.hpp"
#include "execo/result_error.hpp"

namespace execo {

std::string_view to_string(end_reason how) noexcept {
  static constexpr std::array<std::string_view, end_reason_count> words{
      "exited",          "signaled",       "timed_out",      "cancelled",
      "spawn_failed",    "connect_failed", "auth_failed",    "host_key_rejected",
      "connection_lost", "not_started",    "output_failed",  "protocol_error",
      "status_lost",     "unsupported",    "transfer_failed"};
  return words[static_cast<std::size_t>(how)];
}

std::string_view to_string(phase where) noexcept {
  static constexpr std::array<std::string_view, phase_count> words{
      "resolve", "connect", "kex", "auth", "open", "run", "first_output", "idle", "total", "drain"};
  return words[static_cast<std::size_t>(where)];
}

std::string_view to_string(leftover_cause why) noexcept {
  static constexpr std::array<std::string_view, leftover_causes> words{
      "none",           "not_permitted", "held",      "no_second_channel",
      "forced_command", "no_signals",    "no_answer", "connection_lost"};
  return words[static_cast<std::size_t>(why)];
}

std::string_view in_words(leftover_cause why) noexcept {
  switch (why) {
    case leftover_cause::none:
      return "";
    case leftover_cause::not_permitted:
      return "it belongs to another user";
    case leftover_cause::held:
      return "KILL did not end it";
    case leftover_cause::no_second_channel:
      return "the server passes no signal on and opens no second channel (MaxSessions)";
    case leftover_cause::forced_command:
      return "the server runs a command of its own choice (ForceCommand, command=)";
    case leftover_cause::no_signals:
      return "nothing passes signals on to it";
    case leftover_cause::no_answer:
      return "the server did not say in time what became of it";
    case leftover_cause::connection_lost:
      return "the connection was lost";
  }
  return "";
}

std::string_view to_string(failure_reason why) noexcept {
  static constexpr std::array<std::string_view, failure_reasons> words{"none",
                                                                       "unknown_host",
                                                                       "refused",
                                                                       "unreachable",
                                                                       "dropped",
                                                                       "no_banner",
                                                                       "closed",
                                                                       "max_startups",
                                                                       "no_common_algorithm",
                                                                       "host_key_unknown",
                                                                       "host_key_changed",
                                                                       "host_key_revoked",
                                                                       "wrong_key",
                                                                       "wrong_password",
                                                                       "password_change",
                                                                       "source_changed",
                                                                       "digest_mismatch"};
  return words[static_cast<std::size_t>(why)];
}

std::string_view to_string(connection_use what) noexcept {
  static constexpr std::array<std::string_view, connection_uses> words{"none", "made", "reused",
                                                                       "replaced"};
  return words[static_cast<std::size_t>(what)];
}

std::string_view to_string(transport_kind what) noexcept {
  static constexpr std::array<std::string_view, transport_kinds> words{
      "none", "local", "libssh", "openssh", "connector", "exec", "tree"};
  return words[static_cast<std::size_t>(what)];
}

std::string_view to_string(certainty how) noexcept {
  static constexpr std::array<std::string_view, 3> words{"no", "maybe", "yes"};
  return words[static_cast<std::size_t>(how)];
}

std::string_view to_string(output_limit which) noexcept {
  static constexpr std::array<std::string_view, output_limits> words{"none", "stream", "context"};
  return words[static_cast<std::size_t>(which)];
}

std::string_view to_string(stream which) noexcept { return which == stream::out ? "out" : "err"; }

std::string_view in_words(phase where) noexcept {
  switch (where) {
    case phase::resolve:
      return "while its name was resolved";
    case phase::connect:
      return "while connecting";
    case phase::kex:
      return "during the key exchange";
    case phase::auth:
      return "during authentication";
    case phase::open:
      return "while the command was being started";
    case phase::first_output:
      return "before its first output";
    case phase::idle:
      return "while it wrote nothing";
    case phase::total:
      return "before all was done";
    case phase::drain:
      return "while its output was drained";
    default:
      return "while it ran";
  }
}

exit_status exit_status::of_code(int code) noexcept {
  exit_status s;
  s.kind_ = kind::code;
  s.value_ = code;
  return s;
}

exit_status exit_status::of_signal(int number) noexcept {
  exit_status s;
  s.kind_ = kind::signal;
  s.value_ = number;
  return s;
}

exit_status exit_status::of_signal_name(std::string_view name) noexcept {
  // RFC 4254, 6.10: a name that is not in its list is followed by "@" and the name's owner.
  std::string_view bare = name.substr(0, name.find('@'));
  int number = signal_number(bare);
  if (number == 0 && bare.starts_with("SIG")) number = signal_number(bare.substr(3));
  exit_status s = of_signal(number);
  if (number != 0) return s;
  if (name.empty()) name = "without a name";
  std::size_t size = std::min(name.size(), s.name_.size() - 1);
  std::ranges::transform(name.substr(0, size), s.name_.begin(),
                         [](char c) { return c >= ' ' && c <= '~' ? c : '?'; });
  return s;
}

std::optional<int> exit_status::code() const noexcept {
  return kind_ == kind::code ? std::optional<int>(value_) : std::nullopt;
}

std::optional<int> exit_status::signal() const noexcept {
  return kind_ == kind::signal ? std::optional<int>(value_) : std::nullopt;
}

std::string exit_status::signal_name() const {
  if (kind_ != kind::signal) return {};
  if (name_[0] != '\0') return name_.data();
  const char* known = ::sigabbrev_np(value_);
  return known != nullptr ? std::string(known) : "SIG" + std::to_string(value_);
}

std::string exit_status::to_string() const {
  if (kind_ == kind::code) return fmt::format("exit code {}", value_);
  if (kind_ == kind::signal) return "signal " + signal_name();
  return "no status";
}

std::string resource_usage::to_string() const {
  std::string text = format_duration(user) + " user, " + format_duration(system) + " system";
  if (peak_memory)
    text += fmt::format(", {:.3g} MiB", static_cast<double>(*peak_memory) / (1 << 20));
  return text;
}

int signal_number(std::string_view name) noexcept {
  for (int n = 1; n < NSIG; ++n) {
    const char* known = ::sigabbrev_np(n);
    if (known != nullptr && name == known) return n;
  }
  if (!name.starts_with("SIG")) return 0;
  int number = 0;
  const char* end = name.data() + name.size();
  auto [stopped, error] = std::from_chars(name.data() + 3, end, number);
  bool exists = error == std::errc() && stopped == end && number > 0 && number < NSIG;
  return exists ? number : 0;
}

namespace {

std::string cut_in_words(std::uint64_t out, std::uint64_t err, output_limit by) {
  std::string text;
  auto add = [&text](std::uint64_t bytes, std::string_view stream) {
    if (bytes == 0) return;
    text += fmt::format("; {} bytes of its {} were left out", bytes, stream);
  };
  add(out, "stdout");
  add(err, "stderr");
  if (by == output_limit::context) text += ", since the output budget of the context was spent";
  return text;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  std::size_t start = text.find_last_of('\n');
  if (start != std::string_view::npos) text.remove_prefix(start + 1);
  constexpr std::size_t max_shown = 200;
  return printable(text, max_shown);
}

}  // namespace

const result::rare_details result::no_details;

result::result(const result& other) = default;
result::result(result&& other) noexcept = default;
result& result::operator=(const result& other) = default;
result& result::operator=(result&& other) noexcept = default;
result::~result() = default;

std::string result::describe() const {
  std::string text = "`" + name_ + "` ";
  std::string after = " after " + format_duration(elapsed_);
  switch (how_) {
    case end_reason::exited:
      text += fmt::format("exited {}{}", status_.code().value_or(-1), after);
      break;
    case end_reason::signaled:
      text += fmt::format("was ended by signal {}{}", status_.signal_name(), after);
      break;
    case end_reason::timed_out:
      text += fmt::format("timed out {}{}", in_words(phase_), after);
      break;
    case end_reason::cancelled:
      text += "was cancelled" + after;
      break;
    case end_reason::not_started:
      text += "was not started";
      break;
    default:
      text += fmt::format("{}{}", to_string(how_), after);
      break;
  }
  if (!error_context().empty()) text += ": " + error_context();
  // If the context already names the cause, it is not repeated.
  if (error_ && error_context().find(error_.message()) == std::string::npos)
    text += ": " + error_.message();
  if (may_still_run()) text += fmt::format("; it may still run: {}", in_words(leftover_));
  for (pid_t pid : escaped()) text += fmt::format("; process {} outlived it", pid);
  bool ran = how_ == end_reason::exited || how_ == end_reason::signaled;
  if (ran && !output_complete_) text += "; its output did not end, and the rest was not read";
  if (dropped_by_ != output_limit::none)
    text += cut_in_words(out_dropped_, err_dropped_, dropped_by_);
  if (ran && !ok_ && !err.empty()) text += ": " + last_line(err);
  // Parts of it are untrusted: the server's text, a file name.
  return printable(text);
}

int result::exit_code() const noexcept {
  if (status_.signal()) return 128 + *status_.signal();
  return status_.code().value_or(-1);
}

const result& result::check() const {
  if (!ok_) throw result_error(describe(), *this);
  return *this;
}

}  // namespace execo
