// A command on this host: its process, its pipes, its end. Or a connection from here: input goes
// there, what comes from there is output.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/reactor.hpp"
#include "agent/spawn.hpp"
#include "agent/terminal.hpp"

namespace execo::agent {

/// What was asked for.
class job_plan {
 public:
  std::uint32_t run = 0;
  child_plan child;                       // without descriptors
  bool wants_input = false;               // else its standard input is this:
  int nothing = -1;                       // /dev/null, of the caller
  std::optional<terminal_size> terminal;  // in place of pipes: input and output are one
  bool folds = false;                     // its output is kept for a while, if it is little
  std::array<std::uint64_t, 2> caps{UINT64_MAX, UINT64_MAX};  // of out and err; the rest is dropped
  std::size_t window = 0;                                     // credit of each stream at first
  milliseconds grace{0};                                      // between TERM and KILL
  milliseconds run_limit{0};                                  // 0: none
  milliseconds idle_limit{0};                                 // without output
};

/// Why a command is being ended.
enum class job_cause : std::uint8_t { none, cancelled, run_limit, idle_limit, abandoned };

/// idle     -> running   start()
/// running  -> ending    expect_end(): the root sends the signals
/// running, ending -> stopping  cancel(), a limit: TERM
/// running, ending, stopping -> killing  the grace is over, or is none: KILL
/// running, killing -> draining  the process has ended: on_exit()
/// ending, stopping -> lingering the same: what is left of the command has its grace
/// lingering -> draining nothing is left: on_rest_gone(); or the grace is over: KILL
/// draining -> ended     both outputs have ended, or are not waited for any more
/// idle     -> ended     it could not be started
/// idle     -> connecting -> connected -> ended  connect(): a connection in place of a process
/// connecting -> ended    it was refused, or is cancelled
enum class job_state : std::uint8_t {
  idle,
  connecting,
  connected,
  running,
  ending,
  stopping,
  killing,
  lingering,
  draining,
  ended
};

class job;

class job_owner {
 public:
  virtual void on_output(job& from, unsigned stream, std::string_view bytes) = 0;
  /// So much of its input needs no room any more.
  virtual void on_input_taken(job& by, std::size_t bytes) = 0;
  /// The job is still in use by whoever calls this.
  virtual void on_job_ended(job& which) = 0;
  /// What is left of a command, and was waited for, is to be killed now.
  virtual void on_grace_over() = 0;
  virtual void on_job_connected(job& which) = 0;
  /// Whether output can be passed on now; job::resume() is called when it can again.
  virtual bool has_room() const noexcept = 0;

 protected:
  ~job_owner() = default;
};

class job {
 public:
  job(reactor& on, job_owner& owner, job_plan plan);
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  ~job();

  /// Why there is no process, if there is none: the job has ended then, and on_job_ended() is not
  /// called. Pre: idle.
  started_child start();
  /// In place of that: on_job_connected() or on_job_ended() follows. An errno: neither does.
  /// Pre: idle; it wants input and folds nothing; `where` is a connection_word().
  int connect(std::string_view where);
  bool takes_input() const noexcept { return pid_ > 0 || state_ == job_state::connected; }
  /// errno; 0: it was not refused.
  int refusal() const noexcept { return refusal_; }
  std::uint32_t run() const noexcept { return plan_.run; }
  milliseconds grace() const noexcept { return plan_.grace; }
  job_state state() const noexcept { return state_; }
  /// -1 once it is reaped.
  pid_t pid() const noexcept { return pid_; }

  /// False if it is more than it has given credit for, its window at first.
  bool add_input(std::string_view bytes, bool end);
  /// False if that is above the window.
  bool add_credit(unsigned stream, std::size_t bytes);
  /// There is room again.
  void resume();

  /// The root ends it by signals: it has not ended before nothing is left of it, or KILL comes.
  void expect_end() noexcept;
  /// To its process group, as long as something of the command may be there.
  void signal(int number);
  /// Also if it is being ended already: then the first cause stays.
  void cancel(job_cause cause, milliseconds grace);
  /// KILL, now.
  void kill();

  /// Its process is a zombie, which is reaped when this returns. What is left of it is looked for
  /// then, if it lingers.
  void on_exit(int status, const rusage& used);
  /// Pre: lingering.
  void on_rest_gone();
  bool lingers() const noexcept { return state_ == job_state::lingering; }
  /// Whether a process is in its group.
  bool has_group() noexcept;

  // -- what is known, once it has ended -----------------------------------------------------------
  job_cause cause() const noexcept { return cause_; }
  /// As of wait(2); nothing if it was never started.
  std::optional<int> status() const noexcept { return status_; }
  std::chrono::microseconds elapsed() const noexcept;
  const rusage& used() const noexcept { return used_; }
  std::uint64_t total(unsigned stream) const noexcept { return outputs_[stream].total; }
  std::uint64_t dropped(unsigned stream) const noexcept { return outputs_[stream].dropped; }
  /// False: somebody else still had an output open.
  bool output_complete() const noexcept { return complete_; }
  /// Output that was kept, since it folds, and was never given to the owner.
  const std::string& kept(unsigned stream) const noexcept { return outputs_[stream].kept; }

 private:
  class output {
   public:
    explicit output(delegate<std::uint32_t> on_ready) noexcept : seen(on_ready) {}
    watch seen;
    unique_fd pipe;
    std::size_t credit = 0;
    std::uint64_t total = 0;    // passed on or kept
    std::uint64_t dropped = 0;  // above the cap
    std::string kept;
  };

  bool make_pipes(child_plan& child, std::array<unique_fd, 3>& theirs);
  bool open_terminal(child_plan& child, unique_fd& theirs);
  void on_out(std::uint32_t) { read(0); }
  void on_err(std::uint32_t) { read(1); }
  void on_input_ready(std::uint32_t) {
    state_ == job_state::connecting ? finish_connect() : write_input();
  }
  void finish_connect();
  void hang_up();
  void on_patience();
  void on_limit();

  /// How much may be read now.
  std::size_t readable(unsigned stream) const noexcept;
  void await(unsigned stream);
  void read(unsigned stream);
  void take(unsigned stream, std::string_view bytes);
  void stop_folding();
  void close_output(unsigned stream);
  void write_input();
  void close_input();
  void arm_limit();
  bool has_process() const noexcept {
    return state_ >= job_state::running && state_ <= job_state::killing;
  }
  void send(int number) noexcept;
  void kill_rest();
  void drain();
  void finish_if_drained();
  /// What poll(2) says of its pipe. Pre: it is open.
  short peek(unsigned stream) const noexcept;
  void close_output_at_end(unsigned stream);
  void give_up_output();

  reactor& loop_;
  job_owner& owner_;
  job_plan plan_;
  job_state state_ = job_state::idle;
  job_cause cause_ = job_cause::none;
  pid_t pid_ = -1;
  pid_t group_ = 0;  // once it is known to be empty: 0
  std::array<output, 2> outputs_;
  watch input_seen_;
  unique_fd input_;
  unique_fd terminal_;  // one that goes sends HUP: until the command has ended
  std::string to_write_;
  bool input_ended_ = false;
  bool complete_ = true;
  int refusal_ = 0;
  alarm patience_;  // of a stop and of what is left then, and of the drain
  alarm limit_;
  alarm fold_due_;  // of what is kept
  time_point started_{}, ended_{}, last_output_{};
  std::optional<int> status_;
  rusage used_{};
};

}  // namespace execo::agent
