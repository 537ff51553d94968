#include "agent/talks.hpp"

namespace execo::agent {

void talks::open(const detail::execute_message& order) {
  if (!order.has(detail::execute_flag::talk) || find(order.talk) != nullptr) return;
  talk_seat_owner& self = *this;
  auto [place, is_new] = seats_.try_emplace(order.run, loop_, self, order.talk, order.ranks);
  if (!place->second.open()) seats_.erase(place);
}

void talks::equip(std::uint32_t run, std::vector<std::string>& variables) const {
  auto found = seats_.find(run);
  if (found != seats_.end()) variables.push_back("EXECO_MESSAGES=" + found->second.name());
}

talk_seat* talks::find(std::uint32_t talk) noexcept {
  for (auto& [run, seat] : seats_)
    if (seat.talk() == talk) return &seat;
  return nullptr;
}

bool talks::take(const detail::frame& what) {
  talk_seat* to = find(what.run);
  if (to == nullptr) return true;
  if (auto bytes = detail::deliver_message::decode(what))
    return to->deliver(bytes->from, bytes->bytes), true;
  if (auto reply = detail::accepted_message::decode(what))
    return to->accepted(reply->receivers), true;
  auto end = detail::gathered_message::decode(what);
  if (end) to->gathered(*end);
  return end.has_value();
}

void talks::collect() {
  for (auto& [run, seat] : seats_) seat.collect();
}

}  // namespace execo::agent
