/// as_completed: the outcomes of many operations in the order in which they end.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "execo/completions.hpp"
#include "execo/detail/limited_group.hpp"

namespace execo {

namespace detail {

template <class Source, class Body>
class [[nodiscard]] as_completed_op final
    : private source_group<Source>,
      private completions<child_value_t<typename Source::op>> {
  using group = source_group<Source>;
  using typename group::value;
  using outcomes = completions<value>;
  using body_op = std::invoke_result_t<Body&, outcomes&>;
  using body_value = child_value_t<body_op>;
  // Not one of the slots of the group.
  static constexpr child_index body_index = static_cast<child_index>(-1);

 public:
  as_completed_op(Source source, Body body) : group(std::move(source)), body_(std::move(body)) {}
  /// Pre: not awaited yet.
  as_completed_op(as_completed_op&& other) noexcept
      : group(std::move(other)), outcomes(), body_(std::move(other.body_)) {}

  /// At most `n` operations run or have an outcome that was not taken yet.
  /// Throws: std::invalid_argument if `n` is 0.
  as_completed_op max_in_flight(std::size_t n) && {
    this->set_limit(n);
    return std::move(*this);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    this->begin(awaiting, env_of(awaiting));
  }
  body_value await_resume() {
    if (error_) std::rethrow_exception(error_);
    return running_body_->take();
  }

 private:
  bool cancelled() const noexcept override {
    return is_cancelled(error_ ? error_ : running_body_->error());
  }
  void on_begin() noexcept override {
    try {
      running_body_.emplace(make_child(body_(static_cast<outcomes&>(*this))));
    } catch (...) {
      error_ = std::current_exception();
      return;
    }
    this->open();
    this->start_child(*running_body_, body_index);
  }
  void on_child_done(child_index index, bool failed) noexcept override {
    if (index != body_index) return group::on_child_done(index, failed);
    running_body_->finish();
    // The rest is not needed any more.
    body_done_ = true;
    this->stop().request();
    this->abandon();
  }
  void on_start(std::size_t) override { this->make_room(this->running()); }
  void on_outcome(std::size_t position, outcome<value>&& end) noexcept override {
    if (body_done_) {
      this->release_slot();
    } else {
      this->add(position, std::move(end));
    }
    finish_if_last();
  }
  // The others go on; the exception comes after their outcomes.
  void on_source_failed(std::exception_ptr error) noexcept override {
    source_error_ = std::move(error);
  }
  void on_truncated() noexcept override {}
  void on_exhausted() noexcept override {
    exhausted_ = true;
    finish_if_last();
  }
  void finish_if_last() noexcept {
    if (exhausted_ && this->running() == 0) this->finish(std::exchange(source_error_, nullptr));
  }
  loop& where() const noexcept override { return this->affinity(); }
  void on_taken() noexcept override { this->release_slot(); }

  Body body_;
  std::optional<kept_child_t<body_op>> running_body_;
  std::exception_ptr error_;
  std::exception_ptr source_error_;
  bool exhausted_ = false;
  bool body_done_ = false;
};

}  // namespace detail

/// Runs many operations at once and calls `body(completions<T>&)`, which returns an awaitable and
/// takes the outcomes as they come. When the body has ended, the remaining operations are stopped
/// and joined, so nothing is ever abandoned. Returns the body's value (void as
/// std::monostate).
///
/// The operations are given as to when_all: a vector, a range or a function. With
/// `.max_in_flight(n)` at most `n` run or have an outcome that waits: a slow body slows them.
/// Name a lambda with captures and pass it with std::move.
///
/// Stop: the body and every operation are asked to stop; all are joined.
/// Resumes: on the awaiting coroutine's loop, after the last one.
/// Throws: what the body threw. The operations' exceptions are outcomes.
template <awaitable Op, class Body>
[[nodiscard]] auto as_completed(std::vector<Op>&& ops, Body body) {
  using source = detail::vector_source<Op>;
  return detail::as_completed_op<source, Body>(source(std::move(ops)), std::move(body));
}
template <awaitable Op, class Body>
[[nodiscard]] auto as_completed(const std::vector<Op>& ops, Body body) {
  return as_completed(detail::copy_of(ops), std::move(body));
}

template <detail::op_source Source, class Body>
[[nodiscard]] auto as_completed(Source source, Body body) {
  using taken = decltype(detail::make_source(std::move(source)));
  return detail::as_completed_op<taken, Body>(detail::make_source(std::move(source)),
                                              std::move(body));
}

}  // namespace execo
