#include "ssh/connector.hpp"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace execo::detail {
namespace {

// With nothing of ours alive nobody will free a descriptor for us: 2 s of 100 ms turns.
constexpr unsigned most_starved_turns = 20;

// libssh 0.10 keeps SSH_OPTIONS_FD in 16 bits (options.c), so a higher number would be another
// file.
constexpr int highest_descriptor = 0xffff;

std::error_code system_error(int error) { return {error, std::system_category()}; }

}  // namespace

connector::connector(ssh_environment& shared, const std::string& name, int port, callback<> wake)
    : shared_(shared), name_(name), port_(port), question_(wake), starvation_(wake) {}

connector::~connector() { close_socket(); }

unsigned connector::events() const noexcept {
  return step_ == step::connecting ? static_cast<unsigned>(POLLOUT) : 0U;
}

unique_fd connector::take() noexcept {
  step_ = step::over;
  return std::move(socket_);
}

void connector::close_socket() {
  if (!socket_) return;
  socket_.reset();
  shared_.descriptors.freed();
}

connector::progress connector::fail(std::error_code code, std::string context) {
  close_socket();
  step_ = step::over;
  why_ = failure(end_reason::connect_failed, code, std::move(context));
  return progress::failed;
}

std::string connector::target() const {
  bool v6 = name_.find(':') != name_.npos;
  return (v6 ? "[" + name_ + "]:" : name_ + ":") + std::to_string(port_);
}

connector::progress connector::advance(bool ready) {
  if (step_ == step::resolving) {
    if (!resolve()) return progress::waiting;
    if (question_.addresses.empty()) return fail({}, "resolve " + name_ + ": " + question_.problem);
    step_ = step::choosing;
  }
  if (step_ == step::starved && starvation_.waiting()) return progress::waiting;
  if (step_ == step::connecting) return ready ? check() : progress::waiting;
  return try_next();
}

// True when the answer is there.
bool connector::resolve() {
  if (asked_) return !question_.pending();
  asked_ = true;
  if (auto literal = endpoint::of_literal(name_)) {
    question_.addresses.push_back(*literal);
    return true;
  }
  return !shared_.names.ask(name_, question_);
}

bool connector::open_socket() {
  int family = question_.addresses[next_].family();
  socket_.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket_.get() > highest_descriptor) {
    socket_.reset();
    errno = EMFILE;
  }
  if (!socket_) return false;
  shared_.descriptors.opened();
  int on = 1;
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only slower
  return true;
}

connector::progress connector::try_next() {
  for (; next_ < question_.addresses.size(); ++next_) {
    if (!open_socket()) {
      last_error_ = system_error(errno);
      bool short_of_them = errno == EMFILE || errno == ENFILE;
      bool hope = shared_.descriptors.open() > 0 || starved_turns_++ < most_starved_turns;
      if (!short_of_them) continue;
      if (!hope) return fail(last_error_, "socket for " + target());
      step_ = step::starved;
      shared_.descriptors.wait(starvation_);
      return progress::waiting;
    }
    endpoint& to = question_.addresses[next_];
    to.set_port(port_);
    if (::connect(socket_.get(), to.address(), to.size()) == 0) return progress::connected;
    if (errno == EINPROGRESS) {
      step_ = step::connecting;
      return progress::waiting;
    }
    last_error_ = system_error(errno);
    close_socket();
  }
  return fail(last_error_, "connect " + target());
}

connector::progress connector::check() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) return progress::connected;
  last_error_ = system_error(error);
  close_socket();
  ++next_;
  step_ = step::choosing;
  return try_next();
}

}  // namespace execo::detail
