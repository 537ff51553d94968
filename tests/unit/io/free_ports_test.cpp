#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <mutex>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "execo/free_ports.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;

// A server on 127.0.0.1; port 0: the kernel chooses.
class listening {
 public:
  explicit listening(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(port));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    worked_ = ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0 &&
              ::listen(socket_.get(), 1) == 0;
    socklen_t size = sizeof where;
    (void)::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
  }
  bool worked() const { return worked_; }
  int port() const { return port_; }

 private:
  detail::unique_fd socket_;
  bool worked_ = false;
  int port_ = 0;
};

TEST(free_ports, can_be_listened_on) {
  free_ports ports;
  const int port = ports.next();
  EXPECT_GE(port, 25500);
  EXPECT_LE(port, 26699);
  EXPECT_TRUE(listening(port).worked());
}

TEST(free_ports, are_none_that_a_server_has) {
  const listening server(0);
  ASSERT_TRUE(server.worked());
  free_ports one(server.port(), server.port());
  try {
    FAIL() << one.next();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_THAT(error.what(), HasSubstr("are taken; give another range"));
  }
}

TEST(free_ports, come_once_each_in_a_round_for_all_threads) {
  // Few enough that none comes twice, however many of the range others use.
  constexpr int threads = 4, of_each = 50;
  free_ports ports;
  std::mutex mutex;
  std::set<int> given;
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i)
    callers.emplace_back([&] {
      for (int n = 0; n < of_each; ++n) {
        const int port = ports.next();
        std::lock_guard lock(mutex);
        given.insert(port);
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(given.size(), static_cast<std::size_t>(threads * of_each));
}

TEST(free_ports, refuse_ranges_that_are_none) {
  EXPECT_THROW(free_ports(0, 5), std::invalid_argument);
  EXPECT_THROW(free_ports(6, 5), std::invalid_argument);
  EXPECT_THROW(free_ports(1, 65536), std::invalid_argument);
}

}  // namespace
}  // namespace execo::test
