/// How a command ended and what is known about it: exit_status, end_reason, phase, result.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "execo/attributes.hpp"
#include "execo/detail/output_charge.hpp"
#include "execo/detail/text_of.hpp"
#include "execo/run_stats.hpp"
#include "execo/time.hpp"

namespace execo {

/// How a command ended: always exactly one of these.
enum class end_reason : std::uint8_t {
  exited,             ///< it ended with an exit code
  signaled,           ///< a signal ended it
  timed_out,          ///< a deadline expired; result::phase() says which
  cancelled,          ///< a stop ended it, or a kill() before it had started
  spawn_failed,       ///< the local system could not start it; result::error() says why
  connect_failed,     ///< the host could not be reached; the command did not start
  auth_failed,        ///< the host refused the login; the command did not start
  host_key_rejected,  ///< the host's key is unknown or has changed; the command did not start
  connection_lost,    ///< the connection was lost; the command may have started, and may still run
  not_started,        ///< the run was stopped before it was started
  output_failed,      ///< a sink failed, or some of the output is lost; see status()
  protocol_error,     ///< the peer broke the protocol
  status_lost,        ///< it ended, and other code reaped it or killed its monitor
  unsupported,        ///< the transport cannot do what was asked
  transfer_failed,    ///< a file could not be copied; error() and error_context() say which and why
};
inline constexpr std::size_t end_reason_count = 15;
static_assert(static_cast<std::size_t>(end_reason::transfer_failed) + 1 == end_reason_count,
              "end_reason_count counts them all");

/// The parts of an execution, in order.
enum class phase : std::uint8_t {
  resolve,
  connect,
  kex,
  auth,
  open,
  run,
  first_output,
  idle,
  total,
  drain,
};
inline constexpr std::size_t phase_count = 10;
static_assert(static_cast<std::size_t>(phase::drain) + 1 == phase_count, "phase_count counts all");

/// Why a command that was to be ended, or a part of it, may still run.
enum class leftover_cause : std::uint8_t {
  none,               ///< nothing is known to be left
  not_permitted,      ///< it belongs to another user, as a set-user-ID program may
  held,               ///< KILL did not end it: the kernel holds it
  no_second_channel,  ///< the ssh server forwards no signal and opens no second channel
  forced_command,     ///< the ssh server ran another program than the script that ends it
  no_signals,         ///< the ssh server, or the connector, forwards no signals
  no_answer,          ///< the ssh server did not report in time whether it ended
  connection_lost,    ///< the connection was lost while it ran
};

/// How many values leftover_cause has.
inline constexpr std::size_t leftover_causes = 8;

/// What kept a command from being started on a host, or a file from being copied, where end_reason
/// leaves several causes open.
enum class failure_reason : std::uint8_t {
  none,          ///< it was started, or the cause has no word of its own
  unknown_host,  ///< its name has no address
  refused,       ///< nothing listens on its port
  unreachable,   ///< there is no way to its address
  dropped,       ///< an attempt to connect got no answer
  no_banner,     ///< it was connected, and no ssh server said who it is
  closed,        ///< the connection was closed or lost before the login was over
  max_startups,  ///< the server takes no more connections now (MaxStartups, PerSourcePenalties)
  no_common_algorithm,  ///< client and server have no algorithm in common
  host_key_unknown,     ///< no known_hosts file has the host
  host_key_changed,     ///< a known_hosts file has another key of the host
  host_key_revoked,     ///< the host's key is marked as revoked
  wrong_key,            ///< the server accepts none of the identities
  wrong_password,       ///< the server does not accept the password
  password_change,      ///< the user has to choose a new password first
  source_changed,       ///< a file was changed while it was copied
  digest_mismatch,      ///< what was written is not what was sent
};

/// How many values failure_reason has.
inline constexpr std::size_t failure_reasons = 17;

/// Which ssh connection a command got.
enum class connection_use : std::uint8_t {
  none,      ///< none was needed, or none was started
  made,      ///< a new one
  reused,    ///< one that was made for another command, which may use it at the same time
  replaced,  ///< a new one, since the other one had been lost
};

/// What carried a command to where it runs.
enum class transport_kind : std::uint8_t {
  none,       ///< it was not begun
  local,      ///< it is a child of this process
  ssh,        ///< ssh spoken by this process
  openssh,    ///< the `ssh` program
  connector,  ///< another program: ssh_options::connector
  exec,       ///< the connector `exec:`, which runs it here, once for each host
  tree,       ///< an agent of a tree
};

/// How many values transport_kind has.
inline constexpr std::size_t transport_kinds = 7;

/// How sure something is.
enum class certainty : std::uint8_t { no, maybe, yes };

/// How many values connection_use has.
inline constexpr std::size_t connection_uses = 4;

/// Which limit left out some of a command's output.
enum class output_limit : std::uint8_t {
  none,     ///< nothing was left out
  stream,   ///< that of one stream: max_output(), or the cap of its capture()
  context,  ///< that of the context: output_budget
};

/// How many values output_limit has.
inline constexpr std::size_t output_limits = 3;

/// Which of a command's two outputs.
enum class stream : std::uint8_t { out, err };

/// The bare word: "exited", "connect_failed", ...
std::string_view to_string(end_reason how) noexcept;
/// The bare word: "resolve", "kex", ...
std::string_view to_string(phase where) noexcept;
/// The bare word: "not_permitted", "forced_command", ...
std::string_view to_string(leftover_cause why) noexcept;
/// For people: "it may not be signalled", ...; empty for `none`.
std::string_view in_words(leftover_cause why) noexcept;
/// The bare word: "refused", "host_key_changed", ...
std::string_view to_string(failure_reason why) noexcept;
/// The bare word: "made", "reused", ...
std::string_view to_string(connection_use what) noexcept;
/// The bare word: "connector", ...; for `ssh` that is "libssh".
std::string_view to_string(transport_kind what) noexcept;
/// The bare word: "no", "maybe" or "yes".
std::string_view to_string(certainty how) noexcept;
/// The bare word: "none", "stream" or "context".
std::string_view to_string(output_limit which) noexcept;
/// "out" or "err".
std::string_view to_string(stream which) noexcept;
/// For people: "while connecting", "during the key exchange", ...
std::string_view in_words(phase where) noexcept;

/// An exit code, or a signal, or neither while unknown.
class exit_status {
 public:
  exit_status() noexcept = default;
  static exit_status of_code(int code) noexcept;
  static exit_status of_signal(int number) noexcept;
  /// With the name that a peer uses, with or without SIG. A name without a number on this system is
  /// kept, shortened and printable: ssh servers send "SIG@openssh.com".
  static exit_status of_signal_name(std::string_view name) noexcept;

