#include "ssh/near_connection.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {
namespace {

// To reach what is near. The far client waits meanwhile.
constexpr auto max_connecting = std::chrono::seconds(20);

}  // namespace

near_connection::near_connection(forwarded_owner& of)
    : carried_client(of, "the near end of a forward"),
      question_(delegate<>::to<&near_connection::on_addresses>(this)) {}

void near_connection::begin() {
  of_.home().arm_after(limit_, max_connecting);
  const forward_endpoint& there = *of_.plan().there;
  contain(
      [&] {
        if (there.is_path()) return try_path(there.path());
        if (!of_.names().ask(there.host(), question_)) on_addresses();
      },
      [this](const std::exception_ptr& error) { refuse(error_of(error).message()); });
}

void near_connection::on_addresses() {
  if (stage_ != stage::asking) return;
  if (question_.addresses.empty()) return refuse(question_.problem);
  try_next();
}

void near_connection::try_next() {
  endpoint& to = question_.addresses[next_++];
  to.set_port(of_.plan().there->port());
  connect(to.family(), to.address(), to.size());
}

void near_connection::try_path(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) return refuse("its path is too long");
  std::ranges::copy(path, to.sun_path);
  connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

void near_connection::connect(int family, const sockaddr* to, socklen_t size) {
  stage_ = stage::connecting;
  socket_.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  bool is_made = socket_ && ::connect(socket_.get(), to, size) == 0;
  if (is_made) return connected();
  if (!socket_ || errno != EINPROGRESS) return socket_ready(-errno);
  await(POLLOUT);
}

void near_connection::socket_ready(int result) {
  int error = result < 0 ? -result : 0;
  socklen_t size = sizeof error;
  if (result >= 0) (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return connected();
  if (next_ < question_.addresses.size()) return try_next();
  refuse(std::generic_category().message(error));
}

void near_connection::connected() {
  of_.home().disarm(limit_);
  int on = 1;
  if (!of_.plan().there->is_path())
    (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  carry();
}

void near_connection::refuse(const std::string& why) {
  contain(
      [&] { of_.note_failure("no connection to " + of_.plan().there->to_string() + ": " + why); },
      [](const std::exception_ptr&) {});
  close();
}

void near_connection::stop_asking() noexcept {
  if (question_.pending()) question_.abandon();
}

}  // namespace execo::detail
