// Port forwards through a real sshd: whole in both directions, with the end of each passed on, and
// nothing left after theirs.
#include "execo/port_forward.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fd.hpp"
#include "child_processes.hpp"
#include "fleet_fixture.hpp"
#include "random_bytes.hpp"
#include "recorded_run.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;

/// A blocking socket. What takes longer than 20 seconds is over; a limit makes EINTR possible,
/// which a ring of its thread causes.
class far_socket {
 public:
  explicit far_socket(int fd) : fd_(fd) { limit(); }
  explicit far_socket(const forward_endpoint& to)
      : fd_(::socket(to.is_path() ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    limit();
    sockaddr_un path{};
    sockaddr_in port{};
    path.sun_family = AF_UNIX;
    port.sin_family = AF_INET;
    port.sin_port = htons(static_cast<std::uint16_t>(to.port()));
    port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)std::strncpy(path.sun_path, to.path().c_str(), sizeof path.sun_path - 1);
    const void* at = to.is_path() ? static_cast<const void*>(&path) : &port;
    socklen_t size = to.is_path() ? sizeof path : sizeof port;
    connected_ = ::connect(fd_.get(), static_cast<const sockaddr*>(at), size) == 0;
  }

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void end_output() const { (void)::shutdown(fd_.get(), SHUT_WR); }
  void shut() const { (void)::shutdown(fd_.get(), SHUT_RDWR); }
  /// Some bytes; empty at the end.
  std::string read(std::size_t most = 65536) const {
    std::string bytes(most, '\0');
    ssize_t n = 0;
    do n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    while (n < 0 && errno == EINTR);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  }
  std::string read_exactly(std::size_t size) const {
    std::string all;
    while (all.size() < size) {
      std::string more = read(std::min<std::size_t>(size - all.size(), 65536));
      if (more.empty()) break;
      all += more;
    }
    return all;
  }
  std::string read_all() const { return read_exactly(std::string::npos / 2); }

 private:
  void limit() const {
    timeval most{20, 0};
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
  }
  detail::unique_fd fd_;
  bool connected_ = false;
};

