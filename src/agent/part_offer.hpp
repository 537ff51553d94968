// The part of a file that an agent has written when its way to the root is lost: the agent that is
// started on this host next gets it as an open file, which has no name meanwhile.
#pragma once

#include <cstdint>

#include "agent/reactor.hpp"
#include "base/fd.hpp"
#include "wire/codec.hpp"

namespace execo::agent {

/// Where it is to be had, as nobody but agents of one tree know: an abstract name of unix(7).
class part_place {
 public:
  part_place(const detail::bytes16& tree_secret, std::uint32_t host,
             std::uint32_t content) noexcept;
  const detail::bytes16& name() const noexcept { return name_; }

 private:
  detail::bytes16 name_;
};

/// offered -> over  it was taken
enum class offer_state : std::uint8_t { none, offered, over };

class part_offer {
 public:
  explicit part_offer(reactor& on) noexcept
      : loop_(on), asked_(delegate<std::uint32_t>::to<&part_offer::on_asked>(this)) {}
  part_offer(const part_offer&) = delete;
  part_offer& operator=(const part_offer&) = delete;
  ~part_offer() {
    if (socket_) loop_.forget(asked_);
  }

  /// The file must stay open until this is over. False: it cannot be offered.
  bool begin(const part_place& at, int file);
  offer_state state() const noexcept { return state_; }

 private:
  void on_asked(std::uint32_t);

  reactor& loop_;
  unique_fd socket_;
  watch asked_;
  int file_ = -1;
  offer_state state_ = offer_state::none;
};

/// What an earlier agent on this host offers; empty if none does.
unique_fd take_offered(const part_place& at);

}  // namespace execo::agent
