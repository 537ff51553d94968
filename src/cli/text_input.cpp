#include "text_input.hpp"

#include <algorithm>
#include <execo/log.hpp>
#include <utility>

#include "command_line/text_file.hpp"

namespace execo::cli {

std::string read_standard_input() {
  try {
    return command_line::read_standard_input();
  } catch (const std::runtime_error& error) {
    throw plain_error(error.what());
  }
}

warnings::warnings(std::string command) {
  set_log(log_level::warning, [command = std::move(command)](const log_record& record) {
    complain(command, "warning: " + std::string{record.message});
  });
}

warnings::~warnings() { set_log(log_level::off, {}); }

bool names_groups(std::string_view text) noexcept {
  bool begins = true;
  for (const char c : text) {
    if (c == '*' || c == '?' || (c == '@' && begins)) return true;
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    begins = (begins && blank) || c == ',' || c == '!' || c == '&' || c == '^';
  }
  return false;
}

bool has_any(std::string_view text, std::string_view characters) noexcept {
  bool wanted[256] = {};
  for (const char c : characters) wanted[static_cast<unsigned char>(c)] = true;
  return std::ranges::any_of(text, [&](char c) { return wanted[static_cast<unsigned char>(c)]; });
}

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw plain_error("invalid separator");
}

}  // namespace

std::string unescaped(std::string_view text) {
  constexpr std::string_view letters = "abfnrtv\\'\"0";
  constexpr std::string_view values{"\a\b\f\n\r\t\v\\'\"\0", 11};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) throw plain_error("invalid separator");
    if (text[i] == 'x') {
      if (i + 2 >= text.size()) throw plain_error("invalid separator");
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else if (const std::size_t known = letters.find(text[i]); known != letters.npos) {
      out += values[known];
    } else {
      out += '\\';
      out += text[i];
    }
  }
  return out;
}

const char* error_kind(host_set_errc code) noexcept {
  switch (code) {
    case host_set_errc::group:
    case host_set_errc::no_group:
      return "Group error: ";
    case host_set_errc::group_source:
    case host_set_errc::no_list:
      return "";
    default:
      return "Parse error: ";
  }
}

}  // namespace execo::cli
