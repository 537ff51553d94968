// An sshd at the far end of a cable that can be cut.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include <memory>
#include <string>

#include "base/fd.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {

/// An sshd in a network namespace, and this thread in another one, with a cable between them.
class cabled_server {
 public:
  static constexpr const char* address = "10.99.0.2";

  cabled_server() : home_(here()) {
    if (::unshare(CLONE_NEWNET) != 0 || !sh("ip link set lo up")) return;
    far_ = here();
    server_ = std::make_unique<sshd_fixture>("AllowUsers *@10.99.0.*\n");
    if (::unshare(CLONE_NEWNET) != 0) return;
    near_ = here();
    std::string peer = std::to_string(server_->pid());
    works_ = sh("ip link add near type veth peer name far netns " + peer +
                " && ip addr add 10.99.0.1/24 dev near && ip link set near up") &&
             at_server("ip addr add " + std::string(address) + "/24 dev far && ip link set far up");
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
  static bool sh(const std::string& text) { return ::system((text + " 2>/dev/null").c_str()) == 0; }
  static detail::unique_fd here() {
    return detail::unique_fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }
  bool at_server(const std::string& text) const {
    (void)::setns(far_.get(), CLONE_NEWNET);
    bool ok = sh(text);
    (void)::setns(near_.get(), CLONE_NEWNET);
    return ok;
  }

  detail::unique_fd home_, far_, near_;
  std::unique_ptr<sshd_fixture> server_;
  bool works_ = false;
};

}  // namespace execo::test
