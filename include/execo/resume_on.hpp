/// resume_on and on: where a coroutine goes on, and where an operation runs.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include "execo/context.hpp"
#include "execo/detail/delegate.hpp"
#include "execo/detail/group.hpp"
#include "execo/detail/operation.hpp"

namespace execo {
namespace detail {

/// A context, or what names its loop by a `loop_of` of its own that lookup by argument finds.
template <class Place>
concept loop_place = requires(Place& place) {
  { loop_of(place) } -> std::same_as<loop&>;
};

template <loop_place Place>
loop& loop_at(Place& place) noexcept {
  return loop_of(place);
}

template <class Place>
concept executes = requires(Place& place, std::function<void()> work) {
  place.execute(work);
};

template <class Place>
concept posts = requires(Place& place, std::function<void()> work) {
  place.post(work);
};

template <class Place>
concept schedules = requires(Place& place) {
  place.schedule();
};

/// Of another library: it runs functions, or has a schedule() that gives an awaitable or a sender.
template <class Place>
concept foreign_place = executes<Place> || posts<Place> || schedules<Place>;

/// What an executor runs: two pointers, so that even a std::function holds it without allocating.
class resumption {
 public:
  explicit resumption(std::coroutine_handle<> to) noexcept : to_(to) {}
  void operator()() const { to_.resume(); }

 private:
  std::coroutine_handle<> to_;
};

/// An executor that cannot be copied.
template <class Place>
class executor_ref {
 public:
  explicit executor_ref(Place& place) noexcept : place_(&place) {}
  template <class Work>
  void execute(Work work) const requires(executes<Place> || posts<Place>) {
    if constexpr (executes<Place>) {
      place_->execute(std::move(work));
    } else {
      place_->post(std::move(work));
    }
  }
  auto schedule() const requires(!executes<Place> && !posts<Place>) { return place_->schedule(); }

 private:
  Place* place_;
};

/// Goes where `there` leads, then resumes another coroutine; here, if that throws.
template <class Reschedule>
foreign_adapter resume_after(Reschedule there, std::coroutine_handle<> to,
                             std::exception_ptr& refused) {
  try {
    if constexpr (requires { there.await_ready(); }) {
      co_await there;
    } else {
      co_await std::move(there);
    }
  } catch (...) {
    refused = std::current_exception();
  }
  co_return to;
}

/// Joins one child on its own loop, then resumes the parent elsewhere.
class resume_elsewhere : protected child_group {
 protected:
  resume_elsewhere() noexcept = default;
  /// On the own loop, outside the child. Last: the parent may be gone when it returns.
  virtual void resume_at_place(std::coroutine_handle<> parent) = 0;

  queue_node step_;
  std::exception_ptr refused_;

 private:
  void leave() noexcept;
  std::coroutine_handle<> on_joined(std::coroutine_handle<> awaiting) noexcept final;
  std::coroutine_handle<> parent_;
};

template <class T, class Place>
class resume_on_op final : private resume_elsewhere {
 public:
  resume_on_op(child<T> work, Place place) : work_(std::move(work)), place_(std::move(place)) {}
  /// Pre: not awaited yet.
  resume_on_op(resume_on_op&& other) noexcept
      : resume_elsewhere(), work_(std::move(other.work_)), place_(std::move(other.place_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting));
  }
  typename kept_child<T>::value await_resume() {
    if (refused_) std::rethrow_exception(refused_);
    return work_.take();
  }

 private:
  bool cancelled() const noexcept override { return !refused_ && is_cancelled(work_.error()); }
  void on_begin() noexcept override { start_child(work_, 0); }
  void on_child_done(child_index, bool) noexcept override { work_.finish(); }
  void resume_at_place(std::coroutine_handle<> parent) override {
    if constexpr (std::is_pointer_v<Place>) {
      step_.run = delegate<>::resuming(parent);
      post(*place_, step_);
    } else if constexpr (executes<Place>) {
      place_.execute(resumption(parent));
    } else if constexpr (posts<Place>) {
      place_.post(resumption(parent));
    } else {
      (void)resume_after(reschedule_to(place_), parent, refused_);
    }
  }

