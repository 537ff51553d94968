#include "tree/tree_runs.hpp"

#include <optional>

#include "wire/messages.hpp"

namespace execo::detail {
namespace {

// Of a seat that has left, what comes is sound, and nobody's.
template <class Message>
bool give_to(tree_seat* seat, const frame& f, auto give) {
  std::optional<Message> message = Message::decode(f);
  if (message && seat != nullptr) give(*message);
  return message.has_value();
}

}  // namespace

std::uint32_t tree_runs::new_number() noexcept {
  // 0 is for frames of no run.
  do {
    ++last_;
  } while (last_ == 0 || seats_.count(last_) != 0);
  return last_;
}

void tree_runs::add(std::uint32_t run, tree_seat& seat, std::uint32_t link) {
  seats_.emplace(run, &seat);
  seat.run_in_tree = run;
  seat.link_in_tree = link;
}

void tree_runs::leave(tree_seat& seat) noexcept {
  seat.unlink();
  if (seat.run_in_tree != 0) seats_.erase(seat.run_in_tree);
  seat.run_in_tree = 0;
}

// A run is of one host, so that the header of its frames names it. Of a run that was left, more may
// be on its way.
bool tree_runs::take(std::uint32_t link, const frame& f) {
  bool was_ordered = static_cast<std::int32_t>(last_ - f.run) >= 0;
  auto known = seats_.find(f.run);
  tree_seat* seat = known == seats_.end() ? nullptr : known->second;
  if (seat == nullptr ? !was_ordered : seat->link_in_tree != link || seat->host_in_tree != f.host)
    return false;
  switch (f.type) {
    case frame_type::started:
      return give_to<started_message>(seat, f, [&](const auto&) { seat->seat_started(); });
    case frame_type::output:
      return give_to<output_message>(seat, f, [&](const auto& what) { seat->seat_output(what); });
    case frame_type::credit:
      return give_to<credit_message>(seat, f,
                                     [&](const auto& what) { seat->seat_credit(what.data); });
    case frame_type::ended:
      return give_to<ended_message>(seat, f, [&](const auto& what) {
        leave(*seat);
        seat->seat_ended(what);
      });
    default:
      return false;
  }
}

}  // namespace execo::detail
