#include "ssh/ssh_signature.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

#include <array>
#include <memory>
#include <optional>

#include "ssh/base64.hpp"
#include "ssh/libssh.hpp"
#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

template <auto Free>
class freed_by {
 public:
  template <class Object>
  void operator()(Object* what) const noexcept {
    Free(what);
  }
};
using public_or_private = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;
using pkey_context = std::unique_ptr<EVP_PKEY_CTX, freed_by<&EVP_PKEY_CTX_free>>;
using digest_context = std::unique_ptr<EVP_MD_CTX, freed_by<&EVP_MD_CTX_free>>;
using big_number = std::unique_ptr<BIGNUM, freed_by<&BN_free>>;
using ecdsa_numbers = std::unique_ptr<ECDSA_SIG, freed_by<&ECDSA_SIG_free>>;
using parameter_builder = std::unique_ptr<OSSL_PARAM_BLD, freed_by<&OSSL_PARAM_BLD_free>>;
using parameter_list = std::unique_ptr<OSSL_PARAM, freed_by<&OSSL_PARAM_free>>;
using memory_file = std::unique_ptr<BIO, freed_by<&BIO_free_all>>;

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) noexcept {
  return reinterpret_cast<unsigned char*>(text.data());
}

/// How a type of key signs.
class signature_kind {
 public:
  std::string_view key;        // its type
  std::string_view algorithm;  // of the signature
  const char* group;           // of ECDSA
  const EVP_MD* (*digest)();   // null: Ed25519 has its own
};
constexpr std::array<signature_kind, 6> signature_kinds{{
    {"ssh-ed25519", "ssh-ed25519", nullptr, nullptr},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "P-256", &EVP_sha256},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "P-384", &EVP_sha384},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "P-521", &EVP_sha512},
    {"ssh-rsa", "rsa-sha2-256", nullptr, &EVP_sha256},
    {"ssh-rsa", "rsa-sha2-512", nullptr, &EVP_sha512},
}};

const signature_kind* kind_of(std::string_view key, std::string_view algorithm) noexcept {
  for (const signature_kind& one : signature_kinds)
    if (one.key == key && one.algorithm == algorithm) return &one;
  return nullptr;
}

big_number number_of(std::string_view bytes) {
  return big_number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

public_or_private key_of(const char* type, OSSL_PARAM_BLD* builder) {
  parameter_list parameters(OSSL_PARAM_BLD_to_param(builder));
  pkey_context making(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (parameters && making && EVP_PKEY_fromdata_init(making.get()) == 1)
    (void)EVP_PKEY_fromdata(making.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get());
  return public_or_private(made);
}

public_or_private read_ecdsa(ssh_reader& fields, const signature_kind& kind) {
  (void)fields.text();  // the curve, which the type says
  std::string_view point = fields.text();
  parameter_builder builder(OSSL_PARAM_BLD_new());
  bool is_built = builder &&
                  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                  kind.group, 0) == 1 &&
                  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                   point.data(), point.size()) == 1;
  return is_built ? key_of("EC", builder.get()) : nullptr;
}

public_or_private read_rsa(ssh_reader& fields) {
  big_number exponent = number_of(fields.text());
  big_number modulus = number_of(fields.text());
  parameter_builder builder(OSSL_PARAM_BLD_new());
  bool is_built =
      builder && exponent && modulus &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1;
  return is_built ? key_of("RSA", builder.get()) : nullptr;
}

public_or_private read_public(std::string_view blob, const signature_kind& kind) {
  ssh_reader fields(blob);
  (void)fields.text();
  public_or_private key;
  if (kind.group != nullptr) {
    key = read_ecdsa(fields, kind);
  } else if (kind.digest != nullptr) {
    key = read_rsa(fields);
  } else {
    std::string_view raw = fields.text();
    key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size()));
  }
  return fields.failed() || !fields.rest().empty() ? nullptr : std::move(key);
}

// OpenSSL has the two numbers of ECDSA in DER.
std::optional<std::string> der_of(std::string_view blob) {
  ssh_reader fields(blob);
  big_number r = number_of(fields.text());
  big_number s = number_of(fields.text());
  ecdsa_numbers both(ECDSA_SIG_new());
  if (fields.failed() || !fields.rest().empty() || !r || !s || !both) return std::nullopt;
  (void)ECDSA_SIG_set0(both.get(), r.release(), s.release());
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(both.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string made(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return made;
}

void append_positive(std::string& to, const BIGNUM* value) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
  (void)BN_bn2bin(value, bytes_of(bytes));
  bool reads_negative = !bytes.empty() && (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0;
  append_field(to, reads_negative ? '\0' + bytes : bytes);
}

std::optional<std::string> numbers_in(const std::string& der) {
  const unsigned char* from = bytes_of(der);
  ecdsa_numbers both(d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size())));
  if (!both) return std::nullopt;
  std::string made;
  append_positive(made, ECDSA_SIG_get0_r(both.get()));
  append_positive(made, ECDSA_SIG_get0_s(both.get()));
  return made;
}

