#include "execo/forward_endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "execo/printable.hpp"

namespace execo {
namespace {

constexpr int max_port = 65535;
constexpr std::string_view own_address = "127.0.0.1";

[[noreturn]] void refuse_endpoint(std::string_view text, const char* why) {
  throw std::invalid_argument("forward: '" + printable(text) + "' " + why);
}

bool has_control_or_blank(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f;
  });
}

int port_in(std::string_view digits, std::string_view whole) {
  int port = -1;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  bool is_number = error == std::errc() && end == digits.data() + digits.size();
  if (!is_number || port < 0 || port > max_port)
    refuse_endpoint(whole, "has no port from 0 to 65535 after its last colon");
  return port;
}

}  // namespace

forward_endpoint::forward_endpoint(std::string_view text) {
  if (text.starts_with('/')) {
    if (text.find('\0') != text.npos) refuse_endpoint(text, "is no path");
    path_ = text;
    return;
  }
  std::size_t colon = text.rfind(':');
  if (colon == text.npos) refuse_endpoint(text, "is neither HOST:PORT nor an absolute path");
  port_ = port_in(text.substr(colon + 1), text);
  std::string_view name = text.substr(0, colon);
  bool bracketed = name.size() > 2 && name.front() == '[' && name.back() == ']';
  if (bracketed) name = name.substr(1, name.size() - 2);
  if (!bracketed && name.find_first_of(":[]") != name.npos)
    refuse_endpoint(text, "has an IPv6 address without brackets: write [ADDRESS]:PORT");
  if (has_control_or_blank(name)) refuse_endpoint(text, "has blanks or control characters");
  host_ = name.empty() ? own_address : name;
}

std::string forward_endpoint::to_string() const {
  if (is_path()) return path_;
  bool v6 = host_.find(':') != host_.npos;
  return (v6 ? "[" + host_ + "]" : host_) + ":" + std::to_string(port_);
}

}  // namespace execo
