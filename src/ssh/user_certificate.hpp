// Certificates of users, as OpenSSH has them (PROTOCOL.certkeys), for Ed25519 keys; and such keys,
// as OpenSSH has them in files (PROTOCOL.key).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

/// A new Ed25519 key, wiped when it goes.
class key_pair {
 public:
  /// Throws: std::runtime_error if OpenSSL makes none.
  key_pair();
  key_pair(const key_pair&) = delete;
  key_pair& operator=(const key_pair&) = delete;
  ~key_pair();

  std::string blob;  // the public half
  std::string text;  // of the private key file, not encrypted
};

/// What a certificate says. It permits a login and a command: no terminal, no forwarding.
class user_certificate {
 public:
  /// As many as OpenSSH reads.
  static constexpr std::size_t max_users = 256;

  std::string key;        // the blob of the Ed25519 key that it is for
  std::string authority;  // the blob of the key that signs it
  std::string name;       // for the log of the server
  std::vector<std::string> users;
  std::uint64_t serial = 0;
  std::uint64_t from = 0;  // seconds since 1970
  std::uint64_t until = 0;

  /// What is to be signed. `nonce`: random bytes. Pre: `key` is of that type; there are users, for
  /// without one a certificate is for all.
  std::string to_sign(std::string_view nonce) const;
};

/// The line of a certificate file. `signature`: with its type in front.
std::string certificate_line(std::string_view signed_part, std::string_view signature);

}  // namespace execo::detail
