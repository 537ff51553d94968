#include "fleet/listener.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "fleet/blackhole.hpp"

namespace execo::fleet {

namespace {

// The kernel cuts it to net.core.somaxconn.
constexpr int backlog = 65535;
// In one turn, so that the sessions accepted so far make progress too.
constexpr int accepts_per_turn = 512;
// When to accept again after running out of descriptors.
constexpr std::chrono::milliseconds pause_time{50};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void set_option(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) fail(what);
}

unique_fd bound_socket(std::uint16_t port) {
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail("socket");
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  // Accepted sockets inherit it. Answers go out as several small packets: without it Nagle's
  // algorithm and delayed acknowledgements add 40 ms to each command.
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof("lo")) != 0)
    fail("SO_BINDTODEVICE lo");
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0)
    fail("port " + std::to_string(port));
  return fd;
}

sockaddr_in local_address(int fd) noexcept {
  sockaddr_in local{};
  socklen_t size = sizeof(local);
  (void)::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);  // of a live socket
  return local;
}

}  // namespace

listener::listener(reactor& r, std::uint16_t port, const std::vector<std::uint32_t>& blackholes)
    : reactor_(r),
      socket_(bound_socket(port)),
      filtered_(!blackholes.empty()),
      watch_(delegate<std::uint32_t>::to<&listener::on_ready>(this)),
      pause_(delegate<>::to<&listener::resume>(this)) {
  if (filtered_) attach_filter(socket_.get(), drop_program(blackholes));
  if (::listen(socket_.get(), backlog) != 0) fail("listen");
  port_ = ntohs(local_address(socket_.get()).sin_port);
}

listener::~listener() { reactor_.remove(socket_.get(), watch_); }

void listener::start(accepted on_connection) {
  on_connection_ = std::move(on_connection);
  reactor_.add(socket_.get(), EPOLLIN, watch_);
}

void listener::resume() { reactor_.modify(socket_.get(), EPOLLIN, watch_); }

void listener::on_ready(std::uint32_t) {
  for (int i = 0; i < accepts_per_turn && accept_one(); ++i) {
  }
}

bool listener::accept_one() {
  sockaddr_in peer{};
  socklen_t size = sizeof(peer);
  unique_fd fd(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      reactor_.modify(socket_.get(), 0, watch_);
      reactor_.arm(pause_, pause_time);
      return false;
    }
    return errno != EAGAIN;  // else the connection was gone before its turn: accept(2)
  }
  if (filtered_) detach_filter(fd.get());
  sockaddr_in local = local_address(fd.get());
  endpoints ends;
  ends.local = ntohl(local.sin_addr.s_addr);
  ends.local_port = ntohs(local.sin_port);
  ends.peer = ntohl(peer.sin_addr.s_addr);
  ends.peer_port = ntohs(peer.sin_port);
  on_connection_(std::move(fd), ends);
  return true;
}

}  // namespace execo::fleet
