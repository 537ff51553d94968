#include "ssh/askpass_socket.hpp"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <string_view>

#include "base/askpass_talk.hpp"
#include "base/random.hpp"
#include "base/read_file.hpp"

namespace execo::detail {
namespace {

/// 0: it is gone.
pid_t parent_of(pid_t process) {
  std::string stat, problem;
  constexpr std::size_t max_size = std::size_t{1} << 20;
  std::string path = "/proc/" + std::to_string(process) + "/stat";
  if (read_file(path, file_kind::any, max_size, stat, problem) != file_read::whole) return 0;
  // "1234 (name, with any characters) S 1200 ...".
  std::size_t behind_name = stat.rfind(") ");
  if (behind_name == stat.npos || stat.size() < behind_name + 4) return 0;
  pid_t parent = 0;
  (void)std::from_chars(stat.data() + behind_name + 4, stat.data() + stat.size(), parent);
  return parent;
}

// ssh takes the first line. One byte at a time: a search by vectors leaves the text in their
// registers, which the dynamic linker puts on the stack with the next first call of a function.
bool has_line_break(std::string_view text) {
  const volatile char* bytes = text.data();
  for (std::size_t i = 0; i < text.size(); ++i)
    if (const char c = bytes[i]; c == '\r' || c == '\n') return true;
  return false;
}

std::string_view token_in(std::string_view address) {
  return address.substr(askpass_name_size, askpass_token_size);
}

}  // namespace

askpass_socket::askpass_socket(loop& on, delegate<> asked, delegate<> idle) noexcept
    : loop_(on),
      asked_(asked),
      idle_(idle),
      ready_(delegate<int>::to<&askpass_socket::on_ready>(this)) {}

askpass_socket::~askpass_socket() { assert(!ready_.active); }

std::error_code askpass_socket::open() {
  address_ = random_hex((askpass_name_size + askpass_token_size) / 2);
  listening_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listening_) return {errno, std::system_category()};
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  // An abstract one: its name begins with a NUL.
  ::memcpy(place.sun_path + 1, address_.data(), askpass_name_size);
  constexpr socklen_t size = offsetof(sockaddr_un, sun_path) + 1 + askpass_name_size;
  constexpr int backlog = 8;
  if (::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&place), size) != 0 ||
      ::listen(listening_.get(), backlog) != 0)
    return {errno, std::system_category()};
  return {};
}

void askpass_socket::watch(pid_t ssh) {
  if (ssh_ != 0 || stage_ == stage::closed) return;
  ssh_ = ssh;
  listen();
}

void askpass_socket::listen() {
  asking_.reset();
  stage_ = stage::listening;
  wait_for(listening_.get());
}

void askpass_socket::wait_for(int fd) {
  ready_.prepare_poll(fd, POLLIN);
  loop_.start(ready_);
}

void askpass_socket::on_ready(int result) {
  if (stage_ == stage::closed) {
    leave();
    return idle_();
  }
  if (result == -ECANCELED) return;
  if (stage_ == stage::listening) return accept_one();
  read_question();
}

void askpass_socket::accept_one() {
  asking_.reset(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!asking_ || !look_at_asker()) return listen();
  stage_ = stage::reading;
  wait_for(asking_.get());
}

// As it was when it connected; it waits for the answer, so its number is no other's yet. False: it
// is another user's.
bool askpass_socket::look_at_asker() {
  ucred who{};
  socklen_t size = sizeof who;
  bool known = ::getsockopt(asking_.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
  if (!known || who.uid != ::geteuid()) return false;
  is_of_ssh_ = parent_of(who.pid) == ssh_;
  return true;
}

void askpass_socket::read_question() {
  std::array<char, askpass_token_size + max_askpass_prompt> bytes;
  ssize_t size = ::recv(asking_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return wait_for(asking_.get());
  std::string_view question(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (!question.starts_with(token_in(address_))) return listen();
  prompt_ = question.substr(askpass_token_size);
  stage_ = stage::asked;
  asked_();
}

bool askpass_socket::answer(const secret& with) {
  assert(has_prompt());
  std::string_view text = with.reveal();
  if (text.size() > max_askpass_answer || has_line_break(text)) return false;
  char given = askpass_given;
  std::array<iovec, 2> parts{iovec{&given, 1}, iovec{const_cast<char*>(text.data()), text.size()}};
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  (void)::sendmsg(asking_.get(), &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
  listen();
  return true;
}

void askpass_socket::refuse() {
  assert(has_prompt());
  (void)::send(asking_.get(), &askpass_refused, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  listen();
}

void askpass_socket::close() {
  if (stage_ == stage::closed) return;
  stage_ = stage::closed;
  if (ready_.active) return loop_.cancel(ready_);
  leave();
}

void askpass_socket::leave() {
  asking_.reset();
  listening_.reset();
}

}  // namespace execo::detail