  kept_child<T> work_;
  Place place_;  // a loop*, or an executor
};

template <class T>
class on_op final : public operation {
 public:
  on_op(loop& place, child<T> work) noexcept
      : operation(&place), work_(std::move(work)), group_(delegate<>::to<&on_op::ended>(this)) {}
  /// Pre: not awaited yet.
  on_op(on_op&& other) noexcept
      : operation(std::move(other)),
        work_(std::move(other.work_)),
        group_(delegate<>::to<&on_op::ended>(this)) {}

  typename kept_child<T>::value await_resume() { return work_.take(); }

 private:
  void on_start(bool stopped) noexcept override {
    if (stopped) group_.request_stop(kind_of_stop());
    group_.start(work(), work_.handle(), work_.promise());
  }
  void on_stop() noexcept override {
    if (!group_.request_stop(kind_of_stop())) stop_missed();
  }
  bool cancelled() const noexcept override { return is_cancelled(work_.error()); }
  void ended() {
    work_.finish();
    complete();
  }

  kept_child<T> work_;
  detached_group group_;
};

}  // namespace detail

/// Awaits an operation and goes on at `place`: on the loop of a context, where an executor with
/// `execute(f)` or `post(f)` runs what it is given, or where the awaitable or sender that a
/// scheduler's `schedule()` gives leads. A copy of an executor or scheduler is kept, or a reference
/// to one that cannot be copied. The operation itself runs as if awaited alone. Gives its value
/// (void as std::monostate).
///
/// A coroutine of execo's is there for a stretch: from its next `co_await` that suspends it is on
/// its own loop again. Until then it leaves alone what belongs to that: scopes, stop requests,
/// local channels. A coroutine without a loop of its own stays.
///
/// A context costs nothing: no allocation. Whether an executor allocates is its own affair; what it
/// is given is one pointer large.
///
/// Pre: `place` runs what it is given until then.
/// Stop: the operation is asked to stop, and joined.
/// Resumes: at `place`.
/// Throws: what the operation threw, at `place`. What `execute`, `post` or `schedule` threw, on the
/// awaiting coroutine's loop.
template <awaitable Op, class Place>
requires(detail::loop_place<Place> || detail::foreign_place<Place>)
    [[nodiscard]] auto resume_on(Op op, Place& place) {
  using value = detail::task_value_t<Op>;
  if constexpr (detail::loop_place<Place>) {
    using op_type = detail::resume_on_op<value, detail::loop*>;
    return op_type(detail::make_child(std::move(op)), &detail::loop_at(place));
  } else {
    using kept = std::conditional_t<std::copy_constructible<std::remove_const_t<Place>>,
                                    std::remove_const_t<Place>, detail::executor_ref<Place>>;
    return detail::resume_on_op<value, kept>(detail::make_child(std::move(op)), kept(place));
  }
}

template <awaitable Op, class Place>
requires(!std::is_lvalue_reference_v<Place> && !detail::loop_place<Place> &&
         detail::foreign_place<Place>) [[nodiscard]] auto resume_on(Op op, Place&& place) {
  using value = detail::task_value_t<Op>;
  using op_type = detail::resume_on_op<value, std::remove_const_t<Place>>;
  return op_type(detail::make_child(std::move(op)), std::move(place));
}

/// At one ring of a context.
template <awaitable Op>
[[nodiscard]] auto resume_on(Op op, executor place) {
  using op_type = detail::resume_on_op<detail::task_value_t<Op>, detail::loop*>;
  return op_type(detail::make_child(std::move(op)), &loop_of(place));
}

/// Runs an operation on the loop of `place`, a context: a task and all that it awaits live there.
/// Gives its value (void as std::monostate).
///
/// Pre: `place` is driven until then, and outlives it.
/// Stop: is sent to `place`: the operation is asked to stop there, and joined.
/// Resumes: on the awaiting coroutine's own loop; at `place` if it has none.
/// Throws: what the operation threw.
/// Thread: the value crosses from one to the other.
template <detail::loop_place Place, awaitable Op>
[[nodiscard]] auto on(Place& place, Op op) {
  using value = detail::task_value_t<Op>;
  return detail::on_op<value>(detail::loop_at(place), detail::make_child(std::move(op)));
}

/// On one ring of a context.
template <awaitable Op>
[[nodiscard]] auto on(executor place, Op op) {
  using value = detail::task_value_t<Op>;
  return detail::on_op<value>(loop_of(place), detail::make_child(std::move(op)));
}

}  // namespace execo
