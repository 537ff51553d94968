// Orders of commands that fold: one frame for all hosts of a link.
#include <algorithm>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "execo/printable.hpp"
#include "tree/tree_root.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

auto place_of_order(const tree_seat* seat) noexcept {
  return std::tuple(seat->link_in_tree, seat->host_in_tree);
}

}  // namespace

// A host runs one command of a run: where it is named again, that is a run of its own.
void tree_root::send_folded() {
  if (runs_.folded().waiting_run() == 0) return;
  list_node waiting, lost;
  execute_message order = runs_.folded().take_order(waiting);
  std::vector<tree_seat*> seats, again;
  while (waiting.linked()) {
    auto& seat = static_cast<tree_seat&>(*waiting.next());
    seat.unlink();
    seat.link_in_tree = hosts_[seat.host_in_tree].link;
    if (!is_up(seat.host_in_tree) || way_to(seat.host_in_tree) == nullptr)
      seat.link_before(lost);
    else
      seats.push_back(&seat);
  }
  std::ranges::sort(seats, {}, place_of_order);
  for (auto first = seats.begin(); first != seats.end();) {
    const std::uint32_t link = (*first)->link_in_tree;
    auto last = first;
    std::vector<tree_seat*> of_link;
    for (; last != seats.end() && (*last)->link_in_tree == link; ++last) {
      const bool is_new = of_link.empty() || of_link.back()->host_in_tree != (*last)->host_in_tree;
      (is_new ? of_link : again).push_back(*last);
    }
    send_folded_to(link, order, of_link);
    first = last;
  }
  for (tree_seat* seat : again) {
    order.run = runs_.new_number();
    send_folded_to(seat->link_in_tree, order, std::span(&seat, 1));
  }
  fail_unsent(lost);
}

void tree_root::send_folded_to(std::uint32_t link, const execute_message& order,
                               std::span<tree_seat* const> seats) {
  runs_.add_folded(order.run, seats, link);
  index_ranges hosts;
  for (tree_seat* seat : seats) {
    seat->link_before(links_[link].seats);
    hosts.append(seat->host_in_tree, seat->host_in_tree);
  }
  execute_message piece = order;
  for (index_ranges& some : hosts.pieces(set_limit)) {
    piece.hosts = std::move(some);
    links_.tell(link, piece);
  }
}

// The way was there when the command was given.
void tree_root::fail_unsent(list_node& seats) {
  while (seats.linked()) {
    auto& seat = static_cast<tree_seat&>(*seats.next());
    leave(seat);
    seat.seat_failed(
        failure(end_reason::connect_failed, std::make_error_code(std::errc::not_connected),
                printable(host_of(seat.host_in_tree).name()) + ": the way to it was lost"));
  }
}

}  // namespace execo::detail
