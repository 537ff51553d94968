#include "ssh/openssh_log.hpp"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "execo/printable.hpp"
#include "ssh/greeting.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_words = 300;
// ssh cuts its records at 1 KiB.
constexpr std::size_t max_record = 8192;

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

std::string_view behind(std::string_view text, std::string_view part) {
  std::size_t at = text.find(part);
  return at == text.npos ? std::string_view() : text.substr(at + part.size());
}

std::string_view behind_last_colon(std::string_view text) {
  std::size_t colon = text.rfind(": ");
  return colon == text.npos ? std::string_view() : text.substr(colon + 2);
}

std::string_view last_line(std::string_view text) {
  while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);
  return text.substr(text.rfind('\n') + 1);
}

// ssh speaks English whatever the locale.
std::error_code errno_named(std::string_view words) {
  constexpr int last_errno = 133;
  for (int error = 1; error <= last_errno; ++error) {
    const char* text = ::strerrordesc_np(error);
    if (text != nullptr && words == text) return {error, std::system_category()};
  }
  return {};
}

// Messages that say nothing of why it ends.
bool is_remark(std::string_view message) {
  static constexpr std::array<std::string_view, 7> remarks{
      "Warning: ", "Authenticated ",  "Transferred: ", "Bytes per second", "Pseudo-terminal",
      "@",         "Killed by signal"};
  return std::ranges::any_of(remarks, [&](std::string_view r) { return message.starts_with(r); });
}

bool is_breach(std::string_view message) {
  static constexpr std::array<std::string_view, 10> signs{"Bad packet length",
                                                          "Corrupted MAC",
                                                          "message authentication code incorrect",
                                                          "Protocol major versions differ",
                                                          "invalid characters",
                                                          "invalid format",
                                                          "incomplete message",
                                                          "No SSH identification string",
                                                          "Bad remote protocol version",
                                                          "unexpected internal error"};
  return std::ranges::any_of(signs, [&](std::string_view s) { return has(message, s); });
}

}  // namespace

void openssh_log::feed(std::string_view bytes) {
  rest_ += bytes;
  std::size_t from = 0;
  for (std::size_t end = 0; (end = rest_.find("\r\n", from)) != rest_.npos; from = end + 2)
    read_record(std::string_view(rest_).substr(from, end - from));
  rest_.erase(0, from);
  if (rest_.size() > max_record) rest_.clear();
}

void openssh_log::read_record(std::string_view record) {
  constexpr std::string_view level = "debug";
  bool is_step = record.starts_with(level) && record.size() > 8 && record.substr(6, 2) == ": ";
  if (is_step) return read_step(record.substr(8));
  read_message(record);
}

void openssh_log::read_step(std::string_view step) {
  constexpr std::string_view status = "Exit status ";
  constexpr std::string_view accepted = "exec request accepted on channel ";
  constexpr std::string_view subsystem_accepted = "subsystem request accepted on channel ";
  constexpr std::string_view proxied = "Executing proxy command: ";
  if (work_ == work::forward && reached_ == phase::open) listening_.read_step(step);
  if (reached_ <= phase::auth && authentication_.read_step(step)) {
    if (!authentication_.user().empty()) user_ = printable(authentication_.user());
    return;
  }
  if (step.starts_with("Sending command: ") || step.starts_with("Sending subsystem: ")) {
    asked_ = true;
  } else if (step.starts_with("Connecting to ") || step.starts_with(proxied)) {
    way_ = step.starts_with(proxied) ? way::program : way::network;
    reach(phase::connect);
  } else if (step.starts_with("Connection established") || step.starts_with("Local version")) {
    // Whether a program has a connection is known when the server has said something.
    if (way_ != way::program) reach(phase::kex);
  } else if (step.starts_with("Remote protocol version")) {
    reach(phase::kex);
    greeting_ = failure_reason::none;
  } else if (has(step, ": banner line 0: ")) {
    reach(phase::kex);
    said_ = printable(behind(step, ": banner line 0: "), max_words);
    if (says_too_busy(said_)) greeting_ = failure_reason::max_startups;
  } else if (step.starts_with("Forcing accepting of host key for ")) {
    took_any_key_ = true;
  } else if (step.starts_with("SSH2_MSG_NEWKEYS received")) {
    reach(phase::auth);
  } else if (step.starts_with("Authentication succeeded")) {
    reach(phase::open);
  } else if (asked_ && reached_ < phase::run && step.starts_with(accepted)) {
    // Those of a control socket come later.
    channel_ = step.substr(accepted.size());
    reach(phase::run);
  } else if (asked_ && reached_ < phase::run && step.starts_with(subsystem_accepted)) {
    channel_ = step.substr(subsystem_accepted.size());
    reach(phase::run);
  } else if (reached_ == phase::run && step.starts_with("client_input_channel_req: channel " +
                                                        channel_ + " rtype exit-signal")) {
    status_ = exit_status::of_signal_name("unknown");
  } else if (asked_ && step.starts_with(status)) {
    int code = -1;
    std::string_view number = step.substr(status.size());
    (void)std::from_chars(number.data(), number.data() + number.size(), code);
    if (code >= 0) status_ = exit_status::of_code(code);
  }
}

