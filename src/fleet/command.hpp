// One session channel and the command it runs: a process, or a canned answer.
//
// It ends as under sshd: the exit status is sent as soon as the process has ended, the channel
// closes when its output has ended too, and if the client goes away the process keeps running with
// its pipes closed.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fleet/input_stream.hpp"
#include "fleet/keeper.hpp"
#include "fleet/output_stream.hpp"
#include "fleet/reactor.hpp"

namespace execo::fleet {

class session;

class command final : private process_owner {
 public:
  command(session& owner, ssh_channel channel);
  ~command();
  command(const command&) = delete;
  command& operator=(const command&) = delete;

  /// Moves data without waiting; true if any moved. Not from within a libssh callback.
  bool advance();
  bool finished() const noexcept { return stage_ == stage::finished; }

 private:
  enum class stage { opened, delayed, running, ended, finished };
  struct end {
    bool by_signal;
    int number;
  };

  bool accept(const char* text);
  void begin();
  void begin_canned();
  void begin_process();
  void fail_to_begin(int error);
  std::vector<std::string> environment() const;
  void on_delay_over();
  void on_pace();
  void wake();
  void on_signal(int number);
  void end_with(end e);
  void process_ended(int wait_status) override;
  void process_not_begun(int error) override;

  bool send_output();
  bool send_half();
  void send_line();
  void send_end();
  void finish();

  // command_callbacks.cpp
  void set_callbacks(bool answer_exec);
  static command& from(void* self) noexcept { return *static_cast<command*>(self); }
  static int on_data(ssh_session, ssh_channel, void* data, std::uint32_t length, int is_stderr,
                     void* self) noexcept;
  static void on_eof(ssh_session, ssh_channel, void* self) noexcept;
  static void on_close(ssh_session, ssh_channel, void* self) noexcept;
  static void on_signal_request(ssh_session, ssh_channel, const char* name, void* self) noexcept;
  static int on_exec(ssh_session, ssh_channel, const char* text, void* self) noexcept;
  static int on_shell(ssh_session, ssh_channel, void* self) noexcept;
  static int on_environment(ssh_session, ssh_channel, const char* name, const char* value,
                            void* self) noexcept;
  static int on_terminal(ssh_session, ssh_channel, const char* type, int columns, int rows,
                         int width, int height, void* self) noexcept;
  static int on_window_change(ssh_session, ssh_channel, int columns, int rows, int width,
                              int height, void* self) noexcept;

  session& session_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  stage stage_ = stage::opened;
  bool shell_ = false;
  bool client_closed_ = false;
  bool end_sent_ = false;
  bool pausing_ = false;  // slow-output: the next line has to wait for the timer
  std::optional<end> end_;
  std::optional<std::size_t> half_out_, half_err_;  // drop-mid-output: what is still to be sent
  std::optional<winsize> terminal_;
  std::string text_;
  std::vector<std::string> requested_environment_;
  std::size_t environment_size_ = 0;
  std::uint64_t process_ = 0;  // the keeper's id, 0 without one
  deadline_timer delay_;       // the latency, or a canned sleep
  deadline_timer pace_;        // slow-output
  input_stream in_;
  output_stream out_{output_stream::channel_side::out};
  output_stream err_{output_stream::channel_side::err};
};

}  // namespace execo::fleet
