#include "ssh/connector.hpp"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>

namespace execo::detail {
namespace {

// RFC 8305, 5: "Connection Attempt Delay".
constexpr auto attempt_delay = std::chrono::milliseconds(250);
// Between two rounds through the addresses, as in OpenSSH.
constexpr auto round_delay = std::chrono::seconds(1);
// More addresses than this that say nothing: the oldest attempt gives way.
constexpr std::size_t max_attempts = 8;

std::error_code system_error(int error) { return {error, std::system_category()}; }

int pending_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// RFC 8305, 4: a family that is not routed delays the other one by one attempt only.
void alternate_families(std::vector<endpoint>& addresses) {
  for (std::size_t i = 1; i + 1 < addresses.size(); ++i) {
    auto at = addresses.begin() + static_cast<std::ptrdiff_t>(i);
    int before = addresses[i - 1].family();
    auto other = std::find_if(at, addresses.end(),
                              [before](const endpoint& e) { return e.family() != before; });
    if (other == addresses.end()) return;
    std::rotate(at, other, other + 1);
  }
}

// A socket has a peer when its connection is made, and not before.
bool is_connected(int socket) {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

void set_option(int socket, int level, int option, std::int64_t value) {
  // Without any of them the connection is only slower, or its loss seen later.
  int number = static_cast<int>(std::clamp<std::int64_t>(value, 1, INT_MAX));
  (void)::setsockopt(socket, level, option, &number, sizeof number);
}

// The kernel asks a silent peer's kernel three times. The user timeout is for bytes of ours that
// are not acknowledged, and bounds the questions, too, whatever TCP_KEEPCNT is (tcp(7)).
void keep_alive(int socket, duration idle) {
  if (idle.count() <= 0) return;
  auto seconds = std::chrono::ceil<std::chrono::seconds>(idle).count();
  auto limit = std::chrono::ceil<std::chrono::milliseconds>(2 * idle).count();
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, seconds / 3);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, limit);
}

}  // namespace

connector::connector(ssh_environment& shared, const std::string& name, int port, delegate<> wake)
    : shared_(shared),
      name_(name),
      port_(port),
      question_(wake),
      shortage_(shared, wake),
      stagger_(wake, "next address of a host") {}

connector::~connector() { drop_all(); }

int connector::fd() const noexcept {
  if (several_) return several_.get();
  return attempts_.empty() ? -1 : attempts_.front().get();
}

unsigned connector::events() const noexcept {
  if (attempts_.empty()) return 0;
  return static_cast<unsigned>(several_ ? POLLIN : POLLOUT);
}

unique_fd connector::take() {
  set_option(connected_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  keep_alive(connected_.get(), shared_.tcp_keepalive);
  return std::move(connected_);
}

void connector::drop(std::size_t attempt) {
  attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(attempt));
  shared_.descriptors.freed();
}

void connector::drop_all() {
  while (!attempts_.empty()) drop(0);
  if (connected_) shared_.descriptors.freed();
  connected_.reset();
  several_.reset();
}

route::progress connector::fail(std::error_code code, std::string context) {
  drop_all();
  why_ = failure(end_reason::connect_failed, code, std::move(context));
  why_.reason = question_.addresses.empty() ? failure_reason::unknown_host : reason_of(code);
  return progress::failed;
}

std::string connector::target() const {
  bool v6 = name_.find(':') != name_.npos;
  return (v6 ? "[" + name_ + "]:" : name_ + ":") + std::to_string(port_);
}

route::progress connector::resolve() {
  if (!asked_) {
    asked_ = true;
    if (auto literal = endpoint::of_literal(name_)) {
      question_.addresses.push_back(*literal);
    } else if (shared_.names.ask(name_, question_)) {
      return progress::waiting;
    }
  }
  if (question_.pending()) return progress::waiting;
  if (question_.addresses.empty()) return fail({}, "resolve " + name_ + ": " + question_.problem);
  drop_other_families();
  if (question_.addresses.empty())
    return fail({}, "resolve " + name_ + ": no address of the family that AddressFamily allows");
  alternate_families(question_.addresses);
  return progress::done;
}

