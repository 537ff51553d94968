/// when_any: the first of several operations; the others are stopped and joined.
#pragma once

#include <concepts>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "execo/detail/group.hpp"
#include "execo/detail/source.hpp"

namespace execo {

/// Which operation came first, and its value: one `T` if all have that type, else a variant with
/// one alternative for each operation.
template <class T>
class any_result {
 public:
  any_result() requires std::default_initializable<T> : value() {}
  any_result(std::size_t i, T v) : index(i), value(std::move(v)) {}
  std::size_t index = 0;
  T value;
};

namespace detail {

template <class First, class... Rest>
struct any_value {
  using type =
      std::conditional_t<(std::is_same_v<First, Rest> && ...), First, std::variant<First, Rest...>>;
};

class when_any_group : protected child_group {
 protected:
  static constexpr child_index none = static_cast<child_index>(-1);
  /// Whether this one, which has ended, is the first.
  bool wins(child_index index) noexcept {
    if (winner_ != none) return false;
    winner_ = index;
    stop().request();
    return true;
  }
  child_index winner_ = none;
};

template <class... T>
class when_any_op final : private when_any_group {
 public:
  using value_type = typename any_value<value_or_monostate<T>...>::type;
  explicit when_any_op(child<T>... children) : children_(std::move(children)...) {}
  /// Pre: not awaited yet.
  when_any_op(when_any_op&& other) noexcept
      : when_any_group(), children_(std::move(other.children_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting));
  }
  any_result<value_type> await_resume() { return take<0>(); }

 private:
  bool cancelled() const noexcept override {
    child_index index = 0;
    bool found = false;
    std::apply(
        [&](auto&... c) {
          ((found = found || (index++ == winner_ && is_cancelled(c.error()))), ...);
        },
        children_);
    return found;
  }
  void on_begin() noexcept override {
    child_index index = 0;
    std::apply([&](auto&... c) { (start_child(c, index++), ...); }, children_);
  }
  void on_child_done(child_index index, bool) noexcept override {
    child_index i = 0;
    std::apply([&](auto&... c) { ((i++ == index ? c.finish() : void()), ...); }, children_);
    wins(index);
  }
  template <std::size_t I>
  any_result<value_type> take() {
    if constexpr (I + 1 < sizeof...(T)) {
      if (winner_ != I) return take<I + 1>();
    }
    auto& winner = std::get<I>(children_);
    if constexpr ((std::is_same_v<value_type, value_or_monostate<T>> && ...)) {
      return any_result<value_type>(I, winner.take());
    } else {
      return any_result<value_type>(I, value_type(std::in_place_index<I>, winner.take()));
    }
  }

  std::tuple<kept_child<T>...> children_;
};

template <class T>
class when_any_range_op final : private when_any_group {
  using value = value_or_monostate<T>;

 public:
  explicit when_any_range_op(std::vector<child<T>> children) : children_(std::move(children)) {}
  /// Pre: not awaited yet.
  when_any_range_op(when_any_range_op&& other) noexcept
      : when_any_group(), children_(std::move(other.children_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting));
  }
  any_result<value> await_resume() {
    if (error_) std::rethrow_exception(error_);
    return any_result<value>(winner_, std::move(*value_));
  }

 private:
  bool cancelled() const noexcept override { return is_cancelled(error_); }
  void on_begin() noexcept override {
    for (std::size_t i = 0; i < children_.size(); ++i)
      start_child(children_[i], static_cast<child_index>(i));
  }
  void on_child_done(child_index index, bool) noexcept override {
    if (wins(index)) {
      error_ = children_[index].finish(value_);
    } else {
      children_[index].reset();
    }
  }

  std::vector<child<T>> children_;
  std::optional<value> value_;
  std::exception_ptr error_;
};

}  // namespace detail

/// Awaits the first operation to end, asks the others to stop, and joins them: when it resumes,
/// nothing it started is left.
///
/// What the others gave or threw is dropped, also if they completed in the same turn of the loop as
/// the first: a loser that takes an element out of something, as next() and receive() do, may have
/// taken it for nothing. Where that matters, await the taking one under timeout(), which drops
/// nothing, or take from one channel that several operations send to.
///
/// Stop: every operation is asked to stop; all are joined.
/// Resumes: on the awaiting coroutine's loop, after the last one has ended.
/// Throws: what the first one threw.
template <awaitable... Op>
requires(sizeof...(Op) > 0) [[nodiscard]] auto when_any(Op... ops) {
  return detail::when_any_op<detail::task_value_t<Op>...>(detail::make_child(std::move(ops))...);
}

/// The same for a vector of operations of one type.
/// Throws: std::invalid_argument at the call if there is none.
template <awaitable Op>
[[nodiscard]] auto when_any(std::vector<Op>&& ops) {
  if (ops.empty()) throw std::invalid_argument("when_any of no operation would never end");
  using value = detail::task_value_t<Op>;
  std::vector<detail::child<value>> children;
  children.reserve(ops.size());
  for (auto& op : ops) children.push_back(detail::make_child(std::move(op)));
  return detail::when_any_range_op<value>(std::move(children));
}
template <awaitable Op>
[[nodiscard]] auto when_any(const std::vector<Op>& ops) {
  return when_any(detail::copy_of(ops));
}

}  // namespace execo
