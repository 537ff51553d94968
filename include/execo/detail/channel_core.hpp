// The queue of a channel, and those who wait at it.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "execo/detail/operation.hpp"

namespace execo::detail {

/// A waiter at a channel. Linked, and taken out, under the channel's lock.
class channel_waiter : public operation, public list_node {
 public:
  /// After the lock was given back: completes each of a chain on its own loop. Pre: taken out.
  static void finish(channel_waiter* first) noexcept;
  channel_waiter* next_served = nullptr;

 protected:
  channel_waiter() noexcept = default;
  channel_waiter(channel_waiter&& other) noexcept : operation(std::move(other)) {}
  ~channel_waiter() override = default;

 private:
  const char* what() const noexcept override { return "a channel"; }

  queue_node step_;
};

/// For what never leaves one loop.
class no_lock {
 public:
  void lock() noexcept {}
  void unlock() noexcept {}
};

/// False now and then: a coroutine that never waits would keep the loop from everything else.
bool may_go_on_at_once() noexcept;

enum class channel_state { done, closed, wait };

template <class T>
class waiting_sender : public channel_waiter {
 public:
  virtual T& value() noexcept = 0;
  bool sent = false;

 protected:
  waiting_sender() noexcept = default;
  waiting_sender(waiting_sender&& other) noexcept : channel_waiter(std::move(other)) {}
};

template <class T>
class waiting_receiver : public channel_waiter {
 public:
  std::optional<T> taken;

 protected:
  waiting_receiver() noexcept = default;
  waiting_receiver(waiting_receiver&& other) noexcept : channel_waiter(std::move(other)) {}
};

template <class T, class Lock>
class channel_core {
 public:
  explicit channel_core(std::size_t capacity) : ring_(capacity) {}

  /// Whom that served is to be finished afterwards. `waiter` is queued if it has to wait: to decide
  /// that and to queue it is one step.
  channel_state put(T& value, channel_waiter*& served, channel_waiter* waiter = nullptr) noexcept;
  channel_state take(std::optional<T>& to, channel_waiter*& served,
                     channel_waiter* waiter = nullptr) noexcept;
  void close(channel_waiter*& served) noexcept;
  /// True if the waiter was still waiting.
  bool leave(channel_waiter& waiter) noexcept {
    std::scoped_lock lock(lock_);
    if (!waiter.linked()) return false;
    waiter.unlink();
    return true;
  }

  bool closed() const noexcept {
    std::scoped_lock lock(lock_);
    return closed_;
  }
  std::size_t size() const noexcept {
    std::scoped_lock lock(lock_);
    return count_;
  }
  std::size_t capacity() const noexcept { return ring_.size(); }

 private:
  void push(T& value) noexcept {
    ring_[(first_ + count_++) % ring_.size()].emplace(std::move(value));
  }

  mutable Lock lock_;
  std::vector<std::optional<T>> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool closed_ = false;
  // At most one of them holds anybody: senders only when it is full, receivers when it is empty.
  list_node senders_;
  list_node receivers_;
};

template <class T, class Lock>
channel_state channel_core<T, Lock>::put(T& value, channel_waiter*& served,
                                         channel_waiter* waiter) noexcept {
  std::scoped_lock lock(lock_);
  if (closed_) return channel_state::closed;
  if (receivers_.linked()) {
    auto& first = static_cast<waiting_receiver<T>&>(*receivers_.next());
    first.unlink();
    first.taken.emplace(std::move(value));
    served = &first;
    return channel_state::done;
  }
  if (count_ < ring_.size()) {
    push(value);
    return channel_state::done;
  }
  if (waiter != nullptr) waiter->link_before(senders_);
  return channel_state::wait;
}

template <class T, class Lock>
channel_state channel_core<T, Lock>::take(std::optional<T>& to, channel_waiter*& served,
                                          channel_waiter* waiter) noexcept {
  std::scoped_lock lock(lock_);
  if (count_ != 0) {
    to.emplace(std::move(*ring_[first_]));
    ring_[first_].reset();
    first_ = (first_ + 1) % ring_.size();
    --count_;
  }
  if (senders_.linked()) {
    auto& first = static_cast<waiting_sender<T>&>(*senders_.next());
    first.unlink();
    first.sent = true;
    if (to) {
      push(first.value());
    } else {
      to.emplace(std::move(first.value()));
    }
    served = &first;
  }
  if (to) return channel_state::done;
  if (closed_) return channel_state::closed;
  if (waiter != nullptr) waiter->link_before(receivers_);
  return channel_state::wait;
}

template <class T, class Lock>
void channel_core<T, Lock>::close(channel_waiter*& served) noexcept {
  std::scoped_lock lock(lock_);
  closed_ = true;
  channel_waiter** last = &served;
  for (list_node* waiting : {&senders_, &receivers_}) {
    while (waiting->linked()) {
      auto& first = static_cast<channel_waiter&>(*waiting->next());
      first.unlink();
      *last = &first;
      last = &first.next_served;
    }
  }
}

}  // namespace execo::detail
