// A host that goes without a word, behind a network of the test's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>

#include <memory>

#include "base/fd.hpp"
#include "recorded_run.hpp"
#include "ssh/environment.hpp"

namespace execo::test {
namespace {

using detail::unique_fd;

constexpr const char* server_address = "10.99.0.2";

bool sh(const std::string& text) { return ::system((text + " 2>/dev/null").c_str()) == 0; }

unique_fd here() { return unique_fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

/// An sshd in a network namespace, and this thread in another one, with a cable between them.
class cabled_server {
 public:
  cabled_server() : home_(here()) {
    if (::unshare(CLONE_NEWNET) != 0 || !sh("ip link set lo up")) return;
    far_ = here();
    server_ = std::make_unique<sshd_fixture>("AllowUsers *@10.99.0.*\n");
    if (::unshare(CLONE_NEWNET) != 0) return;
    near_ = here();
    std::string peer = std::to_string(server_->pid());
    works_ = sh("ip link add near type veth peer name far netns " + peer +
                " && ip addr add 10.99.0.1/24 dev near && ip link set near up") &&
             at_server("ip addr add " + std::string(server_address) +
                       "/24 dev far && ip link set far up");
  }
  cabled_server(const cabled_server&) = delete;
  cabled_server& operator=(const cabled_server&) = delete;
  ~cabled_server() {
    if (server_)
      for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
    server_.reset();
    (void)::setns(home_.get(), CLONE_NEWNET);
  }

  bool works() const noexcept { return works_; }
  const sshd_fixture& server() const noexcept { return *server_; }
  bool unplug() { return at_server("ip link set far down"); }

 private:
  bool at_server(const std::string& text) const {
    (void)::setns(far_.get(), CLONE_NEWNET);
    bool ok = sh(text);
    (void)::setns(near_.get(), CLONE_NEWNET);
    return ok;
  }

  unique_fd home_, far_, near_;
  std::unique_ptr<sshd_fixture> server_;
  bool works_ = false;
};

TEST(ssh_vanished_host, is_connection_lost_whether_we_are_silent_or_speak_to_it) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes network namespaces";
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  cabled_server there;
  if (!there.works()) GTEST_SKIP() << "no network namespaces, or no ip(8)";
  ssh_options options = options_for(there.server());
  options.tcp_keepalive = std::chrono::seconds(1);
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options);
  recorded_run quiet(loop, shared, server_address, "echo up; exec sleep 60");
  recorded_run spoken_to(loop, shared, server_address, "echo up; exec sleep 60");
  for (recorded_run* r : {&quiet, &spoken_to}) r->open();
  ASSERT_TRUE(loop.until([&] { return quiet.out == "up\n" && spoken_to.out == "up\n"; }));
  ASSERT_TRUE(there.unplug());
  spoken_to.signal(SIGUSR1);
  for (recorded_run* r : {&quiet, &spoken_to}) {
    r->run();
    EXPECT_EQ(r->how, end_reason::connection_lost) << r->context;
    EXPECT_TRUE(r->why) << r->context;
  }
}

}  // namespace
}  // namespace execo::test
