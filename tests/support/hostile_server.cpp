#include "hostile_server.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <stdexcept>

namespace execo::test {
namespace {

void check(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("hostile server: ") + what);
}

sockaddr_in own_address(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  return address;
}

}  // namespace

hostile_server::hostile_server()
    : host_key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")),
      socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  check(host_key_ != nullptr, "no host key");
  check(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0, "bind");
  check(::listen(socket_.get(), 1024) == 0, "listen");
  port_ = ntohs(own_address(socket_.get()).sin_port);
  listening_ = std::thread([this] { listen(); });
}

hostile_server::~hostile_server() {
  check(::eventfd_write(stop_.get(), 1) == 0, "eventfd_write");
  listening_.join();
  {
    std::lock_guard lock(using_);
    for (int fd : open_) (void)::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& t : serving_) t.join();
}

std::string hostile_server::address(std::size_t kind, std::size_t which) {
  return "127.77." + std::to_string(kind) + "." + std::to_string(which + 1);
}

void hostile_server::listen() {
  for (;;) {
    std::array<pollfd, 2> both{{{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    (void)::poll(both.data(), both.size(), -1);
    if (both[1].revents != 0) return;
    detail::unique_fd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    std::size_t kind = ntohl(own_address(fd.get()).sin_addr.s_addr) >> 8 & 0xff;
    std::lock_guard lock(using_);
    open_.insert(fd.get());
    serving_.emplace_back(
        [this, kind, moved = std::move(fd)]() mutable { serve(std::move(moved), kind); });
  }
}

void hostile_server::serve(detail::unique_fd socket, std::size_t kind) {
  int fd = socket.get();
  {
    hostile_wire wire(std::move(socket), host_key_.get());
    try {
      if (kind < hostile_kinds().size()) hostile_kinds()[kind].serve(wire);
    } catch (const peer_gone&) {
      // The end of each of them.
    }
    std::lock_guard lock(using_);
    open_.erase(fd);
  }
}

}  // namespace execo::test
