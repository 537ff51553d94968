// A host that is reached through a unix socket of this machine.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <execo/execo.hpp>
#include <stdexcept>
#include <thread>

#include "base/fd.hpp"
#include "recorded_run.hpp"

namespace execo::test {
namespace {

using detail::unique_fd;

/// A unix socket; what connects to it is led to an ssh server, one connection after the other.
class local_daemon {
 public:
  local_daemon(std::string path, int server_port) : path_(std::move(path)), port_(server_port) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bool ok = ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              ::listen(listener_.get(), 1) == 0;
    if (!ok) throw std::runtime_error("no unix socket");
  }
  ~local_daemon() {
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    (void)::unlink(path_.c_str());
  }
  local_daemon(const local_daemon&) = delete;
  local_daemon& operator=(const local_daemon&) = delete;
  void start() {
    thread_ = std::thread([this] { serve(); });
  }

 private:
  void serve() const {
    for (;;) {
      unique_fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      unique_fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(static_cast<std::uint16_t>(port_));
      if (::connect(server.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0)
        relay(client.get(), server.get());
    }
  }
  static void relay(int a, int b) {
    for (;;) {
      pollfd both[] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
      if (::poll(both, 2, -1) < 0) return;
      for (int i : {0, 1})
        if (both[i].revents != 0 && !pass(both[i].fd, both[1 - i].fd)) return;
    }
  }
  static bool pass(int from, int to) {
    char bytes[16384];
    ssize_t n = ::read(from, bytes, sizeof bytes);
    return n > 0 && ::send(to, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL) == n;
  }

  std::string path_;
  int port_;
  unique_fd listener_;
  std::thread thread_;
};

class unix_socket : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server = std::make_unique<sshd_fixture>();
    options = options_for(*server);
  }
  /// Of a command on `where`.
  recorded_run& run(const std::string& where, const std::string& text = "echo $((6*7))") {
    shared = detail::make_ssh_environment(loop, options);
    last.emplace(loop, shared, where, text);
    return last->run();
  }

  void serve(const std::string& path, int port) {
    daemon = std::make_unique<local_daemon>(path, port);
  }

  std::unique_ptr<sshd_fixture> server;
  std::unique_ptr<local_daemon> daemon;  // its connections end before it, with the loop
  ssh_options options;
  driven_loop loop;
  std::shared_ptr<detail::ssh_environment> shared;
  std::optional<recorded_run> last;
};

TEST_F(unix_socket, leads_to_the_host_by_a_path_with_its_name_port_and_user) {
  std::string name =
      "web.example-" + std::to_string(server->port()) + "-" + server->user() + "-%web.example";
  serve(server->directory() + "/" + name, server->port());
  daemon->start();
  options.unix_socket = server->directory() + "/%h-%p-%r-%%%n";
  recorded_run& one = run("web.example");
  EXPECT_EQ(one.out, "42\n") << one.context;
  EXPECT_EQ(one.phases,
            (std::vector{phase::connect, phase::kex, phase::auth, phase::open, phase::run}));
}

TEST_F(unix_socket, is_part_of_what_distinguishes_connections) {
  serve(server->directory() + "/daemon", server->port());
  daemon->start();
  EXPECT_EQ(run("127.2.0.1", "echo direct").report.connection, connection_use::made);
  options.unix_socket = server->directory() + "/daemon";
  EXPECT_EQ(run("127.2.0.1", "echo behind").report.connection, connection_use::made);
  EXPECT_EQ(run("127.2.0.1", "echo behind").report.connection, connection_use::reused);
}

TEST(unix_socket_of_an_action, that_is_not_there_is_named_in_the_result) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  execo::ssh_options how;
  how.unix_socket = "/run/vsock-proxy/%h.sock";
  how.identities.push_back(server.identity());
  auto one = remote("true", host_set("web1")).ssh(how);
  action_result all = sync_wait(one.run());
  EXPECT_EQ(all.all()[0].error_context(), "web1: unix socket /run/vsock-proxy/web1.sock");
}

TEST_F(unix_socket, that_is_not_there_fails_with_its_path) {
  options.unix_socket = server->directory() + "/none-%h";
  recorded_run& one = run("web");
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_EQ(one.last_phase(), phase::connect);
  EXPECT_EQ(one.why, std::errc::no_such_file_or_directory);
  EXPECT_EQ(one.context, "web: unix socket " + server->directory() + "/none-web");
}

TEST_F(unix_socket, with_too_long_a_path_or_an_unknown_token_fails_in_words) {
  options.unix_socket = "/" + std::string(107, 'x');
  EXPECT_EQ(run("web").why, std::errc::filename_too_long);
  options.unix_socket = "/tmp/%q";
  recorded_run& one = run("web");
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_EQ(one.context, "web: unix socket '/tmp/%q': %q has no meaning here; write %% for %");
}

TEST_F(unix_socket, whose_queue_is_full_is_tried_until_there_is_room) {
  std::string path = server->directory() + "/daemon";
  serve(path, server->port());
  std::vector<unique_fd> first;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  for (bool room = true; room;) {
    first.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    room =
        ::connect(first.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  options.unix_socket = path;
  shared = detail::make_ssh_environment(loop, options);
  last.emplace(loop, shared, "web", "echo 42");
  last->open();
  ASSERT_TRUE(loop.until([this] { return last->in(phase::connect); }));
  loop.idle(std::chrono::milliseconds(120));
  EXPECT_TRUE(last->in(phase::connect));
  first.clear();
  daemon->start();
  EXPECT_EQ(last->run().out, "42\n") << last->context;
}

TEST_F(unix_socket, that_closes_at_once_fails_in_the_key_exchange) {
  serve(server->directory() + "/daemon", 1);
  daemon->start();
  options.unix_socket = server->directory() + "/daemon";
  options.max_retries = 0;
  recorded_run& one = run("web");
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_EQ(one.last_phase(), phase::kex);
  // Closed, or reset, since it has not read what we sent.
  EXPECT_EQ(one.context.find("web: key exchange: the "), 0U) << one.context;
}

}  // namespace
}  // namespace execo::test
