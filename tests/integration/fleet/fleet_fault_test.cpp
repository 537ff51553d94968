// Each fault gives the end it is named after, and nothing but that.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fleet_fixture.hpp"
#include "ssh_client.hpp"

namespace {

using namespace execo::test;
using execo::detail::unique_fd;

// How long silence is listened to: a fleet that wrongly answers does so within a millisecond.
constexpr int silence_milliseconds = 300;
constexpr int patience_milliseconds = 20'000;

unique_fd begin_connect(const std::string& host, int port) {
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host.c_str(), &to.sin_addr);
  bool failed = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0;
  EXPECT_TRUE(!failed || errno == EINPROGRESS) << host;
  return fd;
}

bool ready(const unique_fd& fd, short events, int milliseconds) {
  pollfd wait{fd.get(), events, 0};
  return ::poll(&wait, 1, milliseconds) == 1;
}

/// What comes first: the bytes, "" for an end or silence; `error` tells which.
std::string first_bytes(const unique_fd& fd, int milliseconds, int& error) {
  error = ETIMEDOUT;
  if (!ready(fd, POLLIN, milliseconds)) return {};
  std::array<char, 512> buffer{};
  ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
  error = n < 0 ? errno : 0;
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

TEST(fleet_fault, reset_and_strangers_are_reset_at_once) {
  fleet_fixture fleet("127.1.0.[1-2]", {"--exec", "canned", "--fault", "127.1.0.1:reset"});
  for (const char* host : {"127.1.0.1", "127.1.0.3", "127.9.9.9"}) {
    unique_fd fd = begin_connect(host, fleet.port());
    int error = 0;
    EXPECT_EQ(first_bytes(fd, patience_milliseconds, error), "") << host;
    EXPECT_EQ(error, ECONNRESET) << host;
  }
  EXPECT_EQ(ssh_client(fleet, "127.1.0.2").run("hostname").out, "127.1.0.2\n");
}

TEST(fleet_fault, black_holes_are_exactly_the_hosts_of_the_set) {
  fleet_fixture fleet("127.1.0.[1-250]",
                      {"--exec", "canned", "--fault", "127.1.0.[1-249/2]:blackhole", "--fault",
                       "127.1.0.[100-110]:blackhole"});
  std::vector<unique_fd> connections;
  for (int i = 1; i <= 250; ++i)
    connections.push_back(begin_connect("127.1.0." + std::to_string(i), fleet.port()));
  auto hole = [](int i) { return i % 2 == 1 || (i >= 100 && i <= 110); };
  auto answers = [&](int i, int limit) { return ready(connections[i - 1], POLLOUT, limit); };
  // When those that answer have done so, the others have had their time as well.
  for (int i = 1; i <= 250; ++i) EXPECT_TRUE(hole(i) || answers(i, patience_milliseconds)) << i;
  EXPECT_FALSE(answers(1, silence_milliseconds));
  for (int i = 1; i <= 250; ++i) EXPECT_EQ(hole(i), !answers(i, 0)) << i;
}

TEST(fleet_fault, no_banner_is_silence) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned", "--fault", "127.1.0.1:no-banner"});
  unique_fd fd = begin_connect("127.1.0.1", fleet.port());
  ASSERT_TRUE(ready(fd, POLLOUT, patience_milliseconds));
  int error = 0;
  EXPECT_EQ(first_bytes(fd, silence_milliseconds, error), "");
  EXPECT_EQ(error, ETIMEDOUT);
}

TEST(fleet_fault, stall_kex_is_a_banner_and_then_silence) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned", "--fault", "127.1.0.1:stall-kex"});
  unique_fd fd = begin_connect("127.1.0.1", fleet.port());
  int error = 0;
  EXPECT_TRUE(first_bytes(fd, patience_milliseconds, error).starts_with("SSH-2.0-"));
  ASSERT_EQ(::send(fd.get(), "SSH-2.0-test\r\n", 14, MSG_NOSIGNAL), 14);
  EXPECT_EQ(first_bytes(fd, silence_milliseconds, error), "");
  EXPECT_EQ(error, ETIMEDOUT);
}

TEST(fleet_fault, a_client_that_does_not_log_in_is_ended_after_the_grace) {
  fleet_fixture fleet("127.1.0.[1-2]", {"--exec", "canned", "--login-grace", "100ms", "--fault",
                                        "127.1.0.1:no-banner"});
  for (const char* host : {"127.1.0.1", "127.1.0.2"}) {
    unique_fd fd = begin_connect(host, fleet.port());
    int error = 0;
    while (!first_bytes(fd, patience_milliseconds, error).empty()) {
    }
    EXPECT_EQ(error, 0) << host;
  }
}

TEST(fleet_fault, reject_auth_refuses_the_right_key) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned", "--fault", "127.1.0.1:reject-auth"});
  outcome end = run_program(fleet.ssh("127.1.0.1", "true"));
  EXPECT_EQ(end.code, 255);
  EXPECT_NE(end.err.find("Permission denied (publickey)"), std::string::npos) << end.err;
}

