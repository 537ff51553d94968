#include "execo/host.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "execo/printable.hpp"
#include "hosts/text_scan.hpp"

namespace execo {

struct host::login {
  std::string user;
  int port = 0;
  bool operator==(const login&) const = default;
};

namespace {

[[noreturn]] void fail(std::string_view text, const std::string& why) {
  throw std::invalid_argument("host \"" + printable(text) + "\": " + why);
}

int read_port(std::string_view text, std::string_view port) {
  int number = 0;
  const bool digits = !port.empty() && port.size() <= 5 &&
                      std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    for (const char c : port) number = number * 10 + (c - '0');
  }
  if (number < 1 || number > 65535) fail(text, "the port after ':' must be 1 to 65535");
  return number;
}

}  // namespace

host::host() noexcept = default;
host::host(const host& other)
    : name_(other.name_), login_(other.login_ ? std::make_unique<login>(*other.login_) : nullptr) {}
host::host(host&& other) noexcept = default;
host& host::operator=(const host& other) { return *this = host(other); }
host& host::operator=(host&& other) noexcept = default;
host::~host() = default;

host::host(std::string_view text) { parse(text); }
host::host(const char* text) { parse(text); }
host::host(const std::string& text) { parse(text); }

void host::parse(std::string_view text) {
  std::string_view rest = text;
  login found;
  if (const std::size_t at = rest.rfind('@'); at != rest.npos) {
    found.user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (found.user.empty()) fail(text, "no user before '@'");
  }
  if (!rest.empty() && rest[0] == '[') {
    const std::size_t close = rest.find(']');
    if (close == rest.npos) fail(text, "'[' is not closed");
    name_ = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (!rest.empty() && rest[0] != ':') fail(text, "only ':port' may follow ']'");
    if (!rest.empty()) found.port = read_port(text, rest.substr(1));
  } else {
    const std::size_t colon = rest.find(':');
    const bool has_port = colon != rest.npos && rest.find(':', colon + 1) == rest.npos;
    name_ = has_port ? rest.substr(0, colon) : rest;
    if (has_port) found.port = read_port(text, rest.substr(colon + 1));
  }
  if (name_.empty()) fail(text, "no name");
  if (const std::string_view problem = detail::problem_of_name(name_); !problem.empty()) {
    fail(text, std::string{problem});
  }
  if (printable(found.user) != found.user) fail(text, "a user name cannot have control characters");
  if (!found.user.empty() || found.port != 0) login_ = std::make_unique<login>(std::move(found));
}

const std::string& host::user() const noexcept {
  static const std::string none;
  return login_ ? login_->user : none;
}

int host::port() const noexcept { return login_ ? login_->port : 0; }

std::string host::to_string() const {
  std::string text;
  if (!user().empty()) text = user() + '@';
  if (port() == 0) return text + name_;
  const bool literal = name_.find(':') != std::string::npos;
  text += literal ? '[' + name_ + ']' : name_;
  return text + ':' + std::to_string(port());
}

bool host::operator==(const host& other) const noexcept { return (*this <=> other) == 0; }

std::strong_ordering host::operator<=>(const host& other) const noexcept {
  return std::tuple<const std::string&, const std::string&, int>(name_, user(), port()) <=>
         std::tuple<const std::string&, const std::string&, int>(other.name_, other.user(),
                                                                 other.port());
}

}  // namespace execo

std::size_t std::hash<execo::host>::operator()(const execo::host& h) const noexcept {
  std::size_t seed = std::hash<std::string>()(h.name());
  for (std::size_t part : {std::hash<std::string>()(h.user()), std::hash<int>()(h.port())})
    seed ^= part + 0x9e3779b97f4a7c15U + (seed << 6U) + (seed >> 2U);
  return seed;
}
