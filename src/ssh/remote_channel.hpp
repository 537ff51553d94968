// One command on a session: a libssh channel from its opening to its close. libssh calls back with
// data, end and status; what those lead to is done in advance(), never under libssh.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/contain.hpp"
#include "process/transport.hpp"
#include "ssh/failure.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {

/// The events of a channel, from the loop. None of them may destroy the channel.
class channel_owner {
 public:
  virtual void channel_started() = 0;
  virtual void channel_data(stream which, std::span<const char> bytes) = 0;
  virtual void channel_eof() = 0;
  virtual void channel_exit(exit_status status) = 0;
  /// The server closed it: nothing more will come.
  virtual void channel_closed() = 0;
  /// It could not be opened, or not run the command; the session goes on.
  virtual void channel_refused(std::string why) = 0;
  virtual void channel_written(std::size_t count) = 0;

 protected:
  ~channel_owner() = default;
};

class remote_channel final : public session_member {
 public:
  remote_channel(remote_session& session, channel_owner& owner) noexcept
      : session_(session), owner_(&owner) {}

  /// From now on that one is notified.
  void serve(channel_owner& owner) noexcept { owner_ = &owner; }
  /// Closes it: channel_closed follows when the server has done so, too. Pre: open() was called,
  /// and the command has ended.
  void retire();
  /// Nothing of it is left on the connection.
  bool over() const noexcept { return stage_ == stage::over; }

  /// Pre: the session is ready.
  void open(std::string command);
  /// Asks for a terminal as well, named as in TERM. Pre: before open().
  void ask_for_terminal(std::string name, int columns, int rows);
  void write(std::span<const char> bytes);
  void close_input();
  /// `name` without SIG, one of RFC 4254's.
  void send_signal(std::string name);
  void pause(stream which, bool paused);

  /// The request to run the command was handed over: it may have started.
  bool requested() const noexcept { return requested_; }
  /// When; the beginning of the clock before.
  clock::time_point requested_at() const noexcept { return requested_at_; }
  /// Gives out what paused streams hold. Used when nothing more can come.
  void give_out();

  void advance() override;
  bool pumps() const noexcept override {
    return stage_ == stage::opening || stage_ == stage::preparing || stage_ == stage::requesting;
  }
  void abandon() noexcept override;

 private:
  // idle -> opening -> preparing (a terminal) -> requesting -> running -> retiring -> over; from
  // each to over when it is refused or the session ends.
  enum class stage : std::uint8_t {
    idle,
    opening,
    preparing,
    requesting,
    running,
    retiring,  // our end is to be closed
    retired,   // it is; the server's is not
    over,
  };
  /// How far the server has come with what it sends.
  enum class sent : std::uint8_t { data, eof, close };
  enum class input : std::uint8_t { open, ends, ended };

  bool make_channel();
  void open_channel();
  void request_terminal();
  void request_command();
  void started();
  void refuse(const char* what);
  void end_unanswered();
  bool before_answer() const noexcept { return stage_ < stage::running; }
  void transfer();
  bool write_some();
  void report();
  void close_our_end();
  void release();
  void see(sent what) noexcept { seen_ = std::max(seen_, what); }
  void on_data(stream which, std::span<const char> bytes);
  void on_status(const exit_status& status);
  void check_held();
  /// What libssh calls: an exception comes out of advance() instead.
  template <class Call>
  void under_libssh(Call&& call) noexcept {
    contain(std::forward<Call>(call), [this](std::exception_ptr error) {
      if (!broken_) broken_ = std::move(error);
    });
  }

  remote_session& session_;
  channel_owner* owner_;
  ssh_channel_struct* channel_ = nullptr;  // freed with the libssh session
  ssh_channel_callbacks_struct callbacks_{};
  std::string command_;
  std::string terminal_;  // its name; empty: none
  int columns_ = 0;
  int rows_ = 0;
  std::span<const char> input_;
  std::size_t unflushed_ = 0;  // taken by libssh, not yet by the kernel
  std::vector<std::string> signals_;
  std::array<std::string, 2> kept_;  // of paused streams
  std::array<bool, 2> paused_{};
  std::optional<exit_status> early_status_;  // came before the answer was seen
  std::exception_ptr broken_;
  stage stage_ = stage::idle;
  bool requested_ = false;
  clock::time_point requested_at_{};
  input input_stage_ = input::open;
  sent seen_ = sent::data;
  sent delivered_ = sent::data;  // behind what paused streams hold
};

}  // namespace execo::detail
