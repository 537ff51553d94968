/// outcome<T>: how an operation ended, as a value.
#pragma once

#include <exception>
#include <stdexcept>
#include <utility>
#include <variant>

#include "execo/awaitable.hpp"

namespace execo {

/// What an operation returned, or what it threw. Combinators use std::monostate for a void
/// operation, start uses outcome<void>.
template <class T>
class outcome {
 public:
  /// Of an operation that has not ended: neither value nor error.
  outcome() noexcept = default;
  explicit outcome(T value) : state_(std::in_place_index<1>, std::move(value)) {}
  explicit outcome(std::exception_ptr error) noexcept
      : state_(std::in_place_index<0>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 1; }
  explicit operator bool() const noexcept { return has_value(); }
  /// A wait that was stopped: the error is operation_cancelled. A process that was stopped has a
  /// value, its result, that says `cancelled`.
  bool cancelled() const noexcept { return detail::is_cancelled(error()); }

  /// Throws: what the operation threw.
  T& value() & {
    check();
    return *std::get_if<1>(&state_);
  }
  const T& value() const& {
    check();
    return *std::get_if<1>(&state_);
  }
  T&& value() && {
    check();
    return std::move(*std::get_if<1>(&state_));
  }

  /// Null if there is a value.
  std::exception_ptr error() const noexcept {
    const std::exception_ptr* error = std::get_if<0>(&state_);
    return error != nullptr ? *error : std::exception_ptr();
  }

 private:
  void check() const {
    if (has_value()) return;
    if (std::exception_ptr e = error()) std::rethrow_exception(e);
    throw std::logic_error("the value of an operation that has not ended");
  }

  std::variant<std::exception_ptr, T> state_;
};

template <>
class outcome<void> {
 public:
  outcome() noexcept = default;
  explicit outcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}

  bool has_value() const noexcept { return error_ == nullptr; }
  explicit operator bool() const noexcept { return has_value(); }
  bool cancelled() const noexcept { return detail::is_cancelled(error_); }
  /// Throws: what the operation threw.
  void value() const {
    if (error_) std::rethrow_exception(error_);
  }
  /// Null if it did not throw.
  std::exception_ptr error() const noexcept { return error_; }

 private:
  std::exception_ptr error_;
};

}  // namespace execo