failure_reason openssh_log::reason_so_far() const noexcept {
  if (reached_ == phase::connect) return failure_reason::dropped;
  return reached_ == phase::kex ? greeting_ : failure_reason::none;
}

void openssh_log::read_message(std::string_view message) {
  while (message.ends_with('\r') || message.ends_with('\n')) message.remove_suffix(1);
  if (message.starts_with("Authenticated to ")) return reach(phase::open);
  if (reached_ == phase::auth && authentication_.read_message(message)) return;
  if (work_ == work::forward && reached_ == phase::open) listening_.read_message(message);
  if (message.starts_with("Received disconnect from ")) {
    // "... port 22:2: Too many authentication failures"
    std::string_view words = behind(behind(message, " port "), ":");
    goodbye_ = printable(behind(words, ": "), max_words);
    return;
  }
  if (has(message, "REMOTE HOST IDENTIFICATION HAS CHANGED"))
    host_key_ = "the host key has changed";
  if (has(message, "REVOKED HOST KEY DETECTED")) host_key_ = "the host key is revoked";
  // With StrictHostKeyChecking no it goes on.
  took_any_key_ = took_any_key_ || !host_key_.empty();
  took_new_key_ = took_new_key_ || has(message, "Permanently added '") ||
                  message.starts_with("Failed to add the host to the list of known hosts");
  if (has(message, "host key is known for ") && host_key_.empty())
    host_key_ = "the host key is not known";
  bool refused = (message.starts_with("channel ") && has(message, ": open failed: ")) ||
                 has(message, "request failed on channel");
  if (refused && reached_ < phase::run) refused_ = true;
  if (!message.empty() && !is_remark(message)) message_ = printable(message, max_words);
}

std::error_code openssh_log::listen_error() const {
  return errno_named(behind_last_colon(listening_.problem()));
}

std::string openssh_log::during() const {
  if (reached_ == phase::kex) return "key exchange: ";
  return reached_ == phase::auth ? "authentication of " + user_ + ": " : "";
}

bool openssh_log::refused_by_name_or_address(failure& why) const {
  if (has(message_, "Could not resolve hostname")) {
    std::string_view words = behind(behind(message_, "hostname "), ": ");
    why = failure(end_reason::connect_failed, {}, fmt::format("resolve {}: {}", name_, words));
    why.reason = failure_reason::unknown_host;
    return true;
  }
  if (!message_.starts_with("ssh: connect to ")) return false;
  bool v6 = has(name_, ":");
  why = failure(end_reason::connect_failed, errno_named(behind_last_colon(message_)),
                fmt::format("connect {}{}{}:{}", v6 ? "[" : "", name_, v6 ? "]" : "", port_));
  why.reason = reason_of(why.why);
  return true;
}

bool openssh_log::refused_in_handshake(failure& why) const {
  if (has(message_, "Host key verification failed") || !host_key_.empty()) {
    std::string words = host_key_.empty() ? message_ : host_key_;
    why = failure(end_reason::host_key_rejected, {}, name_ + ": " + words);
    why.reason = has(words, "changed")   ? failure_reason::host_key_changed
                 : has(words, "revoked") ? failure_reason::host_key_revoked
                                         : failure_reason::host_key_unknown;
  } else if (has(message_, "Unable to negotiate")) {
    why =
        failure(end_reason::connect_failed, std::make_error_code(std::errc::protocol_not_supported),
                name_ + ": key exchange: " + std::string(behind(message_, ": ")));
    why.reason = failure_reason::no_common_algorithm;
  } else if (has(message_, "Permission denied (")) {
    why = failure(end_reason::auth_failed, std::make_error_code(std::errc::permission_denied),
                  fmt::format("{}@{}: the server refused the identities; it takes {}", user_, name_,
                              behind(message_, "Permission denied ")));
    why.reason = failure_reason::wrong_key;
  } else if (!goodbye_.empty()) {
    bool in_auth = reached_ == phase::auth;
    why = failure(in_auth ? end_reason::auth_failed : end_reason::connect_failed, {},
                  name_ + ": " + during() + "the server disconnected: " + goodbye_);
    why.reason = in_auth ? failure_reason::wrong_key : failure_reason::closed;
    why.is_final = true;
  } else if (is_breach(message_)) {
    why = failure(end_reason::protocol_error, std::make_error_code(std::errc::protocol_error),
                  name_ + ": " + during() + message_);
  } else {
    return false;
  }
  return true;
}

