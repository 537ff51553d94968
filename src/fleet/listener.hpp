// The one listening socket of all hosts. It is bound to the loopback device, so that no other
// machine reaches it whatever its address; which host a connection means is its local address.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "fleet/reactor.hpp"

namespace execo::fleet {

/// A connection's two ends, in host byte order.
class endpoints {
 public:
  endpoints() = default;

  std::uint32_t local = 0;
  std::uint32_t peer = 0;
  std::uint16_t local_port = 0;
  std::uint16_t peer_port = 0;
};

class listener {
 public:
  using accepted = std::function<void(unique_fd, const endpoints&)>;

  /// Binds; port 0 takes a free one. SYNs to the `blackholes` (ascending) are dropped.
  /// Throws: std::system_error.
  listener(reactor& r, std::uint16_t port, const std::vector<std::uint32_t>& blackholes);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  /// Starts accepting.
  void start(accepted on_connection);

 private:
  void on_ready(std::uint32_t events);
  bool accept_one();
  void resume();

  reactor& reactor_;
  unique_fd socket_;
  std::uint16_t port_ = 0;
  bool filtered_ = false;
  watch watch_;
  deadline_timer pause_;
  accepted on_connection_;
};

}  // namespace execo::fleet
