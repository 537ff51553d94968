// Peers that the test itself plays: a listener, one whose queue is full, and a client that stays.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace execo::test {

/// A listener that the test itself serves, or leaves unanswered.
class fake_peer {
 public:
  explicit fake_peer(const char* address = "0.0.0.0", int port = 0, int backlog = 16)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in any = endpoint_of(address, port);
    socklen_t size = sizeof any;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_EQ(::listen(listener_.get(), backlog), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
    port_ = ntohs(any.sin_port);
  }
  static sockaddr_in endpoint_of(const char* address, int port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    EXPECT_EQ(::inet_pton(AF_INET, address, &to.sin_addr), 1);
    return to;
  }
  int port() const noexcept { return port_; }
  void stop_listening() { listener_.reset(); }
  bool accept() {
    if (!connection_) connection_.reset(::accept(listener_.get(), nullptr, nullptr));
    return static_cast<bool>(connection_);
  }
  void send(std::string_view bytes) {
    EXPECT_EQ(::send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void hang_up() { connection_.reset(); }
  void reset() {
    linger at_once{1, 0};
    (void)::setsockopt(connection_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    connection_.reset();
  }

 private:
  detail::unique_fd listener_;
  detail::unique_fd connection_;
  int port_ = 0;
};

/// An address whose listener drops SYNs, since its queue of connections is full.
class silent_address {
 public:
  explicit silent_address(const char* address, int port = 0) : listener_(address, port, 0) {
    sockaddr_in to = fake_peer::endpoint_of(address, listener_.port());
    for (int i = 0; i < 16; ++i) {
      detail::unique_fd one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(one.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
      pollfd answered{one.get(), POLLOUT, 0};
      bool full = ::poll(&answered, 1, 20) == 0;
      waiting_.push_back(std::move(one));
      if (full) return;
    }
    ADD_FAILURE() << "a listener without a limit";
  }
  int port() const noexcept { return listener_.port(); }

 private:
  fake_peer listener_;
  std::vector<detail::unique_fd> waiting_;
};

/// A connection to a server that says nothing.
class silent_client {
 public:
  silent_client(const char* address, int port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = fake_peer::endpoint_of(address, port);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  /// Waits for as many.
  std::string first_bytes(std::size_t count) {
    std::string text(count, '\0');
    ssize_t n = ::recv(socket_.get(), text.data(), count, MSG_WAITALL);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

 private:
  detail::unique_fd socket_;
};

}  // namespace execo::test
