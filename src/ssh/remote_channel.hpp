// One command on a session: a libssh channel from its opening to its close. libssh calls back with
// data, end and status; what those lead to is done in advance(), never under libssh.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/contain.hpp"
#include "process/failure.hpp"
#include "process/transport.hpp"
#include "ssh/held_output.hpp"
#include "ssh/input_pace.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {

/// The name of the variable that marks a command: servers take those of the locale if any.
inline constexpr const char* mark_variable = "LC_EXECO_ID";

/// What a server refused.
enum class refusal : std::uint8_t {
  channel,   ///< to open a channel, or a further one
  mark,      ///< the variable that marks the command
  terminal,  ///< a terminal
  command,   ///< to run the command
};

/// The events of a channel, from the loop. None of them may destroy the channel.
class channel_owner {
 public:
  virtual void channel_started() = 0;
  virtual void channel_data(stream which, std::span<const char> bytes) = 0;
  virtual void channel_eof() = 0;
  virtual void channel_exit(exit_status status) = 0;
  /// The server closed it: nothing more will come.
  virtual void channel_closed() = 0;
  /// It could not be opened, or not run the command; the session goes on. Of a refusal by a server
  /// that has opened the channel, retire() is still to be called.
  virtual void channel_refused(refusal of, std::string why) = 0;
  virtual void channel_written(std::size_t count) = 0;
  /// An exception came out of one of these: no further event follows. Throws nothing.
  virtual void channel_broke(const std::exception_ptr& error) = 0;

 protected:
  ~channel_owner() = default;
};

class remote_channel final : public session_member {
 public:
  remote_channel(remote_session& session, channel_owner& owner);
  ~remote_channel();

  /// From now on that one is notified.
  void serve(channel_owner& owner) noexcept { owner_ = &owner; }
  /// Opens it. Pre: the session is ready; not opened before.
  void open();
  /// Runs a command on it, once it is open: channel_started or channel_refused follows.
  /// Pre: open() was called; not run before, and not retired.
  void run(std::string command);
  /// The same with a subsystem of the server in place of a command: "sftp".
  void run_subsystem(std::string name);
  /// Gives the command a variable, mark_variable, by which its processes are found.
  /// Pre: before run().
  void mark_with(std::string value);
  /// Gives the command the variables of the settings, those that the server takes. Pre: before
  /// run().
  void send_variables();
  /// Asks for a terminal as well, named as in TERM. Pre: before run().
  void ask_for_terminal(std::string name, int columns, int rows);
  /// Closes it, whatever it does: channel_closed follows when the server has done so, too; no other
  /// event does.
  void retire();
  /// Nothing of it is left on the connection.
  bool over() const noexcept { return stage_ == stage::over; }
  /// The server counts it as one of the connection's.
  bool is_open() const noexcept { return stage_ > stage::opening && stage_ < stage::over; }

  void write(std::span<const char> bytes);
  void close_input();
  /// `name` without SIG, one of RFC 4254's.
  void send_signal(std::string name);
  void pause(stream which, bool paused);
  bool is_paused(stream which) const noexcept { return kept_.is_paused(which); }

  /// The request to run the command was handed over: it may have started.
  bool requested() const noexcept { return requested_; }
  /// When; the beginning of the clock before.
  clock::time_point requested_at() const noexcept { return requested_at_; }
  /// Gives out what paused streams hold. Used when nothing more can come.
  void give_out();

  need advance() override;
  void broke(const std::exception_ptr& error) override;
  bool pumps() const noexcept override {
    return stage_ == stage::opening || (stage_ >= stage::marking && stage_ <= stage::requesting);
  }
  void abandon() noexcept override;

 private:
  // idle -> opening -> reserved -> marking -> naming (variables) -> preparing (a terminal) ->
  // requesting -> running -> retiring -> retired -> over. Those that are not wanted are skipped. To
  // over from each when the session ends, to unused or over when the server refuses something.
  enum class stage : std::uint8_t {
    idle,
    opening,
    reserved,  // open, and no command yet
    marking,
    naming,
    preparing,
    requesting,
    running,
    unused,    // the server has opened it, and refused what it was for
    retiring,  // our end is to be closed
    retired,   // it is; the server's is not
    over,
  };
  /// How far the server has come with what it sends.
  enum class sent : std::uint8_t { data, eof, close };
  enum class input : std::uint8_t { open, ends, ended };
  /// What the owner wants of it: its events; nothing, since it threw; its close, by retire().
  enum class wanted : std::uint8_t { events, nothing, close };

  bool make_channel();
  void open_channel();
  void begin_command();
  void send_mark();
  void send_next_variables();
  void request_terminal();
  void request_command();
  class request {
   public:
    std::optional<std::string> command;  // or the name of a subsystem
    bool is_subsystem = false;
    std::string mark;      // empty: none
    std::string terminal;  // its name; empty: none
    int columns = 0;
    int rows = 0;
    std::size_t next_variable = SIZE_MAX;  // of the settings; beyond them: none is to be sent
  };

  class paced_input {
   public:
    explicit paced_input(remote_channel& of) noexcept
        : stall(delegate<>::to<&remote_channel::no_credit_came>(&of), "credit for input") {}
    input_pace pace;
    deadline_timer stall;
  };

  bool has_command() const noexcept { return request_ && request_->command; }
  void started();
  void refuse(refusal of, const char* what);
  bool is_heard() const noexcept { return wanted_ == wanted::events; }
  void end_unanswered();
  bool before_answer() const noexcept { return stage_ < stage::running; }
  bool is_answered_by_output() const noexcept { return early_status_ || !kept_.empty(); }
  bool goes_on_by_event() const noexcept;
  /// Its end is still to be sent, and nothing else.
  bool has_ended_input() const noexcept { return input_stage_ == input::ends && input_.empty(); }
  void transfer();
  bool write_some();
  std::size_t room_for_input();
  void no_credit_came();
  void report();
  void deliver(stream which);
  void drop_doubled(stream which) noexcept;
  void close_our_end();
  void release();
  void leave_session() noexcept;
  void see(sent what) noexcept;
  std::size_t on_data(stream which, std::span<const char> buffered);
  void on_status(const exit_status& status);
  void check_held() noexcept;
  void touch() noexcept { session_.touch(*this); }
  /// What libssh calls: an exception comes out of advance() instead.
  template <class Call>
  void under_libssh(Call&& call) noexcept {
    contain(std::forward<Call>(call), [this](std::exception_ptr error) {
      if (!broken_) broken_ = std::move(error);
      touch();
    });
  }

  remote_session& session_;
  channel_owner* owner_;
  ssh_channel_struct* channel_ = nullptr;  // freed with the libssh session
  ssh_channel_callbacks_struct callbacks_{};
  std::unique_ptr<request> request_ = std::make_unique<request>();  // until the command is started
  std::span<const char> input_;
  std::size_t unflushed_ = 0;           // taken by libssh, not yet by the kernel
  std::unique_ptr<paced_input> paced_;  // of a server that it is for, from the first input on
  std::vector<std::string> signals_;
  held_output kept_;                           // of paused streams
  std::unique_ptr<exit_status> early_status_;  // came before the answer was seen
  std::exception_ptr broken_;
  clock::time_point requested_at_{};
  stage stage_ = stage::idle;
  input input_stage_ = input::open;
  sent seen_ = sent::data;
  sent delivered_ = sent::data;  // behind what paused streams hold
  wanted wanted_ = wanted::events;
  bool requested_ = false;
  bool holds_ = false;  // the connection
};

}  // namespace execo::detail
