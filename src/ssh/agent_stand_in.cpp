#include "ssh/agent_stand_in.hpp"

#include <sys/socket.h>

#include <array>

namespace execo::detail {
namespace {

std::string read_all(int socket) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    ssize_t n = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// Answers are a fraction of a socket's buffer.
bool send_all(int socket, const std::string& text) {
  ssize_t n = ::send(socket, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return n == static_cast<ssize_t>(text.size()) && ::shutdown(socket, SHUT_WR) == 0;
}

}  // namespace

bool agent_stand_in::make_pair() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
  ours_.reset(ends[0]);
  theirs_.reset(ends[1]);
  return ours_ && theirs_;
}

bool agent_stand_in::go_on(ssh_session_struct* session, const std::string& answers, int& result,
                           std::optional<signature_request>& asked) {
  bool ready = (ours_ || make_pair()) && send_all(ours_.get(), answers);
  if (ready) {
    // libssh does not own it: it is taken back before anything could close it.
    (void)ssh_set_agent_socket(session, theirs_.get());
    result = ssh_userauth_agent(session, nullptr);
    (void)ssh_set_agent_socket(session, SSH_INVALID_SOCKET);
    asked = find_sign_request(read_all(ours_.get()));
  }
  ours_.reset();
  theirs_.reset();
  (void)make_pair();
  return ready;
}

}  // namespace execo::detail
