// The words that lead to another host.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/host_messages.hpp"

namespace execo::agent {

/// The words of the connector for that host. Nothing if a value would become an option or a token
/// is unknown; `problem` says why.
std::optional<std::vector<std::string>> words_to(const detail::connector_message& connector,
                                                 const detail::work_item& host,
                                                 std::string& problem);

/// For `relays`: puts these in the places of %A and %K, and in that of %C the cipher that this
/// machine is fastest with.
void set_paths(detail::connector_message& connector, const std::string& ssh_agent,
               const std::string& host_keys);
/// The same for one token, "%I".
void set_path(detail::connector_message& connector, std::string_view token,
              const std::string& path);
/// Whether one of the words has that token.
bool has_token(const detail::connector_message& connector, std::string_view token);

}  // namespace execo::agent