TEST(fleet_fault, stall_auth_comes_after_the_key_exchange) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned", "--fault", "127.1.0.1:stall-auth"});
  program ssh(fleet.ssh("127.1.0.1", "true", {"-v", "-o", "LogLevel=DEBUG"}));
  outcome end = ssh.finish({}, std::chrono::seconds(1));
  EXPECT_TRUE(end.too_late);
  EXPECT_NE(end.err.find("SSH2_MSG_NEWKEYS received"), std::string::npos) << end.err;
  EXPECT_EQ(end.err.find("Authentications that can continue"), std::string::npos) << end.err;
}

TEST(fleet_fault, stall_exec_logs_in_and_never_answers_the_command) {
  fleet_fixture fleet("127.1.0.1", {"--fault", "127.1.0.1:stall-exec"});
  program ssh(fleet.ssh("127.1.0.1", "echo never", {"-v", "-o", "LogLevel=DEBUG"}));
  outcome end = ssh.finish({}, std::chrono::seconds(1));
  EXPECT_TRUE(end.too_late);
  EXPECT_EQ(end.out, "");
  EXPECT_NE(end.err.find("Sending command: echo never"), std::string::npos) << end.err;
  EXPECT_TRUE(fleet.commands().empty());
}

TEST(fleet_fault, drop_mid_output_gives_half_and_no_status) {
  for (const char* mode : {"real", "canned"}) {
    fleet_fixture fleet("127.1.0.1", {"--exec", mode, "--fault", "127.1.0.1:drop-mid-output"});
    remote_outcome end = ssh_client(fleet, "127.1.0.1").run("echo 123456789");
    EXPECT_EQ(end.out, "12345") << mode;
    EXPECT_EQ(end.code, -1) << mode;
    EXPECT_FALSE(end.closed) << mode;
  }
}

TEST(fleet_fault, drop_mid_output_ends_endless_output_too) {
  fleet_fixture fleet("127.1.0.1", {"--fault", "127.1.0.1:drop-mid-output"});
  remote_outcome end = ssh_client(fleet, "127.1.0.1").run("yes");
  EXPECT_GT(end.out.size(), 0U);
  EXPECT_FALSE(end.closed);
  EXPECT_TRUE(fleet.no_commands_left());  // by SIGPIPE, as with sshd
}

TEST(fleet_fault, disconnects_are_told_with_words_in_each_phase) {
  fleet_fixture fleet("127.1.0.[1-3]",
                      {"--fault", "127.1.0.1:disconnect-auth", "--fault",
                       "127.1.0.2:disconnect-open", "--fault", "127.1.0.3:disconnect-run"});
  auto run = [&](const char* host) { return run_program(fleet.ssh(host, "echo 123456789")); };
  outcome auth = run("127.1.0.1");
  EXPECT_EQ(auth.code, 255);
  EXPECT_NE(auth.err.find("Too many authentication failures"), std::string::npos) << auth.err;
  outcome open = run("127.1.0.2");
  EXPECT_EQ(open.code, 255);
  EXPECT_NE(open.err.find("No more sessions"), std::string::npos) << open.err;
  outcome ran = run("127.1.0.3");
  EXPECT_EQ(ran.code, 255);
  EXPECT_NE(ran.err.find("Too long a session"), std::string::npos) << ran.err;
}

TEST(fleet_fault, the_end_of_a_command_can_be_another) {
  fleet_fixture fleet("127.1.0.[1-2]",
                      {"--fault", "127.1.0.1:exit-7", "--fault", "127.1.0.2:signal-KILL"});
  remote_outcome exited = ssh_client(fleet, "127.1.0.1").run("echo output");
  EXPECT_EQ(exited.out, "output\n");
  EXPECT_EQ(exited.code, 7);
  remote_outcome killed = ssh_client(fleet, "127.1.0.2").run("echo output");
  EXPECT_EQ(killed.out, "output\n");
  EXPECT_EQ(killed.signal, "KILL");
}

TEST(fleet_fault, slow_output_comes_line_by_line_and_is_good) {
  for (const char* mode : {"real", "canned"}) {
    fleet_fixture fleet("127.1.0.1", {"--exec", mode, "--fault", "127.1.0.1:slow-output=150ms"});
    auto begin = std::chrono::steady_clock::now();
    std::string text = "echo 'a\nb\nc'";
    remote_outcome end = ssh_client(fleet, "127.1.0.1").run(text);
    EXPECT_EQ(end.out, mode == std::string("real") ? "a\nb\nc\n" : "'a\nb\nc'\n");
    EXPECT_EQ(end.code, 0);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(450));
  }
}

TEST(fleet_fault, the_last_fault_of_a_host_counts) {
  fleet_fixture fleet("127.1.0.[1-2]", {"--exec", "canned", "--fault", "127.1.0.[1-2]:exit-1",
                                        "--fault", "127.1.0.2:exit-2"});
  EXPECT_EQ(ssh_client(fleet, "127.1.0.1").run("true").code, 1);
  EXPECT_EQ(ssh_client(fleet, "127.1.0.2").run("true").code, 2);
}

}  // namespace
