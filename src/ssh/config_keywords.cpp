#include "ssh/config_keywords.hpp"

#include <utility>

namespace execo::detail {
namespace {

constexpr auto old_names = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"identityfile2", "identityfile"},
    {"challengeresponseauthentication", "kbdinteractiveauthentication"},
    {"skeyauthentication", "kbdinteractiveauthentication"},
    {"tisauthentication", "kbdinteractiveauthentication"},
    {"dsaauthentication", "pubkeyauthentication"},
    {"keepalive", "tcpkeepalive"},
    {"hostbasedkeytypes", "hostbasedacceptedalgorithms"},
    {"pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"},
    {"smartcarddevice", "pkcs11provider"},
});

}  // namespace

const config_keyword* find_config_keyword(std::string_view name) noexcept {
  for (const auto& [old, today] : old_names)
    if (old == name) name = today;
  for (const config_keyword& one : config_keywords)
    if (one.name == name) return &one;
  return nullptr;
}

}  // namespace execo::detail