// By the program that was to lead to it. Of another ssh it is known what its words mean: its own
// failure, or why its server has no connection.
bool openssh_log::refused_on_the_way(std::string_view words, failure& why) const {
  if (way_ != way::program || reached_ > phase::connect) return false;
  openssh_log other(name_, port_, user_);
  for (std::string_view rest = words; !rest.empty();) {
    std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    other.read_message(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
  }
  failure found;
  std::string_view cause = behind(words, ": open failed: ");
  cause = cause.substr(0, cause.find_first_of("\r\n"));
  if (!cause.empty()) {
    found = failure(end_reason::connect_failed, errno_named(behind_last_colon(cause)), {});
    found.reason = reason_of(found.why);
    found.is_final = true;
  } else if (!other.refused_by_name_or_address(found) && !other.refused_in_handshake(found)) {
    return false;
  }
  std::string said = cause.empty() ? other.message_ : printable(cause, max_words);
  found.context = fmt::format("{}: no connection from the host before it: {}", name_, said);
  why = std::move(found);
  return true;
}

failure openssh_log::lost(std::string_view words) const {
  std::string said = message_.empty() ? printable(last_line(words), max_words) : message_;
  if (reached_ < phase::open) {
    std::string text = said.empty() ? "ssh ended without a word" : said;
    if (!said_.empty()) text += "; it said: " + said_;
    std::string of_program =
        way_ == way::program ? printable(last_line(words), max_words) : std::string();
    if (!of_program.empty() && of_program != said)
      text += "; the program that leads to it said: " + of_program;
    failure why(end_reason::connect_failed, errno_named(behind_last_colon(said)),
                name_ + ": " + during() + text);
    // What has spoken without identification is not an ssh server.
    bool is_told = greeting_ != failure_reason::none && !said_.empty();
    why.reason = is_told ? greeting_ : failure_reason::closed;
    // How a proxy command ended is not known. Its words are on the standard error.
    why.is_final = has(said, " UNKNOWN port 65535") && !tells_of_turning_away(words);
    return why;
  }
  if (is_breach(said))
    return failure(end_reason::protocol_error, std::make_error_code(std::errc::protocol_error),
                   name_ + ": " + said);
  std::string text = name_ + ": the connection was lost";
  if (!goodbye_.empty()) {
    text = name_ + ": the server disconnected: " + goodbye_;
  } else if (has(said, "closed by remote host")) {
    text = name_ + ": the server closed the connection";
  } else if (!said.empty()) {
    text += ": " + said;
  }
  if (!asked_ && work_ == work::command) text += "; the command was not started";
  return failure(end_reason::connection_lost, errno_named(behind_last_colon(said)), text);
}

std::size_t openssh_log::find_last_words(std::string_view text, std::string_view host) {
  if (!text.ends_with("\r\n")) return text.size();
  std::string closed = fmt::format("Connection to {} closed by remote host.\r\n", host);
  if (text.ends_with(closed)) return text.size() - closed.size();
  std::size_t begin = text.rfind(fmt::format("Read from remote host {}: ", host));
  bool is_last = begin != text.npos && text.find('\n', begin) == text.size() - 1;
  return is_last ? begin : text.size();
}

failure openssh_log::describe(std::string_view words) const {
  failure why;
  if (reached_ < phase::open) {
    bool found = refused_on_the_way(words, why) || refused_by_name_or_address(why) ||
                 refused_in_handshake(why);
    return found ? why : lost(words);
  }
  if (refused_ && reached_ < phase::run)
    return failure(end_reason::connect_failed, std::make_error_code(std::errc::not_supported),
                   name_ + ": " + message_ + "; the command was not started");
  bool channel_alone = message_.empty() && goodbye_.empty() && words.empty();
  if (channel_alone && asked_)
    return failure(end_reason::status_lost, {},
                   name_ + (reached_ == phase::run
                                ? ": the server closed the channel without an exit status"
                                : ": the server closed the channel instead of answering the "
                                  "request to run the command"));
  return lost(words);
}

}  // namespace execo::detail
