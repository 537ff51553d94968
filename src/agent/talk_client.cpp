#include "agent/talk_client.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "agent/talk_seat.hpp"

namespace execo::agent {

talk_client::talk_client(talk_seat& of, std::uint32_t number, unique_fd connected)
    : of_(of),
      number_(number),
      socket_(std::move(connected)),
      seen_(delegate<std::uint32_t>::to<&talk_client::on_ready>(this)),
      patience_(delegate<>::to<&talk_client::on_patience>(this)) {}

void talk_client::end() noexcept {
  if (!socket_) return;
  state_ = talk_client_state::over;
  of_.loop().disarm(patience_);
  of_.loop().forget(seen_);
  socket_.reset();
}

void talk_client::await(std::uint32_t events) {
  if (!of_.loop().look(seen_, socket_.get(), events)) end();
}

// While it waits only its end is of interest: what it sends meanwhile stays in the socket.
void talk_client::on_ready(std::uint32_t) {
  if (state_ == talk_client_state::reading)
    read();
  else
    end();
  if (is_over()) of_.withdraw(*this);
}

void talk_client::on_patience() { of_.on_patience(*this); }

void talk_client::expect_answer_within(milliseconds limit) {
  of_.loop().arm(patience_, of_.loop().now() + limit);
}

void talk_client::read() {
  std::array<char, detail::talk_packet_limit> packet;
  const ssize_t got = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return end();
  std::optional<detail::talk_request> request;
  if (static_cast<std::size_t>(got) <= packet.size())
    request =
        detail::read_talk_request(std::string_view(packet.data(), static_cast<std::size_t>(got)));
  if (!request) {
    (void)answer(detail::talk_problem_answer("this is no request, or too long"));
    return end();
  }
  state_ = talk_client_state::waiting;
  await(EPOLLRDHUP);
  if (!is_over()) of_.take(*this, *request);
}

// Its one answer: a socket has room for it.
bool talk_client::answer(std::string_view packet) {
  if (is_over()) return false;
  of_.loop().disarm(patience_);
  const ssize_t sent =
      ::send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  state_ = talk_client_state::reading;
  if (sent == static_cast<ssize_t>(packet.size()))
    await(EPOLLIN);
  else
    end();
  return !is_over();
}

}  // namespace execo::agent
