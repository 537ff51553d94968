// What the handle of a port forward and what carries it out share.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "execo/detail/forward_ops.hpp"
#include "execo/forward_counts.hpp"
#include "execo/forward_endpoint.hpp"
#include "ssh/forwarder.hpp"

namespace execo::detail {

/// Who listens.
enum class forward_side : std::uint8_t { near, far };

/// What is forwarded. Without `there` each client says where to (SOCKS).
class forward_plan {
 public:
  forward_plan(forward_side who, forward_endpoint listens, std::optional<forward_endpoint> leads_to)
      : side(who), here(std::move(listens)), there(std::move(leads_to)) {}

  std::string text() const {
    return here.to_string() + (there ? " to " + there->to_string() : " (SOCKS)");
  }

  const forward_side side;
  const forward_endpoint here;
  const std::optional<forward_endpoint> there;
};

/// Written on one loop's thread, read on any.
class forward_state {
 public:
  explicit forward_state(forward_plan what) : plan(std::move(what)) {}

  // -- on the loop's thread -------------------------------------------------------------------
  void listens(forward_endpoint at) {
    at_.emplace(std::move(at));
    is_listening_.store(true, std::memory_order_release);
  }
  /// They are notified later in this turn. Pre: it listens.
  void add_waiter(forward_waiter& waiter) noexcept { waiter.link_before(waiters_); }
  void notify_waiters() noexcept {
    while (waiters_.linked()) {
      auto& waiter = static_cast<forward_waiter&>(*waiters_.next());
      waiter.unlink();
      waiter.listening();
    }
  }
  void note_opened() noexcept { opened_.fetch_add(1, std::memory_order_relaxed); }
  void set_open(std::size_t count) noexcept { open_.store(count, std::memory_order_relaxed); }
  void note_failure(std::string why) {
    std::lock_guard held(last_);
    ++failed_;
    last_failure_ = std::move(why);
  }

  // -- from any thread ------------------------------------------------------------------------
  /// Where, once it does.
  std::optional<forward_endpoint> listening() const {
    if (!is_listening_.load(std::memory_order_acquire)) return std::nullopt;
    return at_;
  }
  forward_counts counts() const {
    forward_counts now;
    now.opened = opened_.load(std::memory_order_relaxed);
    now.open = open_.load(std::memory_order_relaxed);
    now.bytes_there = traffic.up.load(std::memory_order_relaxed);
    now.bytes_back = traffic.down.load(std::memory_order_relaxed);
    std::lock_guard held(last_);
    now.failed = failed_;
    now.last_failure = last_failure_;
    return now;
  }

  const forward_plan plan;
  forward_traffic traffic;

 private:
  std::optional<forward_endpoint> at_;  // fixed once is_listening_
  std::atomic<bool> is_listening_{false};
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> open_{0};
  mutable std::mutex last_;
  std::uint64_t failed_ = 0;
  std::string last_failure_;
  list_node waiters_;  // the loop's
};

}  // namespace execo::detail
