#include "command_line/values.hpp"

#include <charconv>
#include <stdexcept>

#include "base/byte_size.hpp"

namespace execo::command_line {

void refuse(const given_option& given, std::string_view why) {
  throw usage_error(fmt::format("{} '{}': {}", given.spelled, printable(given.value), why));
}

std::size_t number(const given_option& given, std::size_t min, std::size_t max) {
  std::size_t value = 0;
  const char* end = given.value.data() + given.value.size();
  auto [stopped, error] = std::from_chars(given.value.data(), end, value);
  if (error != std::errc() || stopped != end || value < min || value > max)
    refuse(given, fmt::format("expected a number from {} to {}", min, max));
  return value;
}

duration time_span(const given_option& given) {
  try {
    return parse_duration(given.value);
  } catch (const std::invalid_argument& error) {
    throw usage_error(fmt::format("{}: {}", given.spelled, printable(error.what())));
  }
}

std::size_t bytes(const given_option& given) {
  try {
    return detail::parse_bytes(given.value);
  } catch (const std::invalid_argument& error) {
    refuse(given, error.what());
  }
}

std::string plain_text(const given_option& given) {
  std::string value(given.value);
  if (value.empty()) refuse(given, "give a value that is not empty");
  if (printable(value) != value) refuse(given, "control characters are not allowed here");
  return value;
}

}  // namespace execo::command_line
