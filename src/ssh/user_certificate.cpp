#include "ssh/user_certificate.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include <array>
#include <cassert>
#include <memory>
#include <stdexcept>

#include "ssh/base64.hpp"
#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view certificate_type = "ssh-ed25519-cert-v01@openssh.com";
constexpr std::string_view plain_type = "ssh-ed25519";
constexpr std::size_t for_users = 1;  // not for hosts
constexpr std::size_t half_size = 32;

using half_of_key = std::array<unsigned char, half_size>;

class evp_key_deleter {
 public:
  void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
};

/// Text that is wiped when it goes. It does not grow: nothing of it stays elsewhere.
class wiped_buffer {
 public:
  explicit wiped_buffer(std::size_t size) { text.reserve(size); }
  wiped_buffer(const wiped_buffer&) = delete;
  wiped_buffer& operator=(const wiped_buffer&) = delete;
  ~wiped_buffer() { ::explicit_bzero(text.data(), text.size()); }
  std::string text;
};

std::string_view bytes_in(const half_of_key& half) {
  return {reinterpret_cast<const char*>(half.data()), half.size()};
}

void append_long(std::string& to, std::uint64_t value) {
  append_number(to, static_cast<std::size_t>(value >> 32U));
  append_number(to, static_cast<std::size_t>(value & 0xffff'ffffU));
}

std::string_view point_of(std::string_view key) {
  ssh_reader fields(key);
  (void)fields.text();
  return fields.text();
}

void make_halves(half_of_key& secret_half, half_of_key& open_half) {
  const std::unique_ptr<EVP_PKEY, evp_key_deleter> made(
      ::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  std::size_t size = half_size, open_size = half_size;
  if (!made || ::EVP_PKEY_get_raw_private_key(made.get(), secret_half.data(), &size) != 1 ||
      ::EVP_PKEY_get_raw_public_key(made.get(), open_half.data(), &open_size) != 1)
    throw std::runtime_error("OpenSSL makes no Ed25519 key");
}

// What would be encrypted by a passphrase.
void append_secret_part(std::string& to, std::string_view secret_half, std::string_view open_half) {
  std::array<unsigned char, 4> check{};
  if (::RAND_bytes(check.data(), static_cast<int>(check.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes");
  const std::string_view same(reinterpret_cast<const char*>(check.data()), check.size());
  const std::size_t from = to.size();
  to += same;
  to += same;
  append_field(to, plain_type);
  append_field(to, open_half);
  append_number(to, secret_half.size() + open_half.size());
  to += secret_half;
  to += open_half;
  append_field(to, {});  // a comment
  constexpr std::size_t block = 8;
  for (char pad = 1; (to.size() - from) % block != 0; ++pad) to += pad;
}

}  // namespace

key_pair::key_pair() {
  constexpr std::size_t room = 512;
  half_of_key secret_half{}, open_half{};
  make_halves(secret_half, open_half);
  append_field(blob, plain_type);
  append_field(blob, bytes_in(open_half));
  wiped_buffer secret_part(room), whole(room);
  append_secret_part(secret_part.text, bytes_in(secret_half), bytes_in(open_half));
  ::OPENSSL_cleanse(secret_half.data(), secret_half.size());
  whole.text = std::string_view("openssh-key-v1\0", 15);
  for (std::string_view none : {"none", "none", ""}) append_field(whole.text, none);
  append_number(whole.text, 1);  // key
  append_field(whole.text, blob);
  append_field(whole.text, secret_part.text);
  wiped_buffer base64(0);
  base64.text = to_base64(whole.text);
  text.reserve(2 * room);
  text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  constexpr std::size_t width = 70;
  for (std::size_t at = 0; at < base64.text.size(); at += width) {
    text.append(base64.text, at, width);
    text += '\n';
  }
  text += "-----END OPENSSH PRIVATE KEY-----\n";
}

key_pair::~key_pair() { ::explicit_bzero(text.data(), text.size()); }

std::string user_certificate::to_sign(std::string_view nonce) const {
  assert(!users.empty() && users.size() <= max_users);
  std::string principals;
  for (const std::string& user : users) append_field(principals, user);
  std::string made;
  append_field(made, certificate_type);
  append_field(made, nonce);
  append_field(made, point_of(key));
  append_long(made, serial);
  append_number(made, for_users);
  append_field(made, name);
  append_field(made, principals);
  append_long(made, from);
  append_long(made, until);
  append_field(made, {});  // critical options
  append_field(made, {});  // what it permits
  append_field(made, {});  // reserved
  append_field(made, authority);
  return made;
}

std::string certificate_line(std::string_view signed_part, std::string_view signature) {
  std::string whole(signed_part);
  append_field(whole, signature);
  return std::string(certificate_type) + " " + to_base64(whole) + "\n";
}

}  // namespace execo::detail
