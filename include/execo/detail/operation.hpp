// The base of every execo awaiter that is not a coroutine. It decides, once for all of them, on
// which thread things happen: on_start, on_stop and complete() run on the work loop; the awaiting
// coroutine resumes on its own loop, or inline when it has none.
#pragma once

#include <cassert>
#include <coroutine>

#include "execo/awaitable.hpp"
#include "execo/detail/affinity.hpp"
#include "execo/detail/cross_loop_stop.hpp"
#include "execo/detail/live.hpp"
#include "execo/detail/node.hpp"
#include "execo/detail/stop.hpp"

namespace execo::detail {

class operation : public affine_awaiter {
 public:
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    suspend(awaiting, env_of(awaiting));
  }

 protected:
  explicit operation(loop* work = nullptr) noexcept;
  /// Pre: not awaited yet.
  operation(operation&& other) noexcept : operation(other.work_) { assert(!other.awaiting_); }
  virtual ~operation() = default;

  /// When it is awaited, on the awaiting thread: gives the loop of the work.
  /// Throws: what then comes out of the co_await.
  virtual loop& bind(loop* affinity);
  /// Begins the work. `stopped`: a stop had been requested already; then complete at once.
  virtual void on_start(bool stopped) noexcept = 0;
  /// A stop was requested; leads to complete().
  virtual void on_stop() noexcept = 0;
  /// From on_stop: the work was over already, though complete() has not been called yet.
  void stop_missed() noexcept { stop_acts_ = false; }
  /// Pre: a stop was requested.
  stop_kind kind_of_stop() const noexcept { return stop_kind_; }
  /// Whether await_resume() will throw operation_cancelled. After complete().
  virtual bool cancelled() const noexcept { return false; }
  /// What is waited for, a literal, for context::dump().
  virtual const char* what() const noexcept { return "an operation"; }
  /// The work is over and nothing refers to this object any more: the coroutine resumes.
  void complete() noexcept;

  loop& work() const noexcept { return *work_; }

 private:
  void suspend(std::coroutine_handle<> awaiting, const env& where);
  void dispatch() noexcept;
  void attach_stop() noexcept;
  void begin() noexcept;
  void stop_now(stop_kind kind) noexcept;
  void arrive() noexcept;

  void on_stop_request(stop_kind kind) noexcept;
  void on_stop_arrived() noexcept;

  loop* work_;
  loop* affinity_ = nullptr;    // of the awaiting coroutine; null: resume inline
  stop_state* stop_ = nullptr;  // of the awaiting coroutine, lives on its loop
  std::coroutine_handle<> awaiting_;
  live_node live_;
  queue_node step_;
  stop_hook hook_;            // on the own loop
  cross_loop_stop crossing_;  // to the work loop, if that is another one
  const foreign_adapter_functions* adapter_ = nullptr;
  void* adapter_state_ = nullptr;  // the adapter's
  stop_kind stop_kind_ = stop_kind::end;
  bool stopped_early_ = false;
  bool completed_ = false;  // on the work loop
  bool stop_sent_ = false;  // to another loop
  bool stop_acts_ = false;  // it found the work unfinished
};

}  // namespace execo::detail
