// Public keys and certificates as they go over the wire: "ssh-ed25519", then the type's own fields.
#pragma once

#include <string>
#include <string_view>

namespace execo::detail {

/// "ssh-ed25519", "ssh-rsa-cert-v01@openssh.com"; empty: it is none.
std::string_view type_of_key(std::string_view blob) noexcept;
bool is_certificate(std::string_view blob) noexcept;
/// The key that a certificate is for; a plain key is its own. Empty: it is no certificate of a type
/// that we know.
std::string plain_key_of(std::string_view blob);
/// The blob in the first line of a public key file that has one, "ssh-ed25519 AAAA... comment".
/// Empty: there is none, or its type is not the one before it.
std::string key_in_text(std::string_view text);

}  // namespace execo::detail
