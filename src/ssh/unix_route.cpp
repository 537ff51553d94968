#include "ssh/unix_route.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "ssh/config_values.hpp"
#include "ssh/route_text.hpp"

namespace execo::detail {
namespace {

// Who listens has no room in its queue: the kernel keeps no place for who does not block.
constexpr auto full_queue_pause = std::chrono::milliseconds(50);

}  // namespace

unix_route::unix_route(ssh_environment& shared, const route_target& to, delegate<> wake)
    : shared_(shared),
      to_(to),
      shortage_(shared, wake),
      again_(wake, "room in the queue of a unix socket") {}

route::progress unix_route::fail(std::error_code code, const std::string& problem) {
  why_ = failure(end_reason::connect_failed, code, to_.name + ": unix socket " + problem);
  return progress::failed;
}

route::progress unix_route::connect(bool) {
  if (shortage_.waits() || again_.armed()) return progress::waiting;
  std::string path;
  try {
    path = shared_.caller.path_of(expand_route(shared_.unix_socket, to_));
  } catch (const config_value_error& error) {
    return fail(std::make_error_code(std::errc::invalid_argument), error.what());
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(std::make_error_code(std::errc::filename_too_long), path);
  path.copy(address.sun_path, path.size());
  unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!suits_libssh(socket)) {
    int error = errno;
    bool starved = error == EMFILE || error == ENFILE;
    if (starved && shortage_.wait()) return progress::waiting;
    return fail({error, std::system_category()}, path);
  }
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EAGAIN) return fail({errno, std::system_category()}, path);
    shared_.home.arm_after(again_, full_queue_pause);
    return progress::waiting;
  }
  connected_ = std::move(socket);
  shared_.descriptors.opened();
  return progress::done;
}

}  // namespace execo::detail
