// Many producers, one consumer, nodes owned by their users: push never allocates and never blocks.
// The consumer takes all nodes at once, in the order of the pushes.
#pragma once

#include <atomic>

#include "execo/detail/node.hpp"

namespace execo::detail {

class mpsc_queue {
 public:
  /// True if the queue was empty: the caller must wake the consumer.
  bool push(queue_node& node) noexcept {
    queue_node* head = head_.load(std::memory_order_relaxed);
    do {
      node.next = head;
    } while (!head_.compare_exchange_weak(head, &node, std::memory_order_release,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }

  /// All nodes, oldest first, chained by `next`.
  queue_node* take_all() noexcept {
    queue_node* node = head_.exchange(nullptr, std::memory_order_acquire);
    queue_node* ordered = nullptr;
    while (node != nullptr) {
      queue_node* next = node->next;
      node->next = ordered;
      ordered = node;
      node = next;
    }
    return ordered;
  }

  bool empty() const noexcept { return head_.load(std::memory_order_acquire) == nullptr; }

 private:
  std::atomic<queue_node*> head_{nullptr};
};

}  // namespace execo::detail
