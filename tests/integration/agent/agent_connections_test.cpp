// An agent connects to an address in place of running a command, and passes bytes both ways.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::command_end;
using detail::execute_flag;
using detail::execute_message;
using detail::index_ranges;
using detail::unique_fd;

const index_ranges self(0);

/// Of this machine, on a port that the kernel chooses.
class loopback_listener {
 public:
  explicit loopback_listener(int family = AF_INET) : socket_(::socket(family, SOCK_STREAM, 0)) {
    sockaddr_in6 at{};
    at.sin6_family = static_cast<sa_family_t>(family);
    at.sin6_addr = in6addr_loopback;
    if (family == AF_INET)
      reinterpret_cast<sockaddr_in&>(at).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof at;
    is_there_ = ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), size) == 0 &&
                ::listen(socket_.get(), 4) == 0 &&
                ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0;
    port_ = ntohs(at.sin6_port);
  }

  bool is_there() const { return is_there_; }
  std::uint16_t port() const { return port_; }
  unique_fd accept() const { return unique_fd(::accept(socket_.get(), nullptr, nullptr)); }
  void close() { socket_.reset(); }

 private:
  unique_fd socket_;
  std::uint16_t port_ = 0;
  bool is_there_ = false;
};

execute_message to(std::uint32_t run, std::uint16_t port, std::string_view address) {
  execute_message order;
  order.run = run;
  order.hosts = self;
  order.form = detail::command_form::connection;
  order.words = {detail::connection_word(port, address)};
  order.flags = static_cast<std::uint8_t>(execute_flag::input);
  order.output_cap = order.error_cap = UINT64_MAX;
  return order;
}
execute_message to(std::uint32_t run, const loopback_listener& there) {
  return to(run, there.port(), std::string_view("\x7f\0\0\1", 4));
}

std::string read_exactly(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  ssize_t got = ::recv(fd, bytes.data(), size, MSG_WAITALL);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

TEST(agent_connections, pass_bytes_both_ways_and_end_with_the_other_end) {
  loopback_listener there;
  tree_driver tree;
  tree.send(to(1, there));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).started; }));
  unique_fd peer = there.accept();
  tree.input(1, 0, std::string("up\0", 3), false);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).input_taken == 3; }));
  EXPECT_EQ(read_exactly(peer.get(), 3), std::string("up\0", 3));
  ASSERT_EQ(::send(peer.get(), "down", 4, 0), 4);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "down"; }));
  peer.reset();
  ASSERT_TRUE(tree.until_ended(1, self)) << tree.link().fault_words();
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::exited);
  EXPECT_EQ(tree.of(1, 0).end->measures[0].output, 4U);
}

TEST(agent_connections, reach_addresses_of_ipv6) {
  loopback_listener there(AF_INET6);
  if (!there.is_there()) GTEST_SKIP() << "no IPv6 on this machine";
  tree_driver tree;
  std::string address(16, '\0');
  address.back() = 1;
  tree.send(to(1, there.port(), address));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).started; }));
  EXPECT_TRUE(there.accept());
}

TEST(agent_connections, say_why_there_is_none) {
  loopback_listener there;
  const execute_message order = to(1, there);
  there.close();
  tree_driver tree;
  tree.send(order);
  ASSERT_TRUE(tree.until_ended(1, self)) << tree.link().fault_words();
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::not_started);
  EXPECT_EQ(tree.of(1, 0).end->code, static_cast<std::uint32_t>(ECONNREFUSED));
  EXPECT_FALSE(tree.of(1, 0).started);
}

TEST(agent_connections, end_when_they_are_cancelled) {
  loopback_listener there;
  tree_driver tree;
  tree.send(to(1, there));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).started; }));
  unique_fd peer = there.accept();
  tree.cancel(1, self);
  ASSERT_TRUE(tree.until_ended(1, self)) << tree.link().fault_words();
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::cancelled);
  EXPECT_EQ(read_exactly(peer.get(), 1), "");
}

// A run is one connection, whatever comes again.
TEST(agent_connections, are_made_once_for_an_order_that_comes_again) {
  loopback_listener there;
  tree_driver tree;
  tree.send(to(1, there));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).started; }));
  unique_fd first = there.accept();
  tree.send(to(1, there));
  tree.input(1, 0, "on", false);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).input_taken == 2; }));
  EXPECT_EQ(read_exactly(first.get(), 2), "on");
  first.reset();
  ASSERT_TRUE(tree.until_ended(1, self)) << tree.link().fault_words();
}

// Back-pressure: bytes that are not read stay with their sender, beyond the window of the stream.
TEST(agent_connections, hold_no_more_than_their_windows) {
  loopback_listener there;
  tree_driver tree;
  tree.give_credit(false);
  tree.send(to(1, there));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).started; }));
  unique_fd peer = there.accept();
  const std::size_t window = detail::welcome_message().stream_window;
  const std::string bytes(2 * window, 'x');
  ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out.size() == window; }));
  tree.send(tree_driver::text(2, self, "true"));
  ASSERT_TRUE(tree.until_ended(2, self));
  EXPECT_EQ(tree.of(1, 0).out.size(), window);
}

TEST(agent_connections, end_with_the_parent) {
  loopback_listener there;
  unique_fd peer;
  {
    tree_driver tree;
    tree.send(to(1, there));
    ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).started; }));
    peer = there.accept();
    tree.close();
    EXPECT_TRUE(tree.until_gone());
  }
  EXPECT_EQ(read_exactly(peer.get(), 1), "");
}

}  // namespace
}  // namespace execo::test
