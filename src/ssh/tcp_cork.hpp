// Packets that are made one after another, sent as one segment.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>

namespace execo::detail {

/// TCP_CORK of a connection (tcp(7)): while it is in, the kernel sends full segments only. It holds
/// the rest back until the cork is out, for 200 ms at most, or until the socket is closed: then the
/// last bytes and the end of the stream go together. Both calls are nothing for what is no TCP.
class tcp_cork {
 public:
  void put_in(int socket) noexcept {
    if (state_ != state::out) return;
    state_ = set(socket, 1) ? state::in : state::impossible;
  }
  /// Pre: the socket is the one it was put in, or -1 if that is closed.
  void pull(int socket) noexcept {
    if (state_ != state::in) return;
    state_ = state::out;
    if (socket >= 0) (void)set(socket, 0);
  }

 private:
  enum class state : std::uint8_t { out, in, impossible };

  static bool set(int socket, int on) noexcept {
    return ::setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0;
  }

  state state_ = state::out;
};

}  // namespace execo::detail
