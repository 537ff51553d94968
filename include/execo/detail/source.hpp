// Where the operations of a combinator over many come from: a vector, a range that makes them as it
// goes, or a function that makes one at each call. They are taken one by one, so that a million
// need not exist at once.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "execo/awaitable.hpp"

namespace execo::detail {

template <class T>
struct optional_of {};
template <class T>
struct optional_of<std::optional<T>> {
  using type = T;
};

/// f() gives std::optional<Op>, empty at the end.
template <class F>
concept op_maker = std::invocable<F&> &&
    awaitable<typename optional_of<std::remove_cvref_t<std::invoke_result_t<F&>>>::type>;

/// Its elements are made when they are looked at, as those of a transform_view.
template <class R>
concept op_range =
    std::ranges::input_range<R> && !std::is_reference_v<std::ranges::range_reference_t<R>> &&
    awaitable<std::ranges::range_value_t<R>>;

template <class S>
concept op_source = (op_maker<S> || op_range<S>)&&!awaitable<S>;

/// A vector that is given by name: copied if its operations can be.
template <class Op>
std::vector<Op> copy_of(const std::vector<Op>& ops) {
  static_assert(std::copy_constructible<Op>,
                "these operations cannot be copied: pass the vector with std::move(ops)");
  if constexpr (std::copy_constructible<Op>) {
    return ops;
  } else {
    return {};
  }
}

template <class Op>
class vector_source {
 public:
  using op = Op;
  explicit vector_source(std::vector<Op> ops) noexcept : ops_(std::move(ops)) {}
  std::optional<Op> next() {
    if (next_ == ops_.size()) return std::nullopt;
    return std::optional<Op>(std::in_place, std::move(ops_[next_++]));
  }
  std::size_t left() const noexcept { return ops_.size() - next_; }

 private:
  std::vector<Op> ops_;
  std::size_t next_ = 0;
};

template <class F>
class maker_source {
 public:
  using op = typename optional_of<std::remove_cvref_t<std::invoke_result_t<F&>>>::type;
  explicit maker_source(F make) : make_(std::move(make)) {}
  std::optional<op> next() { return make_(); }
  /// How many it would still make is not known.
  std::size_t left() const noexcept { return 0; }

 private:
  F make_;
};

template <class R>
class range_source {
 public:
  using op = std::ranges::range_value_t<R>;
  explicit range_source(R range) : range_(std::move(range)) {}
  /// Pre: next() not called yet.
  range_source(range_source&& other) : range_(std::move(other.range_)) { assert(!other.at_); }
  std::optional<op> next() {
    if (!at_) {
      at_.emplace(std::ranges::begin(range_));
    } else {
      ++*at_;
    }
    if (*at_ == std::ranges::end(range_)) return std::nullopt;
    ++taken_;
    return std::optional<op>(std::in_place, **at_);
  }
  std::size_t left() const {
    if constexpr (std::ranges::sized_range<const R>) {
      return static_cast<std::size_t>(std::ranges::size(range_)) - taken_;
    } else {
      return 0;
    }
  }

 private:
  R range_;
  std::optional<std::ranges::iterator_t<R>> at_;
  std::size_t taken_ = 0;
};

template <class S>
auto make_source(S source) {
  if constexpr (op_range<S>) {
    return range_source<S>(std::move(source));
  } else {
    return maker_source<S>(std::move(source));
  }
}

}  // namespace execo::detail
