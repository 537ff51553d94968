#include "execo/free_ports.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/fd.hpp"

namespace execo {
namespace {

[[noreturn]] void fail_to_look(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), "free_ports: " + what);
}

unsigned checked_count(int first, int last) {
  if (first < 1 || last < first || last > 65535)
    throw std::invalid_argument("free_ports(" + std::to_string(first) + ", " +
                                std::to_string(last) + "): expected 1 <= first <= last <= 65535");
  return static_cast<unsigned>(last - first + 1);
}

// Without SO_REUSEADDR: a port that old connections still have is not given, either.
bool can_bind(int family, const sockaddr* address, socklen_t size) {
  const detail::unique_fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) {
    if (errno == EAFNOSUPPORT) return true;
    fail_to_look(errno, "no socket to try a port with");
  }
  const int on = 1;
  if (family == AF_INET6)
    (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // The machine may have this family and no address of it.
  return ::bind(socket.get(), address, size) == 0 || errno == EADDRNOTAVAIL;
}

bool is_free(int port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = v4.sin_port;
  return can_bind(AF_INET, reinterpret_cast<const sockaddr*>(&v4), sizeof v4) &&
         can_bind(AF_INET6, reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

}  // namespace

free_ports::free_ports(int first, int last)
    : first_(first), count_(checked_count(first, last)), turn_(std::random_device()() % count_) {}

int free_ports::next() {
  for (unsigned tries = 0; tries < count_; ++tries) {
    const int port = first_ + static_cast<int>(turn_.fetch_add(1) % count_);
    if (is_free(port)) return port;
  }
  fail_to_look(EADDRINUSE, "all ports from " + std::to_string(first_) + " to " +
                               std::to_string(first_ + static_cast<int>(count_) - 1) +
                               " are taken; give another range");
}

}  // namespace execo
