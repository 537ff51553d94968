#include "tree/tree_talks.hpp"

#include <utility>
#include <vector>

#include "base/contain.hpp"

namespace execo::detail {

tree_talks::~tree_talks() {
  for (auto& [number, group] : groups_) group->close();
}

bool tree_talks::enter(talk_group& group) {
  if (group.is_closed()) return false;
  if (group.number() != 0)
    return groups_.contains(group.number()) && groups_.at(group.number()).get() == &group;
  drop_closed();
  groups_.emplace(++last_number_, intrusive_ptr<talk_group>(&group));
  group.use(*this, last_number_);
  return true;
}

void tree_talks::drop_closed() {
  std::erase_if(groups_, [](const auto& one) { return one.second->is_closed(); });
}

void tree_talks::join(talk_group& group, std::uint32_t rank, std::uint32_t host,
                      tree_child& child) {
  links_[child.index()].child = &child;
  group.join(rank, host, child.index());
}

bool tree_talks::take(const tree_child& child, const frame& f) {
  switch (f.type) {
    case frame_type::say:
      return take_as<say_message>(child, f);
    case frame_type::contribute:
      return take_as<contribute_message>(child, f);
    case frame_type::consumed:
      return take_as<consumed_message>(child, f);
    default:
      return false;
  }
}

// Of one that is over, more may be on its way.
template <class Message>
bool tree_talks::take_as(const tree_child& child, const frame& f) {
  auto message = Message::decode(f);
  if (!message || message->run > last_number_) return false;
  auto known = groups_.find(message->run);
  if (known == groups_.end()) return true;
  intrusive_ptr<talk_group> group = known->second;
  return group->take(child.index(), *message);
}

// -- what goes down -------------------------------------------------------------------------------

send_result tree_talks::send(tree_child& to, const errand& what) {
  return std::visit(
      [&to](const auto& kept) {
        if constexpr (requires { kept.message(); })
          return to.send(kept.message());
        else
          return to.send(kept);
      },
      what);
}

// In order. What waits here is bounded by what may be on its way to the commands there.
template <class Copy, class Message>
void tree_talks::send_or_keep(talk_link to, const Message& what) {
  auto known = links_.find(to);
  if (known == links_.end()) return;
  link& its = known->second;
  if (its.unsent.empty() && its.child->send(what) != send_result::full) return;
  its.unsent.emplace_back(std::in_place_type<Copy>, what);
}

void tree_talks::tell(talk_link to, deliver_message what) { send_or_keep<deliver_copy>(to, what); }

void tree_talks::tell(talk_link to, accepted_message what) {
  send_or_keep<accepted_message>(to, what);
}

void tree_talks::tell(talk_link to, gathered_message what) {
  send_or_keep<gathered_copy>(to, what);
}

void tree_talks::serve(const tree_child& child) {
  auto known = links_.find(child.index());
  if (known == links_.end()) return;
  link& its = known->second;
  while (!its.unsent.empty()) {
    if (send(*its.child, its.unsent.front()) == send_result::full) return;
    its.unsent.pop_front();
  }
}

// Without memory for what follows, its commands have their ends all the same.
void tree_talks::forget(const tree_child& child) noexcept {
  if (links_.erase(child.index()) == 0) return;
  contain(
      [&] {
        std::vector<intrusive_ptr<talk_group>> all;
        for (auto& [number, group] : groups_) all.push_back(group);
        for (auto& group : all) group->lose(child.index());
      },
      [](const std::exception_ptr&) {});
}

}  // namespace execo::detail