/// What is behind the forward: does this with each connection, in a thread of its own.
class far_server {
 public:
  using service = void (*)(const far_socket&);
  explicit far_server(service serve, const std::string& path = {})
      : listener_(::socket(path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        serve_(serve) {
    sockaddr_un named{};
    named.sun_family = AF_UNIX;
    (void)std::strncpy(named.sun_path, path.c_str(), sizeof named.sun_path - 1);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = path.empty() ? sizeof any : sizeof named;
    void* at = path.empty() ? static_cast<void*>(&any) : &named;
    EXPECT_EQ(::bind(listener_.get(), static_cast<sockaddr*>(at), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1000), 0);
    (void)::getsockname(listener_.get(), static_cast<sockaddr*>(at), &size);
    if (path.empty()) port_ = ntohs(any.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  far_server(const far_server&) = delete;
  far_server& operator=(const far_server&) = delete;
  ~far_server() {
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    accepting_.join();
    for (far_socket& one : sockets_) one.shut();
    for (std::thread& one : threads_) one.join();
  }

  forward_endpoint address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }

 private:
  void accept_all() {
    for (int fd; (fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      far_socket& one = sockets_.emplace_back(fd);
      threads_.emplace_back([this, &one] {
        serve_(one);
        one.shut();
      });
    }
  }

  detail::unique_fd listener_;
  service serve_;
  int port_ = 0;
  std::thread accepting_;
  std::deque<far_socket> sockets_;
  std::vector<std::thread> threads_;
};

void echo(const far_socket& with) {
  for (std::string bytes; !(bytes = with.read()).empty();)
    if (!with.send(bytes)) return;
}
void count_until_the_end(const far_socket& with) {
  std::string size = std::to_string(with.read_all().size());
  (void)with.send(size);
}
void send_much(const far_socket& with) {
  std::string piece(100'000, 'x');
  for (int i = 0; i < 300; ++i)
    if (!with.send(piece)) return;
}
void hold(const far_socket& with) { (void)with.read(1); }

class port_forwards : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  }
  void TearDown() override {
    if (!driver_.joinable()) return;
    own_->stop();
    driver_.join();
    own_.reset();
  }
  void start(const std::string& more = {}) {
    server = std::make_unique<sshd_fixture>(more);
    own_ = std::make_unique<context>();
    driver_ = std::thread([this] { own_->run(); });
  }
  ssh_options how() const { return options_for(*server); }
  port_forward by_program(port_forward f) const {
    ssh_options program = how();
    program.via = ssh_client::openssh;
    return std::move(f).ssh(std::move(program));
  }
  port_forward prepared(port_forward f) const { return std::move(f).ssh(how()).on(*own_); }
  port_forward to(const forward_endpoint& there, const forward_endpoint& here = ":0") const {
    return prepared(port_forward::local(here, "127.8.0.1", there));
  }
  port_forward from_host(const forward_endpoint& there) const {
    return prepared(port_forward::remote(":0", "127.8.0.1", there));
  }
  port_forward socks() const { return prepared(port_forward::dynamic(":0", "127.8.0.1")); }
  /// Where it listens.
  static forward_endpoint listening(port_forward& f) {
    forward_start begun = sync_wait(f.ready());
    if (begun.ok()) return begun.here();
    throw std::runtime_error(begun.end().describe());
  }

  std::unique_ptr<sshd_fixture> server;

 private:
  std::unique_ptr<context> own_;
  std::thread driver_;
};

TEST_F(port_forwards, carry_10_MB_in_each_direction_whole) {
  start();
  far_server behind(echo);
  port_forward f = to(behind.address());
  forward_endpoint here = listening(f);
  EXPECT_GT(here.port(), 0);
  EXPECT_TRUE(f.running());
  std::string sent = random_bytes(7).take(10'000'000);
  far_socket client(here);
  std::thread writes([&] {
    EXPECT_TRUE(client.send(sent));
    client.end_output();
  });
  std::string back = client.read_all();
  writes.join();
  EXPECT_TRUE(back == sent) << back.size();
  EXPECT_TRUE(soon([&f] { return f.counts().open == 0; }));
  forward_counts counts = f.counts();
  EXPECT_EQ(counts.opened, 1U);
  EXPECT_EQ(counts.failed, 0U);
  EXPECT_EQ(counts.bytes_there, sent.size());
  EXPECT_EQ(counts.bytes_back, sent.size());
}

TEST_F(port_forwards, pass_the_end_of_one_direction_on_and_keep_the_other_one) {
  start();
  far_server counts(count_until_the_end);
  far_server sends(send_much);
  port_forward up = to(counts.address());
  far_socket client(listening(up));
  EXPECT_TRUE(client.send(std::string(3'000'000, 'y')));
  client.end_output();
  EXPECT_EQ(client.read_all(), "3000000");
  port_forward down = to(sends.address());
  EXPECT_EQ(far_socket(listening(down)).read_all().size(), 30'000'000U);
}

TEST_F(port_forwards, hold_a_server_back_whose_client_does_not_read_and_no_other_client) {
  start();
  far_server sends(send_much);
  far_server echoes(echo);
  port_forward slow = to(sends.address());
  port_forward fast = to(echoes.address());
  far_socket reads_late(listening(slow));
  far_socket client(listening(fast));
  std::string sent = random_bytes(8).take(3'000'000);
  std::thread writes([&] {
    EXPECT_TRUE(client.send(sent));
    client.end_output();
  });
  EXPECT_TRUE(client.read_all() == sent);
  writes.join();
  EXPECT_LT(slow.counts().bytes_back, 30'000'000U);
  EXPECT_EQ(reads_late.read_all().size(), 30'000'000U);
}

TEST_F(port_forwards, go_on_when_the_far_end_refuses_a_connection) {
  start();
  auto behind = std::make_unique<far_server>(echo);
  port_forward f = to(behind->address());
  forward_endpoint here = listening(f);
  far_socket first(here);
  EXPECT_TRUE(first.send("a"));
  EXPECT_EQ(first.read(), "a");
  behind.reset();
  // The answer may come while it is asked for, or later.
  for (int i = 0; i < 50; ++i) EXPECT_EQ(far_socket(here).read_all(), "");
  forward_counts counts = f.counts();
  EXPECT_EQ(counts.failed, 50U);
  EXPECT_THAT(counts.last_failure, HasSubstr("connect failed: Connection refused"));
  EXPECT_TRUE(f.running());
}

TEST_F(port_forwards, say_that_a_port_or_a_path_is_in_use) {
  start();
  far_server taken(echo);
  port_forward f = to("127.0.0.1:1", taken.address());
  forward_start begun = sync_wait(f.ready());
  EXPECT_FALSE(begun.ok());
  EXPECT_EQ(begun.end().how(), end_reason::spawn_failed);
  EXPECT_EQ(begun.end().phase(), phase::open);
  EXPECT_EQ(begun.end().error(), std::errc::address_in_use);
  EXPECT_THAT(begun.end().describe(), HasSubstr("listen on " + taken.address().to_string()));
}

TEST_F(port_forwards, count_what_the_server_forbids) {
  start("AllowTcpForwarding no\n");
  far_server behind(echo);
  port_forward f = to(behind.address());
  EXPECT_EQ(far_socket(listening(f)).read_all(), "");
  EXPECT_EQ(f.counts().failed, 1U);
  EXPECT_EQ(f.counts().opened, 0U);
  EXPECT_THAT(f.counts().last_failure, HasSubstr("administratively prohibited"));
}

TEST_F(port_forwards, that_cannot_reach_their_host_say_why) {
  start();
  ssh_options nobody = how();
  nobody.port = 1;
  nobody.max_retries = 0;
  port_forward f = to("127.0.0.1:1").ssh(nobody);
  forward_start begun = sync_wait(f.ready());
  EXPECT_FALSE(begun.ok());
  EXPECT_EQ(begun.end().how(), end_reason::connect_failed) << begun.end().describe();
  EXPECT_EQ(begun.end().reason(), failure_reason::refused);
}

TEST_F(port_forwards, end_with_all_connections_when_they_are_killed) {
  start();
  far_server behind(hold);
  port_forward f = to(behind.address());
  forward_endpoint here = listening(f);
  std::deque<far_socket> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(here);
  EXPECT_TRUE(soon([&f] { return f.counts().opened == 5; }));
  f.kill();
  result end = sync_wait(f.wait());
  EXPECT_EQ(end.how(), end_reason::signaled) << end.describe();
  EXPECT_TRUE(end.killed());
  for (far_socket& client : clients) EXPECT_EQ(client.read_all(), "");
  EXPECT_FALSE(far_socket(here).connected());
  EXPECT_EQ(f.counts().open, 0U);
  EXPECT_FALSE(sync_wait(f.ready()).ok());
}

TEST_F(port_forwards, that_are_stopped_are_cancelled) {
  start();
  far_server behind(hold);
  auto race = [&]() -> task<result> {
    port_forward f = to(behind.address());
    auto begun = co_await f.ready();
    far_socket client(begun.here());
    EXPECT_TRUE(client.connected());
    auto end = co_await timeout(f.run(), 50ms);
    EXPECT_FALSE(end.has_value());
    auto found = f.try_result();
    co_return found.value_or(result());
  };
  result end = sync_wait(race());
  EXPECT_EQ(end.how(), end_reason::cancelled) << end.describe();
}

/// The processes that serve its connections.
std::vector<pid_t> serving(const sshd_fixture& server) { return child_processes(server.pid()); }

TEST_F(port_forwards, are_over_when_their_connection_is_lost) {
  start();
  far_server behind(hold);
  port_forward f = to(behind.address());
  forward_endpoint here = listening(f);
  far_socket client(here);
  EXPECT_TRUE(soon([&f] { return f.counts().opened == 1; }));
  for (pid_t pid : serving(*server)) (void)::kill(pid, SIGKILL);
  result end = sync_wait(f.wait());
  EXPECT_EQ(end.how(), end_reason::connection_lost) << end.describe();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_FALSE(far_socket(here).connected());
}

TEST_F(port_forwards, carry_as_many_connections_as_they_may_while_others_wait) {
  start();
  far_server behind(echo);
  port_forward f = to(behind.address());
  forward_endpoint here = listening(f);
  std::deque<far_socket> clients;
  for (int i = 0; i < 300; ++i) {
    clients.emplace_back(here);
    ASSERT_TRUE(clients.back().send("client " + std::to_string(i)));
    clients.back().end_output();
  }
  for (int i = 0; i < 300; ++i)
    EXPECT_EQ(clients[static_cast<std::size_t>(i)].read_all(), "client " + std::to_string(i));
  EXPECT_EQ(f.counts().opened, 300U);
  EXPECT_TRUE(soon([&f] { return f.counts().open == 0; }));
}

/// The next descriptor is the last one there is, while it lives.
class one_descriptor_left {
 public:
  one_descriptor_left() {
    detail::unique_fd next(::dup(STDIN_FILENO));
    (void)::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit less = before_;
    less.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
    (void)::setrlimit(RLIMIT_NOFILE, &less);
  }
  one_descriptor_left(const one_descriptor_left&) = delete;
  one_descriptor_left& operator=(const one_descriptor_left&) = delete;
  ~one_descriptor_left() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(port_forwards, wait_for_a_descriptor_where_there_is_none) {
  start();
  far_server behind(echo);
  port_forward f = to(behind.address());
  forward_endpoint here = listening(f);
  auto few = std::make_unique<one_descriptor_left>();
  far_socket client(here);
  EXPECT_TRUE(client.connected());
  EXPECT_TRUE(soon([&f] { return f.counts().failed > 0; }));
  EXPECT_THAT(f.counts().last_failure, HasSubstr("Too many open files"));
  few.reset();
  EXPECT_TRUE(client.send("late"));
  EXPECT_EQ(client.read(), "late");
}

TEST_F(port_forwards, to_one_host_share_a_connection) {
  start();
  far_server one(echo);
  far_server two(count_until_the_end);
  port_forward first = to(one.address());
  port_forward second = to(two.address());
  far_socket a(listening(first));
  far_socket b(listening(second));
  EXPECT_TRUE(a.send("x"));
  EXPECT_EQ(a.read(), "x");
  b.end_output();
  EXPECT_EQ(b.read_all(), "0");
  EXPECT_EQ(logins(*server), 1U);
  first.kill();
  (void)sync_wait(first.wait());
  EXPECT_EQ(far_socket(listening(second)).connected(), true);
}

TEST_F(port_forwards, lead_from_and_to_unix_sockets) {
  start();
  scratch_directory folder;
  std::string near = folder.path() + "/near";
  std::string far = folder.path() + "/far";
  far_server behind(echo, far);
  {
    port_forward f = to(far, near);
    EXPECT_EQ(listening(f), forward_endpoint(near));
    far_socket client{forward_endpoint(near)};
    EXPECT_TRUE(client.send("over a path"));
    client.end_output();
    EXPECT_EQ(client.read_all(), "over a path");
    f.kill();
    (void)sync_wait(f.wait());
  }
  EXPECT_FALSE(std::filesystem::exists(near));
}

std::string port_bytes(int port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 255)};
}

TEST_F(port_forwards, of_a_socks_proxy_lead_where_each_client_asks_for) {
  start();
  far_server behind(echo);
  port_forward f = socks();
  forward_endpoint here = listening(f);
  std::string port = port_bytes(behind.port());
  for (const std::string& address : {"\x01\x7f\x00\x00\x01"s,
                                     "\x03\x09"
                                     "127.0.0.1"s}) {
    far_socket client(here);
    EXPECT_TRUE(client.send("\x05\x01\x00\x05\x01\x00"s + address + port + "early"));
    EXPECT_EQ(client.read_exactly(12), "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s);
    client.end_output();
    EXPECT_EQ(client.read_all(), "early");
  }
  far_socket old(here);
  EXPECT_TRUE(old.send("\x04\x01"s + port +
                       "\x00\x00\x00\x01me\x00"
                       "127.0.0.1\x00"s));
  EXPECT_EQ(old.read_exactly(8), "\x00\x5a\x00\x00\x00\x00\x00\x00"s);
  EXPECT_TRUE(old.send("4a"));
  EXPECT_EQ(old.read(), "4a");
  EXPECT_EQ(f.counts().opened, 3U);
}

TEST_F(port_forwards, of_a_socks_proxy_tell_a_client_why_it_gets_no_connection) {
  start();
  auto gone = std::make_unique<far_server>(echo);
  std::string port = port_bytes(gone->port());
  gone.reset();
  port_forward f = socks();
  forward_endpoint here = listening(f);
  far_socket refused(here);
  EXPECT_TRUE(refused.send("\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + port));
  EXPECT_EQ(refused.read_all(), "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"s);
  far_socket lost(here);
  EXPECT_TRUE(lost.send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(lost.read_all(), "");
  EXPECT_TRUE(soon([&f] { return f.counts().failed == 2; }));
  EXPECT_THAT(f.counts().last_failure, HasSubstr("neither SOCKS5 nor SOCKS4"));
  EXPECT_TRUE(f.running());
}

TEST_F(port_forwards, of_a_port_of_the_host_carry_10_MB_in_each_direction_whole) {
  start();
  far_server behind(echo);
  port_forward f = from_host(behind.address());
  forward_endpoint there = listening(f);
  EXPECT_GE(there.port(), 1024);
  std::string sent = random_bytes(9).take(10'000'000);
  far_socket client(there);
  std::thread writes([&] {
    EXPECT_TRUE(client.send(sent));
    client.end_output();
  });
  EXPECT_TRUE(client.read_all() == sent);
  writes.join();
  EXPECT_TRUE(soon([&f] { return f.counts().open == 0; }));
  EXPECT_EQ(f.counts().opened, 1U);
  EXPECT_EQ(f.counts().bytes_there, sent.size());
  EXPECT_EQ(f.counts().bytes_back, sent.size());
  f.kill();
  result end = sync_wait(f.wait());
  EXPECT_TRUE(end.killed()) << end.describe();
  EXPECT_TRUE(soon([&there] { return !far_socket(there).connected(); }));
}

TEST_F(port_forwards, of_a_port_of_the_host_carry_many_connections_at_once) {
  start();
  scratch_directory folder;
  far_server behind(echo, folder.path() + "/socket");
  port_forward f = from_host(folder.path() + "/socket");
  forward_endpoint there = listening(f);
  std::deque<far_socket> clients;
  for (int i = 0; i < 200; ++i) {
    clients.emplace_back(there);
    ASSERT_TRUE(clients.back().send("client " + std::to_string(i)));
  }
  for (int i = 0; i < 200; ++i) {
    const far_socket& client = clients[static_cast<std::size_t>(i)];
    std::string expected = "client " + std::to_string(i);
    EXPECT_EQ(client.read_exactly(expected.size()), expected);
  }
  EXPECT_EQ(f.counts().open, 200U);
  f.kill();
  (void)sync_wait(f.wait());
  for (const far_socket& client : clients) EXPECT_EQ(client.read_all(), "");
}

TEST_F(port_forwards, of_a_port_of_the_host_refuse_clients_beyond_their_number) {
  start();
  far_server behind(hold);
  port_forward f = from_host(behind.address());
  forward_endpoint there = listening(f);
  std::deque<far_socket> carried;
  for (int i = 0; i < 256; ++i) carried.emplace_back(there);
  ASSERT_TRUE(soon([&f] { return f.counts().opened == 256; }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(far_socket(there).read_all(), "");
  EXPECT_EQ(f.counts().failed, 3U);
  EXPECT_EQ(f.counts().last_failure, "more than 256 connections at a time");
  carried.pop_front();
  ASSERT_TRUE(soon([&f] { return f.counts().open == 255; }));
  far_socket next(there);
  EXPECT_TRUE(soon([&f] { return f.counts().opened == 257; }));
}

TEST_F(port_forwards, of_a_port_of_the_host_close_connections_that_lead_nowhere) {
  start();
  auto gone = std::make_unique<far_server>(echo);
  forward_endpoint nowhere = gone->address();
  gone.reset();
  port_forward f = from_host(nowhere);
  forward_endpoint there = listening(f);
  for (unsigned i = 1; i <= 3; ++i) {
    EXPECT_EQ(far_socket(there).read_all(), "");
    EXPECT_EQ(f.counts().failed, i);
  }
  EXPECT_THAT(f.counts().last_failure, HasSubstr("Connection refused"));
  port_forward nobody = from_host("no-such-host.invalid:80");
  EXPECT_EQ(far_socket(listening(nobody)).read_all(), "");
  EXPECT_THAT(nobody.counts().last_failure, HasSubstr("no connection to no-such-host.invalid:80"));
}

TEST_F(port_forwards, of_a_port_of_the_host_say_that_the_server_does_not_listen) {
  start("AllowTcpForwarding local\n");
  port_forward f = from_host("127.0.0.1:1");
  forward_start begun = sync_wait(f.ready());
  EXPECT_FALSE(begun.ok());
  EXPECT_EQ(begun.end().how(), end_reason::connect_failed) << begun.end().describe();
  EXPECT_EQ(begun.end().phase(), phase::open);
  EXPECT_THAT(begun.end().describe(), HasSubstr("the server does not listen on 127.0.0.1:0"));
}

TEST_F(port_forwards, of_a_port_of_the_host_take_the_port_that_is_named_and_are_lost_with_it) {
  start();
  far_server behind(echo);
  port_forward first = from_host(behind.address());
  forward_endpoint there = listening(first);
  port_forward second = prepared(port_forward::remote(there, "127.8.0.1", behind.address()));
  EXPECT_FALSE(sync_wait(second.ready()).ok());
  port_forward beside = from_host(behind.address());
  EXPECT_NE(listening(beside), there);
  EXPECT_EQ(logins(*server), 3U);
  for (pid_t pid : serving(*server)) (void)::kill(pid, SIGKILL);
  EXPECT_EQ(sync_wait(first.wait()).how(), end_reason::connection_lost);
  port_forward third = prepared(port_forward::remote(there, "127.8.0.1", behind.address()));
  EXPECT_EQ(listening(third), there);
  far_socket client(there);
  EXPECT_TRUE(client.send("again"));
  EXPECT_EQ(client.read(), "again");
}

/// What comes back through it.
std::string echoed(const forward_endpoint& at, std::string_view bytes) {
  far_socket client(at);
  if (!client.connected() || !client.send(bytes)) return "no connection";
  client.end_output();
  return client.read_all();
}

/// How many processes this one has started, by whichever thread.
std::size_t programs() {
  std::size_t count = 0;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::ifstream list(thread.path() / "children");
    for (pid_t child; list >> child;) ++count;
  }
  return count;
}

TEST_F(port_forwards, over_the_program_ssh_lead_there_as_over_libssh) {
  start();
  far_server behind(echo);
  const std::size_t before = programs();
  port_forward f = by_program(to(behind.address()));
  const forward_endpoint here = listening(f);
  EXPECT_GT(here.port(), 0);
  EXPECT_TRUE(f.running());
  EXPECT_EQ(programs(), before + 1);
  const std::string sent = random_bytes(11).take(1'000'000);
  far_socket client(here);
  std::thread writes([&] {
    EXPECT_TRUE(client.send(sent));
    client.end_output();
  });
  EXPECT_TRUE(client.read_all() == sent);
  writes.join();
  f.kill();
  result end = sync_wait(f.wait());
  EXPECT_EQ(end.how(), end_reason::signaled) << end.describe();
  EXPECT_TRUE(end.killed());
  EXPECT_EQ(end.transport(), transport_kind::openssh);
  EXPECT_FALSE(far_socket(here).connected());
  EXPECT_EQ(programs(), before);
}

TEST_F(port_forwards, over_the_program_ssh_may_be_proxies_and_lead_from_hosts) {
  start();
  far_server behind(echo);
  port_forward proxy = by_program(socks());
  far_socket client(listening(proxy));
  EXPECT_TRUE(client.send("\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s +
                          port_bytes(behind.port()) + "early"));
  EXPECT_EQ(client.read_exactly(12).substr(0, 4), "\x05\x00\x05\x00"s);
  client.end_output();
  EXPECT_THAT(client.read_all(), ::testing::EndsWith("early"));
  port_forward back = by_program(from_host(behind.address()));
  const forward_endpoint there = listening(back);
  EXPECT_GE(there.port(), 1024);
  EXPECT_EQ(echoed(there, "from the host"), "from the host");
  back.kill();
  (void)sync_wait(back.wait());
  EXPECT_TRUE(soon([&there] { return !far_socket(there).connected(); }));
}

TEST_F(port_forwards, over_the_program_ssh_lead_from_and_to_unix_sockets) {
  start();
  scratch_directory folder;
  // ssh reads a colon and a percent sign as more than that.
  const std::string near = folder.path() + "/n:e%h", far = folder.path() + "/f:ar";
  far_server behind(echo, far);
  {
    port_forward f = by_program(to(far, near));
    EXPECT_EQ(listening(f), forward_endpoint(near));
    EXPECT_EQ(std::filesystem::status(near).permissions(), std::filesystem::perms(0600));
    EXPECT_EQ(echoed(near, "over a path"), "over a path");
    f.kill();
    (void)sync_wait(f.wait());
  }
  EXPECT_FALSE(std::filesystem::exists(near));
}

TEST_F(port_forwards, of_a_unix_socket_of_the_host_are_carried_by_the_program_ssh) {
  start();
  scratch_directory folder;
  far_server behind(echo);
  const std::string on_host = folder.path() + "/socket";
  port_forward f = prepared(port_forward::remote(on_host, "127.8.0.1", behind.address()));
  EXPECT_EQ(listening(f), forward_endpoint(on_host));
  EXPECT_EQ(echoed(on_host, "from a path"), "from a path");
  port_forward second = prepared(port_forward::remote(on_host, "127.8.0.1", behind.address()));
  const forward_start begun = sync_wait(second.ready());
  EXPECT_FALSE(begun.ok());
  EXPECT_EQ(begun.end().how(), end_reason::connect_failed) << begun.end().describe();
  EXPECT_THAT(begun.end().describe(), HasSubstr("the server does not listen on " + on_host));
  f.kill();
  EXPECT_EQ(sync_wait(f.wait()).transport(), transport_kind::openssh);
}

TEST_F(port_forwards, are_carried_by_the_program_ssh_where_libssh_cannot_log_in) {
  start("KexAlgorithms sntrup761x25519-sha512@openssh.com\n");
  far_server behind(echo);
  port_forward f = to(behind.address());
  EXPECT_EQ(echoed(listening(f), "by ssh"), "by ssh");
  f.kill();
  const result end = sync_wait(f.wait());
  EXPECT_EQ(end.transport(), transport_kind::openssh);
  EXPECT_THAT(end.transport_why(), HasSubstr("no common kex algos"));
  ssh_options alone = how();
  alone.via = ssh_client::built_in;
  port_forward none = to(behind.address()).ssh(alone);
  const forward_start begun = sync_wait(none.ready());
  EXPECT_EQ(begun.end().how(), end_reason::connect_failed) << begun.end().describe();
}

TEST_F(port_forwards, over_the_program_ssh_say_why_they_do_not_listen) {
  start();
  far_server taken(echo);
  port_forward f = by_program(to("127.0.0.1:1", taken.address()));
  const forward_start begun = sync_wait(f.ready());
  EXPECT_FALSE(begun.ok());
  EXPECT_EQ(begun.end().how(), end_reason::spawn_failed) << begun.end().describe();
  EXPECT_EQ(begun.end().phase(), phase::open);
  EXPECT_EQ(begun.end().error(), std::errc::address_in_use);
  EXPECT_THAT(begun.end().describe(), HasSubstr("listen on " + taken.address().to_string()));
  port_forward back =
      by_program(prepared(port_forward::remote(taken.address(), "127.8.0.1", "127.0.0.1:1")));
  const forward_start refused = sync_wait(back.ready());
  EXPECT_EQ(refused.end().how(), end_reason::connect_failed) << refused.end().describe();
  EXPECT_THAT(refused.end().describe(), HasSubstr("the server does not listen on 127.0.0.1:"));
  ssh_options nobody = how();
  nobody.via = ssh_client::openssh;
  nobody.port = 1;
  nobody.max_retries = 0;
  port_forward unreached = to("127.0.0.1:1").ssh(nobody);
  const forward_start none = sync_wait(unreached.ready());
  EXPECT_EQ(none.end().how(), end_reason::connect_failed) << none.end().describe();
  EXPECT_EQ(none.end().reason(), failure_reason::refused);
}

TEST_F(port_forwards, over_the_program_ssh_are_over_with_their_connection) {
  start();
  far_server behind(hold);
  port_forward f = by_program(to(behind.address()));
  const forward_endpoint here = listening(f);
  for (pid_t pid : serving(*server)) (void)::kill(pid, SIGKILL);
  const result end = sync_wait(f.wait());
  EXPECT_EQ(end.how(), end_reason::connection_lost) << end.describe();
  EXPECT_EQ(end.phase(), phase::run);
  EXPECT_THAT(end.describe(), HasSubstr("127.8.0.1: "));
  EXPECT_FALSE(far_socket(here).connected());
}

TEST_F(port_forwards, over_the_program_ssh_are_ended_with_their_handle_in_any_state) {
  start();
  far_server behind(hold);
  const std::size_t before = programs();
  {
    port_forward open = by_program(to(behind.address()));
    (void)listening(open);
    port_forward starts = by_program(to(behind.address())).start();
    port_forward asks = by_program(from_host(behind.address())).start();
    port_forward never = by_program(to(behind.address()));
  }
  EXPECT_TRUE(soon([before] { return programs() == before; }));
}

TEST_F(port_forwards, are_ended_with_their_handle_in_any_state) {
  start();
  far_server behind(hold);
  std::deque<far_socket> clients;
  {
    port_forward silent = socks();
    clients.emplace_back(listening(silent));
    EXPECT_TRUE(soon([&silent] { return silent.counts().open == 1; }));
    port_forward open = to(behind.address());
    clients.emplace_back(listening(open));
    EXPECT_TRUE(soon([&open] { return open.counts().opened == 1; }));
    port_forward starts = to(behind.address()).start();
    port_forward on_host = from_host(behind.address());
    clients.emplace_back(listening(on_host));
    EXPECT_TRUE(soon([&on_host] { return on_host.counts().opened == 1; }));
    port_forward asks = from_host(behind.address()).start();
    port_forward never = to(behind.address());
  }
  for (far_socket& client : clients) EXPECT_EQ(client.read_all(), "");
}

TEST_F(port_forwards, refuse_what_they_cannot_be) {
  start();
  EXPECT_THROW((void)to("db:0"), std::invalid_argument);
  EXPECT_THROW((void)to("*:80"), std::invalid_argument);
  EXPECT_THROW((void)to("db:80", "example.org:80"), std::invalid_argument);
  EXPECT_THROW((void)from_host("db:0"), std::invalid_argument);
  ssh_options other = how();
  other.via = ssh_client::built_in;
  EXPECT_THROW((void)port_forward::remote("/run/x", "h", "db:1").ssh(other), std::invalid_argument);
  EXPECT_THROW((void)by_program(to("/run/${USER}")), std::invalid_argument);
  other = how();
  other.connector = "docker exec -i %h";
  EXPECT_THROW((void)to("db:80").ssh(other), std::invalid_argument);
  other = how();
  other.become = "root";
  EXPECT_THROW((void)to("db:80").ssh(other), std::invalid_argument);
}

}  // namespace
}  // namespace execo::test