// PROTOCOL.key of OpenSSH, without a cipher: what libssh writes of a key that has no other form.
public_or_private read_ed25519(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view magic("openssh-key-v1\0", 15);
  constexpr std::size_t seed_size = 32;
  std::string base64;
  for (char c : text.substr(begin.size()).substr(0, text.substr(begin.size()).find('-')))
    if (c > ' ') base64 += c;
  std::string whole = from_base64(base64);
  public_or_private key;
  if (whole.starts_with(magic)) {
    ssh_reader fields(std::string_view(whole).substr(magic.size()));
    for (int i = 0; i < 3; ++i) (void)fields.text();  // cipher, KDF, its options
    (void)fields.number();
    (void)fields.text();  // the public half
    ssh_reader secrets(fields.text());
    (void)secrets.number();
    (void)secrets.number();
    bool is_one = secrets.text() == "ssh-ed25519";
    (void)secrets.text();
    std::string_view pair = secrets.text();
    if (is_one && !secrets.failed() && pair.size() == 2 * seed_size)
      key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(pair), seed_size));
  }
  ::explicit_bzero(whole.data(), whole.size());
  ::explicit_bzero(base64.data(), base64.size());
  return key;
}

public_or_private read_private(ssh_key_struct* key) {
  char* raw = nullptr;
  if (ssh_pki_export_privkey_base64(key, nullptr, nullptr, nullptr, &raw) != SSH_OK) return nullptr;
  libssh_text text(raw);
  public_or_private made;
  if (std::string_view(raw).starts_with("-----BEGIN OPENSSH")) {
    made = read_ed25519(raw);
  } else {
    memory_file file(BIO_new_mem_buf(raw, -1));
    if (file) made.reset(PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  }
  ::explicit_bzero(raw, ::strlen(raw));
  return made;
}

const signature_kind* kind_for(ssh_key_struct* key, std::uint32_t flags) {
  std::string_view algorithm;
  switch (ssh_key_type(key)) {
    case SSH_KEYTYPE_ED25519:
      return kind_of("ssh-ed25519", "ssh-ed25519");
    case SSH_KEYTYPE_ECDSA_P256:
      return kind_of("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256");
    case SSH_KEYTYPE_ECDSA_P384:
      return kind_of("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384");
    case SSH_KEYTYPE_ECDSA_P521:
      return kind_of("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521");
    case SSH_KEYTYPE_RSA:
      if ((flags & sign_rsa_sha256) != 0) algorithm = "rsa-sha2-256";
      if ((flags & sign_rsa_sha512) != 0) algorithm = "rsa-sha2-512";
      return kind_of("ssh-rsa", algorithm);
    default:
      return nullptr;
  }
}

}  // namespace

bool is_signed_by(std::string_view key, std::string_view data, std::string_view signature) {
  ssh_reader fields(signature);
  std::string_view algorithm = fields.text();
  std::string bytes(fields.text());
  if (fields.failed() || !fields.rest().empty()) return false;
  const signature_kind* kind = kind_of(ssh_reader(key).text(), algorithm);
  if (kind == nullptr) return false;
  public_or_private by = read_public(key, *kind);
  if (kind->group != nullptr) bytes = der_of(bytes).value_or(std::string());
  digest_context check(EVP_MD_CTX_new());
  const EVP_MD* digest = kind->digest != nullptr ? kind->digest() : nullptr;
  return by && check &&
         EVP_DigestVerifyInit(check.get(), nullptr, digest, nullptr, by.get()) == 1 &&
         EVP_DigestVerify(check.get(), bytes_of(bytes), bytes.size(), bytes_of(data),
                          data.size()) == 1;
}

std::string sign_with(ssh_key_struct* key, std::string_view data, std::uint32_t flags) {
  const signature_kind* kind = kind_for(key, flags);
  if (kind == nullptr) return {};
  public_or_private by = read_private(key);
  digest_context making(EVP_MD_CTX_new());
  const EVP_MD* digest = kind->digest != nullptr ? kind->digest() : nullptr;
  std::size_t size = 0;
  if (!by || !making || EVP_DigestSignInit(making.get(), nullptr, digest, nullptr, by.get()) != 1 ||
      EVP_DigestSign(making.get(), nullptr, &size, bytes_of(data), data.size()) != 1)
    return {};
  std::string bytes(size, '\0');
  if (EVP_DigestSign(making.get(), bytes_of(bytes), &size, bytes_of(data), data.size()) != 1)
    return {};
  bytes.resize(size);
  if (kind->group != nullptr) bytes = numbers_in(bytes).value_or(std::string());
  if (bytes.empty()) return {};
  std::string signature;
  append_field(signature, kind->algorithm);
  append_field(signature, bytes);
  return signature;
}

}  // namespace execo::detail
