// Values of options, read and checked.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/choices.hpp"
#include "command_line/option_table.hpp"
#include "execo/printable.hpp"
#include "execo/time.hpp"

namespace execo::command_line {

/// "-p '0': why"
/// Throws: usage_error.
[[noreturn]] void refuse(const given_option& given, std::string_view why);

/// A whole number from `min` to `max`. Throws: usage_error.
std::size_t number(const given_option& given, std::size_t min, std::size_t max);

/// As execo::parse_duration() reads it. Throws: usage_error.
duration time_span(const given_option& given);

/// A text that is not empty and has no control characters. Throws: usage_error.
std::string plain_text(const given_option& given);

/// A size such as 64K. Throws: usage_error.
std::size_t bytes(const given_option& given);

using detail::auto_always_never;
using detail::choices;
using detail::host_key_words;

/// The value of a word. Throws: usage_error that lists the words.
template <class Value, std::size_t N>
Value choose(const given_option& given, const choices<Value, N>& known) {
  std::string words;
  for (const auto& [word, value] : known) {
    if (given.value == word) return value;
    words += fmt::format("{}{}", words.empty() ? "" : ", ", word);
  }
  refuse(given, "choose from " + words);
}

}  // namespace execo::command_line
