/// when_all and when_all_settled: several operations at once.
#pragma once

#include <tuple>
#include <vector>

#include "execo/detail/limited_group.hpp"

namespace execo {
namespace detail {

template <class... T>
class settled_op : protected child_group {
 public:
  explicit settled_op(child<T>... children) noexcept : children_(std::move(children)...) {}
  /// Pre: not awaited yet.
  settled_op(settled_op&& other) noexcept : child_group(), children_(std::move(other.children_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting));
  }
  auto await_resume() {
    return std::apply(
        [](auto&... c) { return std::tuple<outcome<value_or_monostate<T>>...>(ended(c)...); },
        children_);
  }

 protected:
  void on_child_done(child_index index, bool) noexcept override {
    child_index i = 0;
    std::apply([&](auto&... c) { ((i++ == index ? c.finish() : void()), ...); }, children_);
  }
  std::tuple<kept_child<T>...> children_;

 private:
  template <class U>
  static auto ended(kept_child<U>& c) {
    using ending = outcome<value_or_monostate<U>>;
    if (c.error()) return ending(c.error());
    return ending(c.take());
  }
  void on_begin() noexcept override {
    child_index index = 0;
    std::apply([&](auto&... c) { (start_child(c, index++), ...); }, children_);
  }
};

template <class... T>
class when_all_op final : private settled_op<T...> {
 public:
  using settled_op<T...>::settled_op;
  using settled_op<T...>::await_ready;
  using settled_op<T...>::await_suspend;
  /// Pre: not awaited yet.
  when_all_op(when_all_op&& other) noexcept : settled_op<T...>(std::move(other)) {}

  auto await_resume() {
    if (first_error_) std::rethrow_exception(first_error_);
    return std::apply([](auto&... c) { return std::tuple<value_or_monostate<T>...>(c.take()...); },
                      this->children_);
  }

 private:
  bool cancelled() const noexcept override { return is_cancelled(first_error_); }
  void on_child_done(child_index index, bool failed) noexcept override {
    settled_op<T...>::on_child_done(index, failed);
    if (first_error_) return;
    child_index i = 0;
    std::apply([&](auto&... c) { ((i++ == index ? void(first_error_ = c.error()) : void()), ...); },
               this->children_);
    if (first_error_) this->stop().request();
  }

  std::exception_ptr first_error_;
};

/// Over many. `Settled`: outcomes instead of values, and no failure stops the others.
template <class Source, bool Settled>
class [[nodiscard]] when_all_range_op final : private source_group<Source> {
  using group = source_group<Source>;
  using typename group::value;
  using element = std::conditional_t<Settled, outcome<value>, value>;

 public:
  explicit when_all_range_op(Source source) : group(std::move(source)) {}
  /// Pre: not awaited yet.
  when_all_range_op(when_all_range_op&& other) noexcept : group(std::move(other)) {}

  /// At most `n` at a time: the next one is taken and started when one ends. After a stop or a
  /// failure what was not started stays so: without an exception of another's that is
  /// operation_cancelled.
  /// Throws: std::invalid_argument if `n` is 0.
  when_all_range_op max_in_flight(std::size_t n) && {
    this->set_limit(n);
    return std::move(*this);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    this->begin(awaiting, env_of(awaiting));
  }
  std::vector<element> await_resume() {
    if (error_) std::rethrow_exception(error_);
    if constexpr (Settled) {
      return std::move(ends_);
    } else {
      std::vector<value> values;
      values.reserve(ends_.size());
      for (auto& end : ends_) values.push_back(std::move(end).value());
      return values;
    }
  }

 private:
  bool cancelled() const noexcept override { return is_cancelled(error_); }
  void on_begin() noexcept override {
    try {
      ends_.reserve(this->source().left());
    } catch (...) {
      // Then it grows as they are started, or one of them finds no room.
    }
    this->open();
  }
  void on_start(std::size_t) override { ends_.emplace_back(); }
  void on_outcome(std::size_t position, outcome<value>&& end) noexcept override {
    if (!Settled && !end.has_value()) fail(end.error());
    ends_[position] = std::move(end);
    this->release_slot();
  }
  void on_source_failed(std::exception_ptr error) noexcept override { fail(std::move(error)); }
  void on_truncated() noexcept override {
    const std::exception_ptr cancelled = std::make_exception_ptr(operation_cancelled());
    if constexpr (Settled) {
      try {
        for (std::size_t n = this->source().left(); n > 0; --n) ends_.emplace_back(cancelled);
      } catch (...) {
        fail(std::current_exception());
      }
    } else {
      fail(cancelled);
    }
  }
  void fail(std::exception_ptr error) noexcept {
    if (error_) return;
    error_ = std::move(error);
    this->stop().request();
  }

  std::vector<outcome<value>> ends_;
  std::exception_ptr error_;
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
  return detail::when_all_op<detail::task_value_t<Op>...>(detail::make_child(std::move(ops))...);
}

/// The same for a vector of operations of one type; gives a vector in the same order. With
/// `.max_in_flight(n)` only that many run at a time: `co_await when_all(std::move(ops))
/// .max_in_flight(16)`.
template <awaitable Op>
[[nodiscard]] auto when_all(std::vector<Op>&& ops) {
  using source = detail::vector_source<Op>;
  return detail::when_all_range_op<source, false>(source(std::move(ops)));
}
template <awaitable Op>
[[nodiscard]] auto when_all(const std::vector<Op>& ops) {
  return when_all(detail::copy_of(ops));
}

/// The same for operations that are made as they are needed: by a function that gives
/// `std::optional<Op>`, empty at the end, or by a range such as
/// `std::views::iota(0, 1'000'000) | std::views::transform(make)`. They are made on the loop; with
/// `.max_in_flight(n)` no more than `n` exist at once.
///
/// Throws: also what the function or the range threw, like a failed operation.
template <detail::op_source Source>
[[nodiscard]] auto when_all(Source source) {
  using taken = decltype(detail::make_source(std::move(source)));
  return detail::when_all_range_op<taken, false>(detail::make_source(std::move(source)));
}

/// As when_all, but a failure stops none of the others: gives an outcome for each operation, its
/// value or its exception.
///
/// Stop: every operation is asked to stop; all are joined. What they gave or threw then is their
/// outcome; operation_cancelled is that of the ones `.max_in_flight(n)` had not started, as far as
/// the range knows their number.
/// Resumes: on the awaiting coroutine's loop, after the last one.
/// Throws: only what a function or range that makes the operations threw.
template <awaitable... Op>
[[nodiscard]] auto when_all_settled(Op... ops) {
  return detail::settled_op<detail::task_value_t<Op>...>(detail::make_child(std::move(ops))...);
}

template <awaitable Op>
[[nodiscard]] auto when_all_settled(std::vector<Op>&& ops) {
  using source = detail::vector_source<Op>;
  return detail::when_all_range_op<source, true>(source(std::move(ops)));
}
template <awaitable Op>
[[nodiscard]] auto when_all_settled(const std::vector<Op>& ops) {
  return when_all_settled(detail::copy_of(ops));
}

template <detail::op_source Source>
[[nodiscard]] auto when_all_settled(Source source) {
  using taken = decltype(detail::make_source(std::move(source)));
  return detail::when_all_range_op<taken, true>(detail::make_source(std::move(source)));
}

}  // namespace execo
