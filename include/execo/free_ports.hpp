/// free_ports: TCP ports of this machine for servers that a program starts.
#pragma once

#include <atomic>

namespace execo {

/// Hands out ports of a range, one after the other, that nothing on this machine uses. A port comes
/// again only when all others of the range have come: who got one has that long to use it.
///
/// It is free at the time of the answer, and nothing holds it. Another program may take it first,
/// so a server that finds it taken needs another one. By default the range is below those that
/// kernels take for outgoing connections, and each object begins at a random place in it, so that
/// programs that run at the same time are rarely given the same one.
class free_ports {
 public:
  /// Throws: std::invalid_argument unless 1 <= first <= last <= 65535.
  explicit free_ports(int first = 25500, int last = 26699);
  free_ports(const free_ports&) = delete;
  free_ports& operator=(const free_ports&) = delete;

  /// A port that no TCP socket of this machine has at any of its addresses.
  /// Thread: any. Throws: std::system_error if all of the range are taken, or for want of a
  /// descriptor.
  int next();

 private:
  const int first_;
  const unsigned count_;
  std::atomic<unsigned> turn_;
};

}  // namespace execo
