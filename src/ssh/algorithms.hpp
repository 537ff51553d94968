// Lists of algorithms as ssh_config(5) writes them.
#pragma once

#include <string>
#include <string_view>

namespace execo::detail {

/// What libssh 0.10 offers by itself: the lists that + - ^ change.
namespace usual_algorithms {
inline constexpr std::string_view ciphers =
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,"
    "aes192-ctr,aes128-ctr";
inline constexpr std::string_view macs =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
inline constexpr std::string_view key_exchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
    "ecdh-sha2-nistp521,diffie-hellman-group18-sha512,diffie-hellman-group16-sha512,"
    "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256";
inline constexpr std::string_view host_keys =
    "ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,rsa-sha2-512,"
    "rsa-sha2-256";
}  // namespace usual_algorithms

/// The list that `written` means: +NAMES after the usual ones, -PATTERNS without those, ^NAMES
/// before them, else NAMES alone.
std::string chosen_algorithms(std::string_view written, std::string_view usual);

}  // namespace execo::detail