void connector::drop_other_families() {
  int only = shared_.settings.family;
  if (only == AF_UNSPEC) return;
  std::erase_if(question_.addresses, [only](const endpoint& e) { return e.family() != only; });
}

route::progress connector::connect(bool ready) {
  assert(asked_);
  if (ready) take_answers();
  while (!connected_ && may_begin()) {
    opened how = begin_next();
    if (how == opened::failed) {
      ++next_;
      next_begins_ = {};
    }
    if (how == opened::starved && attempts_.empty()) {
      if (!shortage_.wait()) return fail(last_error_, "socket for " + target());
      return progress::waiting;
    }
    if (how != opened::failed) break;
  }
  if (connected_) {
    while (!attempts_.empty()) drop(0);
    several_.reset();
    return progress::done;
  }
  bool all_failed = attempts_.empty() && !shortage_.waits() && !rests();
  if (all_failed && !begins_once_more()) return fail(last_error_, "connect " + target());
  return progress::waiting;
}

bool connector::may_begin() const {
  if (next_ == question_.addresses.size() || shortage_.waits() || rests()) return false;
  return attempts_.empty() || shared_.home.now() >= next_begins_;
}

bool connector::begins_once_more() {
  if (rounds_ >= shared_.settings.attempts) return false;
  ++rounds_;
  next_ = 0;
  round_begins_ = shared_.home.now() + round_delay;
  shared_.home.arm(stagger_, round_begins_);
  return true;
}

connector::opened connector::begin_next() {
  if (attempts_.size() == max_attempts) drop(0);
  unique_fd socket;
  postpone();
  if (!open_socket(socket)) {
    last_error_ = system_error(errno);
    return errno == EMFILE || errno == ENFILE ? opened::starved : opened::failed;
  }
  endpoint& to = question_.addresses[next_];
  to.set_port(port_);
  bool connected = ::connect(socket.get(), to.address(), to.size()) == 0;
  if (!connected && errno != EINPROGRESS) {
    last_error_ = system_error(errno);
    return opened::failed;
  }
  bool alone = attempts_.empty() && !several_;
  if (!connected && !alone && !watch_several(socket.get())) {
    last_error_ = system_error(errno);
    return opened::starved;
  }
  ++next_;
  shared_.descriptors.opened();
  if (connected) {
    connected_ = std::move(socket);
    return opened::connected;
  }
  attempts_.push_back(std::move(socket));
  return opened::connecting;
}

bool connector::open_socket(unique_fd& socket) {
  int family = question_.addresses[next_].family();
  socket.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return suits_libssh(socket) && bind_socket(socket.get());
}

bool connector::bind_socket(int socket) const {
  if (shared_.settings.bind_address.empty()) return true;
  std::optional<endpoint> from = endpoint::of_literal(shared_.settings.bind_address);
  if (from) return ::bind(socket, from->address(), from->size()) == 0;
  errno = EADDRNOTAVAIL;
  return false;
}

// The session waits for one descriptor: that of the only attempt, or one that stands for all.
bool connector::watch_several(int socket) {
  auto watch = [this](int fd) {
    epoll_event event{};
    event.events = EPOLLOUT;
    return ::epoll_ctl(several_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (!several_) {
    several_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!several_ || !watch(attempts_.front().get())) {
      several_.reset();
      return false;
    }
  }
  return watch(socket);
}

void connector::postpone() {
  next_begins_ = shared_.home.now() + attempt_delay;
  if (next_ + 1 < question_.addresses.size() || !attempts_.empty())
    shared_.home.arm(stagger_, next_begins_);
}

void connector::take_answers() {
  for (std::size_t i = 0; i < attempts_.size() && !connected_;) {
    int socket = attempts_[i].get();
    if (is_connected(socket)) {
      connected_ = std::move(attempts_[i]);
      attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (int error = pending_error(socket); error != 0) {
      last_error_ = system_error(error);
      drop(i);
      next_begins_ = {};
    } else {
      ++i;
    }
  }
}

}  // namespace execo::detail
