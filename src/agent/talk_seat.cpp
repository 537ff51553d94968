#include "agent/talk_seat.hpp"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "wire/message_limits.hpp"

namespace execo::agent {
namespace {

// With a message each that waits for its turn they hold a megabyte.
constexpr std::size_t max_talk_clients = 32;
constexpr std::string_view name_front = "execo-messages-";

std::string unguessable_name() {
  std::array<unsigned char, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return {};
  std::string name(name_front);
  for (unsigned byte : random)
    for (unsigned digit : {byte >> 4, byte & 15U}) name.push_back("0123456789abcdef"[digit]);
  return name;
}

// Names in the abstract space are seen by all users of the host, and anybody can connect.
bool is_ours(int connected) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

}  // namespace

talk_seat::talk_seat(reactor& on, talk_seat_owner& owner, std::uint32_t talk, std::uint32_t ranks)
    : loop_(on),
      owner_(owner),
      talk_(talk),
      ranks_(ranks),
      listener_seen_(delegate<std::uint32_t>::to<&talk_seat::on_connection>(this)) {}

talk_seat::~talk_seat() {
  if (listener_) loop_.forget(listener_seen_);
}

// A name in the abstract space leaves no file, and passes through shells, sudo and what else closes
// descriptors.
bool talk_seat::open() {
  name_ = unguessable_name();
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  name_.copy(at.sun_path + 1, sizeof at.sun_path - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
  unique_fd made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (name_.empty() || !made ||
      ::bind(made.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
      ::listen(made.get(), SOMAXCONN) != 0)
    return false;
  if (!loop_.look(listener_seen_, made.get(), EPOLLIN)) return false;
  listener_ = std::move(made);
  return true;
}

void talk_seat::on_connection(std::uint32_t) {
  for (;;) {
    unique_fd connected(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connected) return;
    if (clients_.size() >= max_talk_clients || !is_ours(connected.get())) continue;
    const std::uint32_t number = ++last_client_;
    auto [place, is_new] = clients_.try_emplace(number, *this, number, std::move(connected));
    place->second.begin();
    if (place->second.is_over()) some_are_over_ = true;
  }
}

talk_client* talk_seat::find(std::uint32_t client) noexcept {
  auto found = clients_.find(client);
  return found != clients_.end() ? &found->second : nullptr;
}

// What it has said stays said; what it waits for goes to others.
void talk_seat::withdraw(talk_client& gone) {
  some_are_over_ = true;
  std::erase(receivers_, gone.number());
  for (std::size_t i = sends_.size(); i-- > 1;)
    if (sends_[i]->client == gone.number())
      sends_.erase(sends_.begin() + static_cast<std::ptrdiff_t>(i));
}

void talk_seat::collect() {
  if (!std::exchange(some_are_over_, false)) return;
  std::erase_if(clients_, [](const auto& one) { return one.second.is_over(); });
}

// -- what processes of the command want
// ------------------------------------------------------------

void talk_seat::take(talk_client& from, const detail::talk_request& what) {
  switch (what.wish) {
    case detail::talk_wish::send:
      return send(from, what);
    case detail::talk_wish::receive:
      return receive(from, what.patience_ms);
    case detail::talk_wish::reduce:
      return reduce(from, what);
  }
}

void talk_seat::send(talk_client& from, const detail::talk_request& what) {
  const bool is_known = what.to_all || what.to_ranks.ranges().back().last <= ranks_;
  if (!is_known) {
    (void)from.answer(detail::talk_problem_answer("there is no such rank: the last one is " +
                                                  std::to_string(ranks_)));
    return;
  }
  auto one = std::make_unique<unsent>();
  one->client = from.number();
  one->what.to_all = what.to_all;
  one->what.to_ranks = what.to_ranks;
  one->bytes = what.bytes;
  sends_.push_back(std::move(one));
  if (sends_.size() == 1) say_next();
}

void talk_seat::say_next() {
  unsent& one = *sends_.front();
  one.what.bytes = one.bytes;
  owner_.tell(*this, std::move(one.what));
}

void talk_seat::accepted(std::uint32_t receivers) {
  if (sends_.empty()) return;
  talk_client* of = find(sends_.front()->client);
  sends_.erase(sends_.begin());
  if (of != nullptr && !of->answer(detail::talk_sent_answer(receivers))) some_are_over_ = true;
  if (!sends_.empty()) say_next();
}

void talk_seat::receive(talk_client& from, std::uint32_t patience_ms) {
  receivers_.push_back(from.number());
  give();
  if (receivers_.empty() || receivers_.back() != from.number()) return;
  if (patience_ms == 0)
    on_patience(from);
  else if (patience_ms != detail::talk_without_end)
    from.expect_answer_within(milliseconds(patience_ms));
}

void talk_seat::on_patience(talk_client& of) {
  std::erase(receivers_, of.number());
  if (!of.answer(detail::talk_nothing_answer())) some_are_over_ = true;
}

void talk_seat::deliver(std::uint32_t from, std::string_view bytes) {
  inbox_.push_back(std::make_unique<received>());
  inbox_.back()->from = from;
  inbox_.back()->bytes = bytes;
  give();
}

// A message that its receiver does not take any more is for the next one.
void talk_seat::give() {
  while (!inbox_.empty() && !receivers_.empty()) {
    talk_client* to = find(receivers_.front());
    receivers_.erase(receivers_.begin());
    const received& first = *inbox_.front();
    if (to == nullptr || !to->answer(detail::talk_message_answer(first.from, first.bytes))) {
      some_are_over_ = true;
      continue;
    }
    const std::size_t charge = detail::talk_charge(first.bytes.size());
    inbox_.erase(inbox_.begin());
    count_consumed(charge);
  }
}

void talk_seat::count_consumed(std::size_t bytes) {
  consumed_ += bytes;
  if (!inbox_.empty() && consumed_ < detail::talk_window / 4) return;
  detail::consumed_message what;
  what.bytes = static_cast<std::uint32_t>(std::exchange(consumed_, 0));
  owner_.tell(*this, what);
}

void talk_seat::reduce(talk_client& from, const detail::talk_request& what) {
  if (reducer_ != 0) {
    (void)from.answer(detail::talk_problem_answer(
        "another process of this command is at a barrier or reduction"));
    return;
  }
  reducer_ = from.number();
  detail::contribute_message given;
  given.value = what.value;
  given.text = what.bytes;
  owner_.tell(*this, given);
}

void talk_seat::gathered(const detail::gathered_message& what) {
  talk_client* of = find(std::exchange(reducer_, 0));
  if (of != nullptr && !of->answer(detail::talk_reduced_answer(what))) some_are_over_ = true;
}

}  // namespace execo::agent
