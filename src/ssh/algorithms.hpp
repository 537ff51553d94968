// Lists of algorithms as ssh_config(5) writes them.
#pragma once

#include <string>
#include <string_view>

namespace execo::detail {

/// What is offered where ssh_config has no list of its own: the lists that + - ^ change. Apart from
/// the order of the ciphers they are libssh 0.10's.
namespace usual_algorithms {
inline constexpr std::string_view macs =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
inline constexpr std::string_view key_exchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
    "ecdh-sha2-nistp521,diffie-hellman-group18-sha512,diffie-hellman-group16-sha512,"
    "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256";
inline constexpr std::string_view host_keys =
    "ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,rsa-sha2-512,"
    "rsa-sha2-256";
/// AES-GCM first where this processor has instructions for it, else ChaCha20: either end spends a
/// fraction of the time on the cipher that suits it.
std::string_view ciphers();
/// The same, for a processor with such instructions or without.
std::string_view ciphers_for(bool has_aes_instructions);
}  // namespace usual_algorithms

/// The list that `written` means: +NAMES after the usual ones, -PATTERNS without those, ^NAMES
/// before them, else NAMES alone.
std::string chosen_algorithms(std::string_view written, std::string_view usual);

}  // namespace execo::detail