  std::optional<int> code() const noexcept;
  /// 0 if only its name is known.
  std::optional<int> signal() const noexcept;
  /// "TERM", "KILL", "SIG42", or the name that a peer used; empty if there is none.
  std::string signal_name() const;
  /// For people: "exit code 3", "signal KILL", "no status".
  std::string to_string() const;
  friend bool operator==(const exit_status&, const exit_status&) = default;

 private:
  enum class kind : std::uint8_t { none, code, signal };
  kind kind_ = kind::none;
  std::int32_t value_ = 0;
  std::array<char, 32> name_{};  // ends with a zero; of a signal without a number
};

/// The number of a signal name without SIG ("TERM"), 0 if this system does not know it.
int signal_number(std::string_view name) noexcept;

/// Resources used by a local command and the children that it waited for.
class resource_usage {
 public:
  resource_usage(duration user_time, duration system_time,
                 std::optional<std::uint64_t> peak) noexcept
      : user(user_time), system(system_time), peak_memory(peak) {}
  duration user;
  duration system;
  /// Peak resident memory, in bytes; nullopt if it is not above this process's own peak, which the
  /// kernel counts for a child as well.
  std::optional<std::uint64_t> peak_memory;
  /// For people: "1.2 s user, 30 ms system, 4 MiB".
  std::string to_string() const;
};

class result;
namespace detail {
class lifecycle;
struct result_access;
}  // namespace detail

/// Thrown by result::check(), with the text of describe().
class process_error : public std::runtime_error {
 public:
  explicit process_error(const std::string& what) : std::runtime_error(what) {}
};

/// Everything known about the end of one command. A value: copying it copies the output, which is
/// the copy's own and counts towards no limit.
class result {
 public:
  result() = default;
  // Not inline: in coroutines GCC 12 at -O3 leaves out that a moved-from result gives its charge
  // away, and returns it twice.
  result(const result& other);
  result(result&& other) noexcept;
  result& operator=(const result& other);
  result& operator=(result&& other) noexcept;
  ~result();

  end_reason how() const noexcept { return how_; }
  /// Where it ended; `run` for a command that ran to its end.
  execo::phase phase() const noexcept { return phase_; }
  /// Also set when a deadline or a stop ended the command and its status arrived.
  exit_status status() const noexcept { return status_; }
  /// As a shell shows it: the exit code, 128 + n after signal n, 128 if that has no number here; -1
  /// if there is neither, because it did not run or its status is not known.
  int exit_code() const noexcept;
  /// Why it could not be run, reached or ended; {} if it ran.
  std::error_code error() const noexcept { return error_; }
  /// The step, path or peer that error() is about, for people: "execve /bin/nope".
  const std::string& error_context() const noexcept { return details().error_context; }

