#include "agent/sign_client.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "agent/sign_socket.hpp"

namespace execo::agent {

using detail::ssh_agent_reader;
using detail::ssh_agent_wish;

sign_client::sign_client(sign_socket& of, std::uint32_t number, std::uint32_t target,
                         unique_fd connected)
    : of_(of),
      number_(number),
      target_(target),
      socket_(std::move(connected)),
      seen_(delegate<std::uint32_t>::to<&sign_client::on_ready>(this)) {}

sign_client::~sign_client() { of_.loop_.forget(seen_); }

void sign_client::begin() {
  await(EPOLLIN);
  end_if_over();
}

void sign_client::await(std::uint32_t events) {
  if (!of_.loop_.look(seen_, socket_.get(), events)) state_ = sign_client_state::over;
}

void sign_client::end_if_over() {
  if (state_ == sign_client_state::over) of_.on_ended(number_);
}

void sign_client::on_ready(std::uint32_t) {
  if (state_ == sign_client_state::waiting || !read())
    state_ = sign_client_state::over;
  else
    serve();
  end_if_over();
}

bool sign_client::read() {
  std::array<char, 4096> buffer;
  ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  received_.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0;
}

// One at a time: what an ssh sends ahead waits in the socket.
void sign_client::serve() {
  while (state_ == sign_client_state::reading) {
    bool malformed = false;
    std::optional<std::size_t> size = ssh_agent_reader::size_of(received_, malformed);
    if (malformed) state_ = sign_client_state::over;
    if (malformed || !size || received_.size() < *size) return;
    take(ssh_agent_reader::read(std::string_view(received_).substr(4, *size - 4)));
    received_.erase(0, *size);
  }
}

void sign_client::take(const detail::ssh_agent_request& what) {
  switch (what.wish) {
    case ssh_agent_wish::bind:
      return bind(what);
    case ssh_agent_wish::keys:
    case ssh_agent_wish::signature:
      return ask(what);
    case ssh_agent_wish::other:
      return say(std::string_view(&detail::ssh_agent_failure, 1));
    case ssh_agent_wish::malformed:
      state_ = sign_client_state::over;
  }
}

// Once, and not of a session that carries the agent further.
void sign_client::bind(const detail::ssh_agent_request& what) {
  const bool may_be = session_.empty() && !what.forwards;
  if (may_be) {
    host_key_ = what.host_key;
    session_ = what.session;
    proof_ = what.proof;
  }
  say(std::string_view(may_be ? &detail::ssh_agent_success : &detail::ssh_agent_failure, 1));
}

void sign_client::ask(const detail::ssh_agent_request& what) {
  detail::sign_ask_message message;
  message.number = number_;
  message.target = target_;
  message.host_key = host_key_;
  message.session = session_;
  message.proof = proof_;
  if (what.wish == ssh_agent_wish::signature) {
    message.wish = detail::sign_wish::signature;
    message.key = what.key;
    message.data = what.data;
    message.flags = what.flags;
  }
  state_ = sign_client_state::waiting;
  await(EPOLLRDHUP);
  of_.owner_.on_ask(std::move(message));
}

void sign_client::answer(const std::string& text) {
  if (state_ != sign_client_state::waiting) return;
  state_ = sign_client_state::reading;
  await(EPOLLIN);
  say(text);
  serve();
  end_if_over();
}

// Far less than a socket has room for.
void sign_client::say(std::string_view text) {
  const std::string bytes = ssh_agent_reader::framed(text);
  ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) state_ = sign_client_state::over;
}

}  // namespace execo::agent
