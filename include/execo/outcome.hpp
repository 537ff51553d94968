/// outcome<T>: how an operation ended, as a value.
#pragma once

#include <exception>
#include <stdexcept>
#include <utility>
#include <variant>

namespace execo {

/// What an operation gave, or what it threw. A void operation gives std::monostate.
template <class T>
class outcome {
 public:
  /// Of an operation that has not ended: neither value nor error.
  outcome() noexcept = default;
  explicit outcome(T value) : state_(std::in_place_index<1>, std::move(value)) {}
  explicit outcome(std::exception_ptr error) noexcept
      : state_(std::in_place_index<0>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 1; }

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

}  // namespace execo
