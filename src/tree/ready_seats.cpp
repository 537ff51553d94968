#include "tree/ready_seats.hpp"

#include <utility>

namespace execo::detail {

ready_seats::ready_seats(loop& on, ref_counted& owner)
    : loop_(on), owner_(owner), step_(delegate<>::to<&ready_seats::tell>(this)) {}

void ready_seats::add(tree_seat& seat) {
  seat.link_before(seats_);
  tell_soon();
}

void ready_seats::add_all(list_node& seats) {
  while (seats.linked()) seats.next()->link_before(seats_);
  if (seats_.linked()) tell_soon();
}

void ready_seats::tell_soon() noexcept {
  if (std::exchange(queued_, true)) return;
  owner_.retain();
  loop_.defer(step_);
}

void ready_seats::tell() {
  intrusive_ptr<ref_counted> alive(&owner_);
  owner_.release();
  queued_ = false;
  while (seats_.linked()) {
    auto& seat = static_cast<tree_seat&>(*seats_.next());
    seat.unlink();
    seat.seat_up();
  }
}

}  // namespace execo::detail
