#include "ssh/route_text.hpp"

#include <ctype.h>

#include <algorithm>

#include "ssh/config_tokens.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view acted_on = "'`\";&<>|(){}";

bool is(int (*kind)(int), char c) { return kind(static_cast<unsigned char>(c)) != 0; }

// valid_hostname() in ssh.c.
bool is_plain_name(const std::string& name) {
  return !name.starts_with('-') && std::ranges::none_of(name, [](char c) {
    return acted_on.find(c) != acted_on.npos || c == '$' || c == '\\' || is(::isspace, c) ||
           is(::iscntrl, c);
  });
}

// valid_ruser() in ssh.c: domain users have a backslash.
bool is_plain_user(const std::string& user) {
  if (user.starts_with('-') || user.ends_with('\\')) return false;
  for (std::size_t i = 0; i < user.size(); ++i) {
    char c = user[i];
    bool splits = is(::isspace, c) && i + 1 < user.size() && user[i + 1] == '-';
    if (splits || is(::iscntrl, c) || acted_on.find(c) != acted_on.npos) return false;
  }
  return true;
}

}  // namespace

std::string expand_route(const std::string& text, const route_target& to) {
  config_tokens values;
  values.host = values.given_host = to.name;
  values.port = std::to_string(to.port);
  values.user = to.user;
  return values.expanded(text, "hnpr");
}

std::string shell_objection(const route_target& to) {
  if (!is_plain_name(to.name)) return "the host's name has characters that a shell acts on";
  if (!is_plain_user(to.user)) return "the user's name has characters that a shell acts on";
  return {};
}

}  // namespace execo::detail
