#include "tree/ready_seats.hpp"

namespace execo::detail {

ready_seats::ready_seats(loop& on, ref_counted& owner)
    : step_(on, owner, delegate<>::to<&ready_seats::tell>(this)) {}

void ready_seats::add(tree_seat& seat) {
  seat.link_before(seats_);
  step_.queue();
}

void ready_seats::add_all(list_node& seats) {
  while (seats.linked()) seats.next()->link_before(seats_);
  if (seats_.linked()) step_.queue();
}

void ready_seats::tell() {
  while (seats_.linked()) {
    auto& seat = static_cast<tree_seat&>(*seats_.next());
    seat.unlink();
    seat.seat_up();
  }
}

}  // namespace execo::detail
