// Intrusive nodes that awaiters carry, so that waiting allocates nothing.
#pragma once

#include "execo/detail/compiler.hpp"
#include "execo/detail/delegate.hpp"

namespace execo::detail {

/// A piece of work in a loop's queue: `run` is called once, on the loop's thread. It may destroy
/// the node, and must not throw.
struct queue_node {
  queue_node() noexcept = default;
  explicit queue_node(delegate<> to_run) noexcept : run(to_run) {}
  queue_node(const queue_node&) = delete;
  queue_node& operator=(const queue_node&) = delete;

  queue_node* next = nullptr;
  delegate<> run;
};

/// A link of a circular list, alone when it points to itself.
class list_node {
 public:
  list_node() noexcept : prev_(this), next_(this) {}
  list_node(const list_node&) = delete;
  list_node& operator=(const list_node&) = delete;
  ~list_node() { unlink(); }

  bool linked() const noexcept { return next_ != this; }
  list_node* next() const noexcept { return next_; }
  list_node* prev() const noexcept { return prev_; }
  void link_before(list_node& where) noexcept {
    unlink();
    prev_ = where.prev_;
    next_ = &where;
    where.prev_->next_ = this;
    where.prev_ = this;
  }
  void unlink() noexcept {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  list_node* prev_;
  list_node* next_;
};

}  // namespace execo::detail
