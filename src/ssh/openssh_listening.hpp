// What the `ssh` program says in its log of the forwards that it is asked for. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace execo::detail {

class openssh_listening {
 public:
  /// ssh itself listens, if it is to: with ExitOnForwardFailure it does not come this far else.
  bool here() const noexcept { return here_; }
  /// The server listens, where it was asked to.
  bool there() const noexcept { return server_ == server::listens; }
  /// The server was asked to listen, and does not.
  bool refused() const noexcept { return server_ == server::refuses; }
  /// By the server, for port 0; 0: none yet.
  int chosen_port() const noexcept { return chosen_port_; }
  /// Why ssh does not listen; empty: it does, or is not that far.
  const std::string& problem() const noexcept { return problem_; }

  /// Records behind the login.
  void read_step(std::string_view step);
  void read_message(std::string_view message);

 private:
  enum class server : std::uint8_t { silent, listens, refuses };

  std::string problem_;
  int chosen_port_ = 0;
  server server_ = server::silent;
  bool here_ = false;
};

}  // namespace execo::detail
