#include "ssh/forwarded_connection.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <utility>

#include "base/contain.hpp"
#include "execo/printable.hpp"

namespace execo::detail {
namespace {

// A client that says nothing must not keep its place for ever.
constexpr auto max_greeting = std::chrono::seconds(20);

// Servers pass the words of strerror or getaddrinfo on.
socks_refusal refusal_in(std::string_view words) {
  auto has = [words](std::string_view part) { return words.find(part) != words.npos; };
  if (has("prohibited")) return socks_refusal::not_allowed;
  if (has("refused")) return socks_refusal::refused;
  bool no_way = has("unreachable") || has("No route") || has("not known");
  return no_way ? socks_refusal::unreachable : socks_refusal::failed;
}

}  // namespace

forwarded_connection::forwarded_connection(forwarded_owner& of, unique_fd client)
    : carried_client(of, "a SOCKS client") {
  socket_ = std::move(client);
}

void forwarded_connection::begin() {
  const std::optional<forward_endpoint>& there = of_.plan().there;
  contain(
      [&] {
        if (there) return connect(there->is_path() ? there->path() : there->host(), there->port());
        socks_ = std::make_unique<socks_dialogue>();
        of_.home().arm_after(limit_, max_greeting);
        socket_ready(0);
      },
      [this](const std::exception_ptr& error) { refuse(error_of(error).message()); });
}

void forwarded_connection::socket_ready(int) {
  bool may_go_on = false;
  contain([&] { may_go_on = converse(); },
          [this](const std::exception_ptr& error) { refuse(error_of(error).message()); });
  if (!may_go_on) return;
  of_.home().disarm(limit_);
  contain([this] { connect(socks_->host(), socks_->port()); },
          [this](const std::exception_ptr& error) { refuse(error_of(error).message()); });
}

// True: it has said where to. False: more is to come, or it was refused.
bool forwarded_connection::converse() {
  while (socks_->wanted() > 0) {
    std::array<char, socks_dialogue::max_wanted> buffer;
    ssize_t n = ::recv(socket_.get(), buffer.data(), socks_->wanted(), MSG_DONTWAIT);
    bool is_early = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (is_early) return await(POLLIN), false;
    if (n <= 0) return refuse("a SOCKS client left before it said where to"), false;
    std::string answer = socks_->take({buffer.data(), static_cast<std::size_t>(n)});
    if (!send_now(answer)) return refuse("a SOCKS client does not read"), false;
  }
  if (socks_->is_complete()) return true;
  refuse("a SOCKS client: " + std::string(socks_->problem()));
  return false;
}

void forwarded_connection::limit_passed() { refuse("a SOCKS client did not say in time where to"); }

// So little goes into the buffer of a new connection as a whole.
bool forwarded_connection::send_now(std::string_view bytes) noexcept {
  if (bytes.empty()) return true;
  ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return n == static_cast<ssize_t>(bytes.size());
}

void forwarded_connection::connect(const std::string& to, int port) {
  stage_ = stage::connecting;
  forward_ = &of_.forwards().open(to, port, *this);
}

void forwarded_connection::refuse(std::string why) {
  of_.note_failure(std::move(why));
  close();
}

void forwarded_connection::forward_opened() {
  if (stage_ != stage::connecting) return;
  if (socks_ && !send_now(socks_->granted())) return refuse("a SOCKS client left");
  carry();
}

void forwarded_connection::forward_refused(std::string why) {
  if (stage_ != stage::connecting) return;
  if (socks_) (void)send_now(socks_->denied(refusal_in(why)));
  std::string to = of_.plan().there ? of_.plan().there->to_string()
                                    : socks_->host() + ":" + std::to_string(socks_->port());
  refuse("no connection to " + printable(to) + ": " + why);
}

}  // namespace execo::detail
