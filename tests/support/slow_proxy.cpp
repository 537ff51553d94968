#include "slow_proxy.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace execo::test {
namespace {

sockaddr_in loopback(int port, std::uint32_t address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(address);
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  return to;
}

int connect_to(int port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = loopback(port, INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  ::close(fd);
  return -1;
}

void send_at_once(int fd) {
  int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

slow_proxy::slow_proxy(int server_port, const way& how) : server_port_(server_port), how_(how) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any = loopback(0, INADDR_ANY);
  socklen_t size = sizeof any;
  bool ok = ::bind(listener_, reinterpret_cast<sockaddr*>(&any), size) == 0 &&
            ::listen(listener_, 64) == 0 &&
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size) == 0;
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (!ok || wake_ < 0) throw std::runtime_error("no proxy");
  port_ = ntohs(any.sin_port);
  thread_ = std::thread([this] { serve(); });
}

slow_proxy::~slow_proxy() {
  order(ending);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void slow_proxy::order(state what) noexcept {
  state_ = what;
  std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void slow_proxy::serve() {
  while (state_ != ending) turn();
  break_all();
}

void slow_proxy::turn() {
  std::vector<pollfd> wanted{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
  auto due = clock::time_point::max();
  if (state_ == passing) {
    for (connection& c : connections_) {
      for (direction* d : {&c.up, &c.down}) {
        if (!d->ended) wanted.push_back({d->from, POLLIN, 0});
        if (d->waiting.empty()) continue;
        due = std::min(due, d->waiting.front().first);
      }
    }
  }
  int wait = -1;
  auto now = clock::now();
  if (due <= now) {
    wait = 0;
  } else if (due != clock::time_point::max()) {
    wait = static_cast<int>(std::chrono::ceil<way::milliseconds>(due - now).count());
  }
  (void)::poll(wanted.data(), wanted.size(), wait);
  std::uint64_t woken = 0;
  (void)!::read(wake_, &woken, sizeof woken);
  if ((wanted[1].revents & POLLIN) != 0) accept_one();
  if (state_ == broken) break_all();
  if (state_ != passing) return;
  for (connection& c : connections_) {
    take(c, c.up);
    take(c, c.down);
    pass_on(c.up, clock::now());
    pass_on(c.down, clock::now());
  }
}

void slow_proxy::accept_one() {
  connection c;
  c.up.from = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (c.up.from < 0) return;
  if (accepted_++ < how_.lost_first) return lose(c.up.from);
  c.up.to = connect_to(server_port_);
  c.down.from = c.up.to;
  c.down.to = c.up.from;
  send_at_once(c.up.from);
  send_at_once(c.up.to);
  connections_.push_back(std::move(c));
}

void slow_proxy::lose(int client) const {
  (void)::send(client, how_.last_words.data(), how_.last_words.size(), MSG_NOSIGNAL);
  linger at_once{1, 0};
  if (how_.resets) (void)::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(client);
}

void slow_proxy::take(connection& of, direction& d) {
  std::array<char, 65536> bytes;
  while (!d.ended) {
    ssize_t n = ::recv(d.from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    auto now = clock::now();
    auto when = now + how_.delay;
    d.ended = n <= 0;
    if (&d == &of.down) {
      of.answered += static_cast<std::uint64_t>(std::max<ssize_t>(n, 0));
    } else if (of.answered >= how_.hold_after) {
      if (how_.loses) continue;
      if (!std::exchange(of.held, true)) of.held_until = now + how_.hold;
      when = std::max(when, of.held_until);
    }
    d.waiting.emplace_back(
        when, std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))));
  }
}

void slow_proxy::pass_on(direction& d, clock::time_point now) {
  while (!d.waiting.empty() && d.waiting.front().first <= now) {
    const std::string& bytes = d.waiting.front().second;
    if (bytes.empty()) {
      (void)::shutdown(d.to, SHUT_WR);
    } else {
      ssize_t n = ::send(d.to, bytes.data() + d.passed, bytes.size() - d.passed,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) n = static_cast<ssize_t>(bytes.size() - d.passed);
      if (n < 0) {
        d.waiting.front().first = now + way::milliseconds(1);  // the receiver is full
        return;
      }
      d.passed += static_cast<std::size_t>(n);
      if (d.passed < bytes.size()) continue;
    }
    d.passed = 0;
    d.waiting.pop_front();
  }
}

void slow_proxy::break_all() {
  linger at_once{1, 0};
  for (connection& c : connections_) {
    for (int fd : {c.up.from, c.up.to}) {
      (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      ::close(fd);
    }
  }
  connections_.clear();
}

}  // namespace execo::test
