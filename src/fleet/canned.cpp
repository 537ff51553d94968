#include "fleet/canned.hpp"

#include <charconv>
#include <stdexcept>

#include <execo/time.hpp>

namespace execo::fleet {

namespace {

std::string_view trimmed(std::string_view text) {
  std::size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::string with_host(std::string_view text, const std::string& address) {
  std::string result(text);
  constexpr std::string_view variable = "$FLEET_HOST";
  for (std::size_t at = 0; (at = result.find(variable, at)) != std::string::npos;) {
    result.replace(at, variable.size(), address);
    at += address.size();
  }
  return result;
}

canned_answer exit_with(std::string_view number, std::string_view command) {
  int code = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), code);
  bool whole = error == std::errc() && end == number.data() + number.size();
  canned_answer result(whole ? "" : std::string(command) + "\n");
  if (whole) result.code = code & 255;
  return result;
}

canned_answer sleep_for(std::string_view time, std::string_view command) {
  try {
    canned_answer result("");
    result.runs = execo::parse_duration(time);
    return result;
  } catch (const std::invalid_argument&) {
    return canned_answer(std::string(command) + "\n");
  }
}

}  // namespace

canned_answer answer(std::string_view command, const std::string& address) {
  std::string_view text = trimmed(command);
  if (text == "uname -s" || text == "uname") return canned_answer("Linux\n");
  if (text == "hostname") return canned_answer(address + "\n");
  if (text == "true" || text == ":" || text.empty()) return canned_answer("");
  if (text == "false") return exit_with("1", text);
  if (text == "echo") return canned_answer("\n");
  if (text.starts_with("echo "))
    return canned_answer(with_host(trimmed(text.substr(5)), address) + "\n");
  if (text.starts_with("exit ")) return exit_with(trimmed(text.substr(5)), text);
  if (text.starts_with("sleep ")) return sleep_for(trimmed(text.substr(6)), text);
  return canned_answer(std::string(text) + "\n");
}

}  // namespace execo::fleet
