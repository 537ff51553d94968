#include "text_input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <execo/log.hpp>
#include <execo/printable.hpp>
#include <utility>

#include "command_line/text_file.hpp"

namespace execo::cli {

namespace {

constexpr std::size_t enough_to_write = 65536;
int output_error = 0;  // of the first write to standard output that failed

// Not written yet: names are added one by one, thousands of them.
std::string& pending_output() {
  static std::string pending;
  return pending;
}

void write_now(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && output_error == 0)
    output_error = errno;
}

void write_pending() {
  write_now(pending_output());
  pending_output().clear();
}

}  // namespace

std::string read_standard_input() {
  try {
    return command_line::read_standard_input();
  } catch (const std::runtime_error& error) {
    throw plain_error(error.what());
  }
}

void write_output(std::string_view text) {
  std::string& pending = pending_output();
  if (pending.size() + text.size() > enough_to_write) write_pending();
  if (text.size() > enough_to_write) {
    write_now(text);
  } else {
    pending += text;
  }
}

void write_line(std::string_view text) {
  write_output(text);
  write_output("\n");
}

int finish_output(const char* command, int status) {
  write_pending();
  if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
  if (output_error == 0 && std::ferror(stdout) == 0) return status;
  if (output_error != EPIPE) {
    complain(command, std::string{"standard output: "} + std::strerror(output_error));
  }
  return exit_output_lost;
}

void complain(std::string_view command, std::string_view text) {
  const std::string line = std::string{command} + ": " + printable(text) + '\n';
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
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
