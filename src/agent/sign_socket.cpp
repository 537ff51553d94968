#include "agent/sign_socket.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/sign_client.hpp"

namespace execo::agent {
namespace {

// More than connect at a time: an ssh that is ended may still be there.
constexpr std::size_t max_clients = 128;

/// A folder that only this user can enter. Empty: none can be made.
std::string make_folder() {
  const char* own = ::getenv("XDG_RUNTIME_DIR");
  for (const char* place : {own, "/dev/shm", "/tmp", "/var/tmp"}) {
    if (place == nullptr || *place != '/') continue;
    std::string folder = std::string(place) + "/execo-XXXXXX";
    if (::mkdtemp(folder.data()) != nullptr) return folder;
  }
  return {};
}

/// The name that ssh looks a host up by.
std::string name_in_file(const detail::work_item& host) {
  constexpr std::uint16_t usual_port = 22;
  if (host.port == 0 || host.port == usual_port) return host.name;
  return "[" + host.name + "]:" + std::to_string(host.port);
}

}  // namespace

sign_socket::sign_socket(reactor& on, sign_socket_owner& owner, const surroundings& around)
    : loop_(on),
      owner_(owner),
      around_(around),
      listener_seen_(delegate<std::uint32_t>::to<&sign_socket::on_connection>(this)) {}

sign_socket::~sign_socket() {
  if (listener_) loop_.forget(listener_seen_);
}

bool sign_socket::fail(const char* what) {
  problem_ = std::string(what) + ": " + words_of_error(errno);
  state_ = sign_socket_state::broken;
  return false;
}

bool sign_socket::open() {
  if (state_ != sign_socket_state::closed) return state_ == sign_socket_state::open;
  keys_.reset(::memfd_create("execo-keys", MFD_CLOEXEC));
  if (!keys_) return fail("no file of host keys");
  if (!make_socket()) return false;
  state_ = sign_socket_state::open;
  return true;
}

// The name is gone before anybody could be told of it.
bool sign_socket::make_socket() {
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string folder = make_folder();
  if (folder.empty() || !listener_) return fail("no folder for a socket");
  const std::string path = folder + "/agent";
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  const bool is_there =
      path.size() < sizeof at.sun_path &&
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
      ::listen(listener_.get(), SOMAXCONN) == 0;
  unique_fd named(is_there ? ::open(path.c_str(), O_PATH | O_CLOEXEC) : -1);
  const int error = errno;
  (void)::unlink(path.c_str());
  (void)::rmdir(folder.c_str());
  errno = error;
  if (!named) return fail("no socket");
  return hold(named.get());
}

bool sign_socket::hold(int named) {
  if (!holder_.start(named, keys_.get(), around_)) return fail(holder_.problem());
  if (!loop_.look(listener_seen_, listener_.get(), EPOLLIN)) return fail("epoll");
  return true;
}

// A line that is cut is one of no key: ssh then refuses the host.
void sign_socket::learn(const detail::work_item& host) {
  const std::string line = name_in_file(host) + " " + host.key + "\n";
  (void)!::write(keys_.get(), line.data(), line.size());
}

void sign_socket::on_connection(std::uint32_t) {
  for (;;) {
    unique_fd connected(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connected) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (clients_.size() >= max_clients ||
        ::getsockopt(connected.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        peer.uid != ::geteuid())
      continue;
    // A connector leads a session, and is its ssh or has started it.
    std::optional<std::uint32_t> target = owner_.host_of_connector(::getsid(peer.pid));
    if (!target) continue;
    const std::uint32_t number = ++last_number_;
    auto [place, is_new] =
        clients_.try_emplace(number, *this, number, *target, std::move(connected));
    place->second.begin();
  }
}

void sign_socket::on_ended(std::uint32_t number) { clients_.erase(number); }

void sign_socket::answer(const detail::sign_answer_message& what) {
  auto found = clients_.find(what.number);
  if (found != clients_.end()) found->second.answer(what.text);
}

}  // namespace execo::agent