  /// Its captured output. See out_dropped(), err_dropped(). It counts as kept by its context until
  /// this result is destroyed or assigned to, also if the text is moved elsewhere: see
  /// output_budget.
  std::string out;
  std::string err;
  /// Bytes dropped because of a limit.
  std::uint64_t out_dropped() const noexcept { return out_dropped_; }
  std::uint64_t err_dropped() const noexcept { return err_dropped_; }
  /// Which limit that was; `context` if both. `none` with captures of 0 bytes, which keep nothing.
  output_limit dropped_by() const noexcept { return dropped_by_; }
  /// Bytes received through this process, kept or not.
  std::uint64_t out_bytes() const noexcept { return out_bytes_; }
  std::uint64_t err_bytes() const noexcept { return err_bytes_; }
  /// False if some of its output is missing: dropped because of a limit, not read to its end, or
  /// lost with the connection. With a capture of 0 bytes nothing counts as missing.
  bool output_complete() const noexcept {
    return output_complete_ && dropped_by_ == output_limit::none;
  }

  /// It exited with an accepted code: 0, unless the command accepts others.
  bool ok() const noexcept { return ok_; }
  /// execo sent it a signal: because of kill(), a stop or a deadline.
  bool killed() const noexcept { return killed_; }
  /// KILL was sent after the grace period; false if the caller asked for KILL.
  bool forced_kill() const noexcept { return forced_kill_; }
  /// It, or a part of it, may still run after it was to be ended or its connection was lost:
  /// leftover() says why. False: nothing is known to be left in its scope.
  bool may_still_run() const noexcept { return leftover_ != leftover_cause::none; }
  leftover_cause leftover() const noexcept { return leftover_; }
  /// Of a command that was not started, or of a copy that failed.
  failure_reason reason() const noexcept { return reason_; }
  connection_use connection() const noexcept { return connection_; }
  transport_kind transport() const noexcept { return transport_; }
  /// Why it is not the one that was tried first; empty if it is.
  const std::string& transport_why() const noexcept { return details().transport_why; }
  /// Whether the command was run, which matters for a retry. maybe: the ssh server was asked to run
  /// it and has not answered.
  certainty started_command() const noexcept { return started_command_; }
  /// Worth a line in a log: it failed, was not stopped or killed on request, and no nolog_* is set.
  bool notable() const noexcept { return notable_; }

  /// Processor time and memory; nothing for a remote command, or when other code reaped it.
  const std::optional<resource_usage>& usage() const noexcept { return usage_; }
  /// What is ended with it; nullopt for a remote command or one that did not run.
  std::optional<execo::kill_scope> kill_scope() const noexcept { return scope_; }
  /// The maximum number of other processes ended with it; counted if a scope was set.
  std::size_t ended_with_it() const noexcept { return details().ended_with_it; }
  /// Processes outside the scope that still held its output open after the drain timeout. Searched
  /// for if a scope was set.
  const std::vector<pid_t>& escaped() const noexcept { return details().escaped; }

  time_point started() const noexcept { return started_; }
  time_point ended() const noexcept { return started_ + elapsed_; }
  duration elapsed() const noexcept { return elapsed_; }

  /// The command, shortened for display.
  const std::string& name() const noexcept { return name_; }

  /// Throws: result_error unless ok().
  const result& check() const;

  /// One line: "`make` exited 2 after 1.2 s: <last line of its standard error>".
  std::string describe() const;
  /// All fields, one per line, and the captured outputs. For people.
  std::string dump() const;
  /// This result as counts, which can be added up.
  run_stats stats() const noexcept;

 private:
  friend struct detail::result_access;
  /// What most results have nothing of.
  struct rare_details {
    std::string error_context;
    std::string transport_why;
    std::vector<pid_t> escaped;
    std::size_t ended_with_it = 0;
  };
  static const rare_details no_details;
  const rare_details& details() const noexcept { return details_ ? *details_ : no_details; }

  std::string name_;
  std::shared_ptr<const rare_details> details_;  // null: none; copies share them
  std::error_code error_;
  time_point started_{};
  duration elapsed_{0};
  std::uint64_t out_dropped_ = 0;
  std::uint64_t err_dropped_ = 0;
  std::uint64_t out_bytes_ = 0;
  std::uint64_t err_bytes_ = 0;
  detail::output_charge charge_;  // for out and err
  std::optional<resource_usage> usage_;
  std::optional<execo::kill_scope> scope_;
  exit_status status_;
  end_reason how_ = end_reason::not_started;
  execo::phase phase_ = execo::phase::run;
  leftover_cause leftover_ = leftover_cause::none;
  failure_reason reason_ = failure_reason::none;
  connection_use connection_ = connection_use::none;
  transport_kind transport_ = transport_kind::none;
  certainty started_command_ = certainty::no;
  bool ok_ = false;
  bool killed_ = false;
  bool forced_kill_ = false;
  bool notable_ = false;
  bool output_complete_ = true;  // but for a limit
  output_limit dropped_by_ = output_limit::none;
};

}  // namespace execo
