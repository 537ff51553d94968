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
  } while (last_ == 0 || seats_.count(last_) != 0 || folded_.uses(last_));
  return last_;
}

void tree_runs::add(std::uint32_t run, tree_seat& seat, std::uint32_t link) {
  seats_.emplace(run, &seat);
  seat.run_in_tree = run;
  seat.link_in_tree = link;
}

void tree_runs::add_folded(std::uint32_t run, std::span<tree_seat* const> seats,
                           std::uint32_t link) {
  folded_run& made = folded_.open(run, link);
  for (tree_seat* seat : seats) {
    made.add(*seat);
    seat->run_in_tree = run;
    seat->link_in_tree = link;
  }
}

void tree_runs::leave(tree_seat& seat) noexcept {
  seat.unlink();
  if (seat.run_in_tree != 0 && seats_.erase(seat.run_in_tree) == 0) folded_.leave(seat);
  seat.run_in_tree = 0;
}

bool tree_runs::take_folded(folded_run& of, const frame& f) {
  bool is_right = false;
  switch (f.type) {
    case frame_type::started:
      if (auto what = started_message::decode(f))
        is_right = of.start(what->hosts, [](tree_seat& seat) { seat.seat_started(); });
      return is_right;
    case frame_type::folded:
      if (auto what = folded_message::decode(f))
        is_right = of.print(*what, [&](tree_seat& seat, std::string_view bytes) {
          seat.seat_folded(what->stream, bytes);
        });
      return is_right;
    case frame_type::output:
      if (auto what = output_message::decode(f))
        is_right = of.stream(what->host, [&](tree_seat& seat) { seat.seat_output(*what); });
      return is_right;
    case frame_type::credit:
      if (auto what = credit_message::decode(f))
        is_right = of.stream(what->host, [&](tree_seat& seat) { seat.seat_credit(what->data); });
      return is_right;
    case frame_type::ended:
      if (auto what = ended_message::decode(f))
        is_right = of.end(what->hosts, [&](tree_seat& seat) {
          leave(seat);
          seat.seat_ended(*what);
        });
      return is_right;
    default:
      return false;
  }
}

// A run that does not fold is of one host, so that the header of its frames names it. Of a run that
// was left, more may be on its way.
bool tree_runs::take(std::uint32_t link, const frame& f) {
  if (std::shared_ptr<folded_run> of = folded_.find(f.run, link)) {
    const bool is_right = take_folded(*of, f);
    folded_.forget(f.run, link);
    return is_right;
  }
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
