// How many segments a client sends: each costs its host, and on loopback the client as well, more
// than most calls of the kernel.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "sshd_suite.hpp"

namespace execo::test {
namespace {

/// The structure of the kernel, which glibc's is the beginning of.
struct counted_tcp {
  tcp_info known;
  std::uint64_t rates_and_bytes[4];
  std::uint32_t segments_out, segments_in, unsent_bytes, shortest_round_trip;
  std::uint32_t data_segments_in, data_segments_out;
};
static_assert(offsetof(counted_tcp, data_segments_out) == 156);

bool leads_to(int socket, int port) {
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
         peer.sin_family == AF_INET && ntohs(peer.sin_port) == port;
}

/// Of the only connection to that port of 127.0.0.0/8; 0: there is none.
unsigned data_segments_to(int port) {
  constexpr int most = 256;
  for (int fd = 3; fd < most; ++fd) {
    counted_tcp found{};
    socklen_t size = sizeof found;
    if (leads_to(fd, port) && ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &found, &size) == 0)
      return found.data_segments_out - found.known.tcpi_total_retrans;
  }
  return 0;
}

class segments : public sshd_suite<segments> {};

TEST_F(segments, of_a_first_command_hold_what_is_made_together) {
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "exec sleep 1000");
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.in(phase::run) || r.failed; }));
  // The banner; our algorithms, with it if the server has spoken first; our key; NEWKEYS and the
  // request to log in; the login; a channel; the command and the end of its input.
  unsigned sent = data_segments_to(server_->port());
  EXPECT_GE(sent, 5U) << "is it counted at all?";
  EXPECT_LE(sent, 7U);
  r.signal(SIGTERM);
  r.run();
  EXPECT_EQ(r.status, exit_status::of_signal_name("TERM"));
}

}  // namespace
}  // namespace execo::test
