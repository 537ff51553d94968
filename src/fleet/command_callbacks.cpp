// Callbacks of libssh for a command's channel. They only record the event: libssh is still
// processing the packet, so nothing may be sent or freed.
#include <algorithm>
#include <array>
#include <csignal>
#include <execo/status.hpp>
#include <string_view>

#include "fleet/command.hpp"
#include "fleet/keeper_wire.hpp"
#include "fleet/session.hpp"

namespace execo::fleet {

namespace {

constexpr int granted = 0;
constexpr int refused = 1;

/// The signals that sshd lets a client send, 0 for others.
int client_signal(std::string_view name) noexcept {
  constexpr std::array passed_on{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
  int number = execo::signal_number(name);
  return std::ranges::find(passed_on, number) != passed_on.end() ? number : 0;
}

winsize window(int columns, int rows, int width, int height) noexcept {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_xpixel = static_cast<unsigned short>(width);
  size.ws_ypixel = static_cast<unsigned short>(height);
  return size;
}

}  // namespace

int command::on_data(ssh_session, ssh_channel, void* data, std::uint32_t length, int is_stderr,
                     void* self) noexcept {
  if (is_stderr != 0) return static_cast<int>(length);  // clients have no stderr to send
  std::size_t taken = from(self).in_.take(static_cast<const char*>(data), length);
  return static_cast<int>(taken);
}

void command::on_eof(ssh_session, ssh_channel, void* self) noexcept {
  from(self).in_.client_ended();
  from(self).wake();
}

void command::on_close(ssh_session, ssh_channel, void* self) noexcept {
  from(self).client_closed_ = true;
  from(self).wake();
}

void command::on_signal_request(ssh_session, ssh_channel, const char* name, void* self) noexcept {
  if (int number = client_signal(name); number != 0) {
    from(self).on_signal(number);
    from(self).wake();
  }
}

int command::on_exec(ssh_session, ssh_channel, const char* text, void* self) noexcept {
  return from(self).accept(text) ? granted : refused;
}

int command::on_shell(ssh_session, ssh_channel, void* self) noexcept {
  return from(self).accept(nullptr) ? granted : refused;
}

int command::on_environment(ssh_session, ssh_channel, const char* name, const char* value,
                            void* self) noexcept {
  command& c = from(self);
  std::string variable = std::string(name) + "=" + value;
  if (c.environment_size_ + variable.size() + 1 > max_environment) return refused;
  c.environment_size_ += variable.size() + 1;
  c.requested_environment_.push_back(std::move(variable));
  return granted;
}

int command::on_terminal(ssh_session, ssh_channel, const char* type, int columns, int rows,
                         int width, int height, void* self) noexcept {
  command& c = from(self);
  if (c.stage_ != stage::opened || c.terminal_) return refused;
  c.terminal_ = window(columns, rows, width, height);
  return on_environment(nullptr, nullptr, "TERM", type, self);
}

int command::on_window_change(ssh_session, ssh_channel, int columns, int rows, int width,
                              int height, void* self) noexcept {
  command& c = from(self);
  if (!c.terminal_) return refused;
  c.terminal_ = window(columns, rows, width, height);
  c.out_.resize_terminal(*c.terminal_);
  return granted;
}

void command::set_callbacks(bool answer_exec) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = &command::on_data;
  callbacks_.channel_eof_function = &command::on_eof;
  callbacks_.channel_close_function = &command::on_close;
  callbacks_.channel_signal_function = &command::on_signal_request;
  callbacks_.channel_env_request_function = &command::on_environment;
  callbacks_.channel_pty_request_function = &command::on_terminal;
  callbacks_.channel_pty_window_change_function = &command::on_window_change;
  if (answer_exec) {
    callbacks_.channel_exec_request_function = &command::on_exec;
    callbacks_.channel_shell_request_function = &command::on_shell;
  }
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

}  // namespace execo::fleet
