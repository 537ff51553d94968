// A signal for a command that the server does not pass one to. OpenSSH's sshd ignores the "signal"
// request of root ("session signalling requires privilege separation", session.c), of a forced
// command and before 7.9. A second channel of the same session then runs a fixed script: its shell
// and the command have the same parent, the sshd process that serves this connection and no other.
#pragma once

#include <memory>
#include <optional>

#include "ssh/remote_channel.hpp"

namespace execo::detail {

/// What the server has made of the signal request: surely nothing, or it may have delivered it.
enum class delivery : std::uint8_t { none, possible };

class sibling_signal final : private channel_owner {
 public:
  explicit sibling_signal(remote_session& session);

  /// The server is one that gives each connection a process of its own.
  static bool possible(const remote_session& session);
  /// The server is known to ignore signal requests of this user.
  static bool needed(const remote_session& session);
  /// Sends when `delay` has passed without cancel(). The latest signal counts.
  void send(int number, delivery before, clock::duration delay);
  void cancel() noexcept;

 private:
  void go();
  void channel_started() override {}
  void channel_data(stream, std::span<const char>) override {}
  void channel_eof() override {}
  void channel_exit(exit_status) override {}
  void channel_closed() override;
  void channel_refused(std::string) override;
  void channel_written(std::size_t) override {}

  remote_session& session_;
  timer delay_;
  int wanted_ = 0;  // 0: none
  delivery before_ = delivery::possible;
  // One at a time: each would find the other among its siblings. Kept until the next one is due,
  // because an event of a channel must not destroy it.
  std::unique_ptr<remote_channel> channel_;
  bool running_ = false;
};

/// What the second channel runs.
std::string sibling_signal_script(int number, delivery before);

}  // namespace execo::detail
