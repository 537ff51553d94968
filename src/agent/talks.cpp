#include "agent/talks.hpp"

#include <fcntl.h>

#include "agent/talk_program.hpp"

namespace execo::agent {

void talks::open(const detail::execute_message& order) {
  if (!order.has(detail::execute_flag::talk) || find(order.talk) != nullptr) return;
  talk_seat_owner& self = *this;
  auto [place, is_new] = seats_.try_emplace(order.run, loop_, self, order.talk, order.ranks);
  if (!place->second.open()) seats_.erase(place);
}

int talks::equip(std::uint32_t run, std::vector<std::string>& variables) {
  auto found = seats_.find(run);
  if (found == seats_.end()) return -1;
  variables.push_back("EXECO_MESSAGES=" + found->second.name());
  const std::string name = "EXECO_MSG=";
  for (const std::string& one : variables)
    if (one.starts_with(name)) return -1;
  if (!program_) program_.reset(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (program_) variables.push_back(name + talk_program_name);
  return program_.get();
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
