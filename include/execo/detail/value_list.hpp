// How the values of a substitution are given: in braces, or in a range of texts, numbers or hosts.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "execo/command.hpp"
#include "execo/detail/words.hpp"
#include "execo/host.hpp"
#include "execo/host_set.hpp"
#include "execo/target.hpp"

namespace execo::detail {

/// What std::integral has besides numbers.
template <class T>
concept character_or_truth = std::same_as<T, bool> || std::same_as<T, char> ||
    std::same_as<T, signed char> || std::same_as<T, unsigned char> || std::same_as<T, wchar_t> ||
    std::same_as<T, char8_t> || std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept number_like = std::is_arithmetic_v<T> && !character_or_truth<T>;

template <class T>
concept value_like = text_like<T> || number_like<T> || std::same_as<T, host>;

template <class R>
concept value_range = !text_like<R> && requires(const R& range) {
  requires value_like<std::remove_cvref_t<decltype(*std::begin(range))>>;
  std::end(range);
};

/// Values as text, in order. A host is its name; a text alone is one value.
class value_list {
 public:
  template <value_like... Value>
  requires(sizeof...(Value) > 0)
      value_list(const Value&... each) {  // NOLINT(google-explicit-constructor)
    texts_.reserve(sizeof...(Value));
    (add(each), ...);
  }
  value_list(const host_set& names);  // NOLINT(google-explicit-constructor)
  template <value_range Range>
  value_list(const Range& range) {  // NOLINT(google-explicit-constructor)
    for (const auto& each : range) add(each);
  }

  const std::vector<std::string>& texts() const noexcept { return texts_; }
  std::vector<std::string> take() && noexcept { return std::move(texts_); }
  /// Some of them are names of hosts: foreign text.
  bool has_hosts() const noexcept { return has_hosts_; }

 private:
  template <value_like Value>
  void add(const Value& one) {
    if constexpr (text_like<Value>) {
      texts_.emplace_back(std::string_view(one));
    } else if constexpr (std::same_as<Value, host>) {
      add_host(one);
    } else if constexpr (std::is_floating_point_v<Value>) {
      add_number(static_cast<double>(one));
    } else if constexpr (std::is_signed_v<Value>) {
      texts_.push_back(std::to_string(static_cast<std::int64_t>(one)));
    } else {
      texts_.push_back(std::to_string(static_cast<std::uint64_t>(one)));
    }
  }
  void add_host(const host& one);
  void add_number(double n);

  std::vector<std::string> texts_;
  bool has_hosts_ = false;
};

/// A function of the caller's that returns the command of a host: a command, or its text or words.
template <class Make>
concept makes_commands = std::copy_constructible<Make> &&
    requires(Make& make, const target& where) {
  command(make(where));
};

using command_maker = std::function<command(const target&)>;

}  // namespace execo::detail
