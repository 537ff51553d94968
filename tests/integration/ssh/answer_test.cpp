// The answer to the request for a command, and the end of the command, are read by one call of
// libssh that does something else.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <libssh/libssh.h>
#include <poll.h>

#include <atomic>

#include "sshd_suite.hpp"

namespace execo::test {
namespace {

constexpr int limit_ms = 20'000;

std::atomic<bool> is_slow{false};
std::atomic<unsigned> ends{0};

// As where the end of the input cannot be sent at once: libssh reads the connection meanwhile.
void read_until_closed(ssh_channel channel) {
  ssh_session session = ssh_channel_get_session(channel);
  pollfd readable{ssh_get_fd(session), POLLIN, 0};
  while (!ssh_channel_is_closed(channel) && ::poll(&readable, 1, limit_ms) > 0) {
    // What is written behind something else is what makes it look.
    for (int i = 0; i < 2; ++i) (void)ssh_send_ignore(session, "beside it");
    if (ssh_blocking_flush(session, limit_ms) != SSH_OK) return;
  }
  if (ssh_channel_is_closed(channel)) ++ends;
}

}  // namespace
}  // namespace execo::test

// Comes before libssh's for the whole program: a symbol of the executable does.
extern "C" int ssh_channel_send_eof(ssh_channel channel) {
  static auto* const theirs =
      reinterpret_cast<int (*)(ssh_channel)>(::dlsym(RTLD_NEXT, "ssh_channel_send_eof"));
  int r = theirs(channel);
  if (execo::test::is_slow) execo::test::read_until_closed(channel);
  return r;
}

namespace execo::test {
namespace {

class ssh_answer : public sshd_suite<ssh_answer> {};

TEST_F(ssh_answer, is_taken_when_the_end_of_the_command_is_read_beside_it) {
  is_slow = true;
  EXPECT_EQ(login_error(), "in");
  is_slow = false;
  EXPECT_GT(ends, 0U);
}

}  // namespace
}  // namespace execo::test
