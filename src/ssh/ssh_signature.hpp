// Signatures as ssh has them (RFC 4253, 8332, 5656 and 8709), made and checked without a session.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct ssh_key_struct;

namespace execo::detail {

/// Whether `signature`, "ssh-ed25519" and what that type has, is one of `data` by this public key.
/// False for types of keys that are not known here, certificates among them.
bool is_signed_by(std::string_view key, std::string_view data, std::string_view signature);

/// What an ssh agent is asked for RSA keys.
inline constexpr std::uint32_t sign_rsa_sha256 = 2;
inline constexpr std::uint32_t sign_rsa_sha512 = 4;

/// The signature of `data` by a private key. Empty: it is of a type that is not known here, or the
/// flags want one with SHA-1.
std::string sign_with(ssh_key_struct* key, std::string_view data, std::uint32_t flags);

}  // namespace execo::detail
