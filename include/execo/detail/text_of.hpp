// How values are printed: by describe(), else to_string(), whichever they have. Streams are named
// alone here: who prints to one has included <ostream>, and pays for it.
#pragma once

#include <concepts>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>

#include "execo/detail/compiler.hpp"

namespace execo {
namespace detail {

template <class T>
concept described = requires(const T& value) {
  { value.describe() } -> std::convertible_to<std::string_view>;
};
template <class T>
concept has_text = requires(const T& value) {
  { value.to_string() } -> std::convertible_to<std::string_view>;
};
template <class T>
concept named_value = std::is_enum_v<T> && requires(T value) {
  { to_string(value) } -> std::convertible_to<std::string_view>;
};

/// A value of execo's that has a text.
template <class T>
concept printed = described<T> || has_text<T> || named_value<T>;

template <printed T>
std::string text_of(const T& value) {
  if constexpr (described<T>) {
    return std::string(value.describe());
  } else if constexpr (has_text<T>) {
    return std::string(value.to_string());
  } else {
    return std::string(to_string(value));
  }
}

}  // namespace detail

/// Writes the text of a value: a result, a host, a set of hosts, an end_reason, ...
template <detail::printed T>
std::ostream& operator<<(std::ostream& to, const T& value) {
  return to << detail::text_of(value);
}

}  // namespace execo
