#include "ssh/listening_socket.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "execo/printable.hpp"
#include "ssh/resolver.hpp"

namespace execo::detail {
namespace {

constexpr int max_backlog = 128;
constexpr mode_t for_its_user = 0600;

std::optional<endpoint> address_to_listen_on(const forward_endpoint& at) {
  std::string name = at.host();
  if (name == "*") name = "0.0.0.0";
  if (name == "localhost") name = "127.0.0.1";
  std::optional<endpoint> found = endpoint::of_literal(name);
  if (found) found->set_port(at.port());
  return found;
}

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

unique_fd stream_socket(int family) {
  unique_fd made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) throw_errno("socket");
  return made;
}

}  // namespace

void check_listening(const forward_endpoint& at) {
  if (at.is_path()) {
    if (at.path().size() < sizeof(sockaddr_un::sun_path)) return;
    throw std::invalid_argument("forward: " + printable(at.path()) +
                                " is too long for the path of a socket");
  }
  if (!address_to_listen_on(at))
    throw std::invalid_argument("forward: cannot listen on '" + printable(at.host()) +
                                "': name an address of this machine, localhost or *");
}

socket_path::socket_path(std::string path) : path_(std::move(path)) {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0) throw_errno(path_);
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

void socket_path::remove() noexcept {
  struct stat found {};
  bool is_ours = !path_.empty() && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
                 found.st_ino == inode_;
  if (is_ours) (void)::unlink(path_.c_str());
  path_.clear();
}

listening_socket::listening_socket(const forward_endpoint& at) {
  if (at.is_path()) {
    bind_path(at.path());
  } else {
    bind_port(at);
  }
  if (::listen(fd_.get(), max_backlog) != 0) throw_errno("listen on " + at.to_string());
}

// For its user alone from the first moment on: Linux gives the path the mode of its socket.
void listening_socket::bind_path(const std::string& path) {
  fd_ = stream_socket(AF_UNIX);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  (void)::fchmod(fd_.get(), for_its_user);
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw_errno("listen on " + path);
  path_ = socket_path(path);
}

void listening_socket::bind_port(const forward_endpoint& at) {
  endpoint where = address_to_listen_on(at).value();
  fd_ = stream_socket(where.family());
  int on = 1;
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd_.get(), where.address(), where.size()) != 0)
    throw_errno("listen on " + at.to_string());
  sockaddr_in6 bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    throw_errno("getsockname");
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  port_ = ntohs(bound.sin6_port);
}

listening_socket& listening_socket::operator=(listening_socket&& other) noexcept {
  close();
  fd_ = std::move(other.fd_);
  path_ = std::exchange(other.path_, {});
  port_ = other.port_;
  return *this;
}

void listening_socket::close() noexcept {
  fd_.reset();
  path_.remove();
}

}  // namespace execo::detail
