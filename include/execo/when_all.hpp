/// when_all: several operations at once, all or the first failure.
#pragma once

#include <tuple>
#include <vector>

#include "execo/detail/group.hpp"

namespace execo {
namespace detail {

template <class... T>
class when_all_op final : private child_group {
 public:
  explicit when_all_op(child<T>... children) : children_(std::move(children)...) {}
  /// Pre: not awaited yet.
  when_all_op(when_all_op&& other) noexcept
      : child_group(), children_(std::move(other.children_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting.promise()));
  }
  std::tuple<T...> await_resume() {
    if (first_error_) std::rethrow_exception(first_error_);
    return std::apply([](auto&... c) { return std::tuple<T...>(std::move(*c.promise().value)...); },
                      children_);
  }

 private:
  void on_begin() override {
    std::size_t index = 0;
    std::apply([&](auto&... c) { (start_child(c.handle(), c.promise(), index++), ...); },
               children_);
  }
  void on_child_done(std::size_t index, bool failed) noexcept override {
    if (!failed || first_error_) return;
    std::size_t i = 0;
    std::apply(
        [&](auto&... c) {
          ((i++ == index ? void(first_error_ = c.promise().error) : void()), ...);
        },
        children_);
    stop().request();
  }

  std::tuple<child<T>...> children_;
  std::exception_ptr first_error_;
};

template <class T>
class when_all_range_op final : private child_group {
 public:
  explicit when_all_range_op(std::vector<child<T>> children) : children_(std::move(children)) {}
  /// Pre: not awaited yet.
  when_all_range_op(when_all_range_op&& other) noexcept
      : child_group(), children_(std::move(other.children_)) {}

  bool await_ready() const noexcept { return children_.empty(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting.promise()));
  }
  std::vector<T> await_resume() {
    if (first_error_) std::rethrow_exception(first_error_);
    std::vector<T> values;
    values.reserve(children_.size());
    for (auto& c : children_) values.push_back(std::move(*c.promise().value));
    return values;
  }

 private:
  void on_begin() override {
    for (std::size_t i = 0; i < children_.size(); ++i)
      start_child(children_[i].handle(), children_[i].promise(), i);
  }
  void on_child_done(std::size_t index, bool failed) noexcept override {
    if (!failed || first_error_) return;
    first_error_ = children_[index].promise().error;
    stop().request();
  }

  std::vector<child<T>> children_;
  std::exception_ptr first_error_;
};

}  // namespace detail

/// Awaits all of the operations, started in order, and gives their values as a tuple (void as
/// std::monostate).
///
/// Stop: every operation is asked to stop; all are joined.
/// Resumes: on the awaiting coroutine's loop, after the last one.
/// Throws: the first exception, once the others were asked to stop and have ended.
template <awaitable... Op>
[[nodiscard]] auto when_all(Op... ops) {
  return detail::when_all_op<detail::child_value_t<Op>...>(detail::make_child(std::move(ops))...);
}

/// The same for a vector of operations of one type; gives a vector in the same order.
template <awaitable Op>
[[nodiscard]] auto when_all(std::vector<Op> ops) {
  using value = detail::child_value_t<Op>;
  std::vector<detail::child<value>> children;
  children.reserve(ops.size());
  for (auto& op : ops) children.push_back(detail::make_child(std::move(op)));
  return detail::when_all_range_op<value>(std::move(children));
}

}  // namespace execo
