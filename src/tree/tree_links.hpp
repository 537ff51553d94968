// The links of the root of a tree: its children, and what waits for room on the way to each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "execo/detail/node.hpp"
#include "shape/work_pool.hpp"
#include "tree/tree_child.hpp"
#include "wire/host_messages.hpp"
#include "wire/run_messages.hpp"
#include "wire/sign_messages.hpp"

namespace execo::detail {

/// Numbers of links are used again.
class tree_links {
 public:
  using errand = std::variant<work_message, revoke_message, sign_answer_message,
                              certificate_message, execute_message, cancel_message>;

  class entry {
   public:
    intrusive_ptr<tree_child> child;  // null: unused
    child_slot slot = 0;              // in the pool, once it is up
    bool is_up = false;
    bool may_deploy = false;
    unsigned refusals = 0;      // of signatures
    list_node seats;            // whose commands were sent that way
    list_node blocked;          // of them, those that wait for room
    std::deque<errand> unsent;  // they wait for it, too
  };

  std::uint32_t add(intrusive_ptr<tree_child> child);
  /// Its child has ended, and is the caller's. The link counts until free().
  intrusive_ptr<tree_child> take_child(std::uint32_t link) noexcept;
  void free(std::uint32_t link) noexcept { unused_.push_back(link); }
  bool empty() const noexcept { return all_.size() == unused_.size(); }

  entry& operator[](std::uint32_t link) noexcept { return *all_[link]; }
  const entry& operator[](std::uint32_t link) const noexcept { return *all_[link]; }

  /// Its agent is up, and has that place in the pool.
  void set_up(std::uint32_t link, child_slot slot);
  std::uint32_t of_slot(child_slot slot) const noexcept { return by_slot_[slot]; }
  /// Children that are up.
  std::size_t up() const noexcept { return up_; }

  /// If nothing waits for that child: nothing overtakes an order. A cancel finds room.
  template <class Message>
  send_result send(std::uint32_t link, const Message& message) {
    entry& to = *all_[link];
    send_result sent = to.unsent.empty() ? to.child->send(message) : send_result::full;
    if constexpr (std::is_same_v<Message, cancel_message>) {
      if (sent == send_result::full) to.unsent.push_back(message), sent = send_result::queued;
    }
    return sent;
  }
  /// In order. What a child that is going does not take is the pool's again when it has gone.
  void tell(std::uint32_t link, errand what);
  /// False: there is no room for all of it yet.
  bool send_unsent(entry& to);
  /// Whoever has no room for it does not hear of it.
  template <class Message>
  void send_to_all(const Message& what) const {
    for (const auto& its : all_)
      if (its->is_up) (void)its->child->send(what);
  }
  /// Says goodbye to those children.
  template <class Choice>
  void leave(Choice is_to_leave) {
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (all_[i]->child && is_to_leave(*all_[i]->child)) all_[i]->child->leave();
  }

 private:
  std::vector<std::unique_ptr<entry>> all_;
  std::vector<std::uint32_t> unused_;
  std::vector<std::uint32_t> by_slot_;  // of the pool
  std::size_t up_ = 0;
};

}  // namespace execo::detail
