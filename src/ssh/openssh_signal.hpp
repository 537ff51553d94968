// One signal, or the end, for a command that the `ssh` program runs: the script of the signal
// helper, by a further `ssh` over the control socket of the first one, and so on its connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/loop.hpp"
#include "process/surroundings.hpp"
#include "process/transport.hpp"
#include "ssh/signal_helper.hpp"

namespace execo::detail {

/// A private directory for the control sockets of a loop, while there is a loop. The guard removes
/// it if this process is killed.
class control_sockets final : public loop_service {
 public:
  explicit control_sockets(loop& on) noexcept : loop_(on) {}
  control_sockets(const control_sockets&) = delete;
  control_sockets& operator=(const control_sockets&) = delete;
  ~control_sockets() override;

  /// A new path in it; empty if there can be none that is short enough for a socket.
  std::string next();

 private:
  loop& loop_;
  std::string directory_;
  unsigned count_ = 0;
  bool tried_ = false;
};

class openssh_signal final : private transport_events {
 public:
  /// `changed` comes from the loop, and may destroy this once it is closed.
  openssh_signal(loop& on, std::shared_ptr<const surroundings> around,
                 std::vector<std::string> words, delegate<> changed);
  openssh_signal(const openssh_signal&) = delete;
  openssh_signal& operator=(const openssh_signal&) = delete;
  ~openssh_signal();

  script_state state() const noexcept { return state_; }
  bool is_over() const noexcept { return state_ > script_state::at_work; }
  /// Nothing of it is left here.
  bool is_closed() const noexcept { return closed_; }
  /// Gives it up here; on the host it goes on.
  void leave();

 private:
  void on_phase(phase) override {}
  void on_output(stream which, std::span<const char> bytes) override;
  void on_eof(stream which) override;
  void on_exit(exit_status status) override;
  void on_failed(failure) override;
  void on_written(std::size_t) override {}
  void on_closed(end_report found) override;
  void judge();

  command what_;
  std::unique_ptr<transport> child_;
  delegate<> changed_;
  std::string said_;
  script_state state_ = script_state::waiting;
  std::optional<exit_status> ended_;  // of the ssh
  bool said_all_ = false;
  bool leaving_ = false;
  bool closed_ = false;
};

}  // namespace execo::detail
