/// host_rewrite: from the name of a host to the address that its connection goes to.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "execo/host.hpp"

namespace execo {

/// Maps a host, as the user names it, to the host that is connected to: `n1` to
/// `n1.site.example`, to an address, to another port. Copies share the function, and are equal to
/// each other only.
class host_rewrite {
 public:
  /// Empty: every host is connected to as it is named.
  host_rewrite() = default;
  /// `from` takes a const host& and returns a host, or its text. It may be called on several
  /// threads at a time.
  template <std::invocable<const host&> Function>
  requires(!std::same_as<std::remove_cvref_t<Function>, host_rewrite>) &&
      std::convertible_to<std::invoke_result_t<const Function&, const host&>, host> host_rewrite(
          Function from)
      : from_(std::make_shared<const std::function<host(const host&)>>(
            [from = std::move(from)](const host& named) -> host { return from(named); })) {}

  explicit operator bool() const noexcept { return from_ != nullptr; }
  /// The host itself without a function.
  host operator()(const host& named) const { return from_ ? (*from_)(named) : named; }

  friend bool operator==(const host_rewrite&, const host_rewrite&) = default;

 private:
  std::shared_ptr<const std::function<host(const host&)>> from_;
};

}  // namespace execo
