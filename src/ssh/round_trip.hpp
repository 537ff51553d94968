// Messages to a server that it has to answer, and what waits for the answers.
#pragma once

#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"
#include "ssh/libssh.hpp"

namespace execo::detail {

/// One message to the peer, from remote_session::ask() to the answer. Its end unlinks it: the
/// answer is then not waited for.
class round_trip : public list_node {
 public:
  /// `done` is called from the loop, and may ask again or close the session.
  explicit round_trip(delegate<> done) noexcept : done_(done) {}

 private:
  friend class round_trips;
  delegate<> done_;
};

class round_trips {
 public:
  void add(round_trip& trip) noexcept { trip.link_before(unasked_); }
  /// Somebody else's global request is in flight, whose answer would be taken for one of these.
  void hold(bool held) noexcept { held_ = held; }
  bool has_unasked() const noexcept { return unasked_.linked(); }
  void drop_all() noexcept {
    for (list_node* trips : {&unasked_, &asked_})
      while (trips->linked()) trips->next()->unlink();
  }

  /// Sends what is to be asked, one message at a time. Whether the answer to the one in flight has
  /// come. `lost` says whether libssh has lost the connection.
  //
  // libssh keeps the outcome of a keepalive to itself, but hands that of any global request to the
  // next call for another one; if there is none to hand out any more, that call is a question of
  // its own, and as good.
  template <class Lost>
  bool converse(ssh_session_struct* session, Lost&& lost) {
    if (lost() || held_) return false;
    if (!in_flight_) {
      if (!unasked_.linked()) return false;
      while (unasked_.linked()) unasked_.next()->link_before(asked_);
      in_flight_ = true;
      (void)ssh_send_keepalive(session);
      if (lost()) return false;
    }
    in_flight_ = ssh_channel_cancel_forward(session, nullptr, 0) == SSH_AGAIN;
    return !in_flight_;
  }

  /// Ends those that were answered, while `goes_on()`.
  template <class GoesOn>
  void end_answered(GoesOn&& goes_on) {
    list_node ended;
    while (asked_.linked()) asked_.next()->link_before(ended);
    while (ended.linked()) {
      auto& trip = static_cast<round_trip&>(*ended.next());
      trip.unlink();
      if (goes_on()) trip.done_();
    }
  }

 private:
  list_node unasked_;
  list_node asked_;
  bool in_flight_ = false;
  bool held_ = false;
};

}  // namespace execo::detail
