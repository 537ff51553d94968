#include "tree/tree_links.hpp"

#include <utility>

namespace execo::detail {

std::uint32_t tree_links::add(intrusive_ptr<tree_child> child) {
  if (unused_.empty()) {
    unused_.reserve(all_.size() + 1);
    all_.push_back(std::make_unique<entry>());
    unused_.push_back(static_cast<std::uint32_t>(all_.size() - 1));
  }
  std::uint32_t link = unused_.back();
  unused_.pop_back();
  all_[link]->child = std::move(child);
  return link;
}

intrusive_ptr<tree_child> tree_links::take_child(std::uint32_t link) noexcept {
  entry& its = *all_[link];
  if (std::exchange(its.is_up, false)) --up_;
  its.may_deploy = false;
  its.unsent.clear();
  its.refusals = 0;
  return std::move(its.child);
}

void tree_links::set_up(std::uint32_t link, child_slot slot) {
  if (by_slot_.size() <= slot) by_slot_.resize(slot + 1);
  by_slot_[slot] = link;
  entry& its = *all_[link];
  its.slot = slot;
  its.is_up = true;
  ++up_;
}

void tree_links::tell(std::uint32_t link, errand what) {
  entry& to = *all_[link];
  to.unsent.push_back(std::move(what));
  if (to.unsent.size() == 1) (void)send_unsent(to);
}

bool tree_links::send_unsent(entry& to) {
  while (!to.unsent.empty()) {
    auto send = [&to](const auto& message) { return to.child->send(message); };
    if (std::visit(send, to.unsent.front()) == send_result::full) return false;
    to.unsent.pop_front();
  }
  return true;
}

}  // namespace execo::detail
