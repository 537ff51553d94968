#include "ssh/ssh_signature.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ssh/identity.hpp"
#include "ssh/libssh.hpp"

namespace execo {
namespace {

class generated_key {
 public:
  generated_key(ssh_keytypes_e type, int bits) {
    ssh_key raw = nullptr;
    (void)ssh_pki_generate(type, bits, &raw);
    key.reset(raw);
    if (key) blob = detail::public_half_of(key.get());
  }
  detail::libssh_key key;
  std::string blob;
};

class ssh_signatures : public testing::TestWithParam<std::pair<ssh_keytypes_e, int>> {};

TEST_P(ssh_signatures, are_good_for_their_key_and_data_alone) {
  generated_key own(GetParam().first, GetParam().second);
  generated_key other(GetParam().first, GetParam().second);
  ASSERT_FALSE(own.blob.empty());
  for (int round = 0; round < 10; ++round) {
    const std::string data = "of session " + std::to_string(round);
    const std::string made = detail::sign_with(own.key.get(), data, detail::sign_rsa_sha512);
    ASSERT_FALSE(made.empty());
    EXPECT_TRUE(detail::is_signed_by(own.blob, data, made));
    EXPECT_FALSE(detail::is_signed_by(own.blob, data + "0", made));
    EXPECT_FALSE(detail::is_signed_by(other.blob, data, made));
    for (std::size_t size = 0; size < made.size(); ++size)
      ASSERT_FALSE(detail::is_signed_by(own.blob, data, std::string_view(made).substr(0, size)));
    for (std::size_t size = 0; size < own.blob.size(); ++size)
      ASSERT_FALSE(detail::is_signed_by(std::string_view(own.blob).substr(0, size), data, made));
    EXPECT_FALSE(detail::is_signed_by(own.blob, data, made + '\0'));
    EXPECT_FALSE(detail::is_signed_by(own.blob + '\0', data, made));
  }
}

INSTANTIATE_TEST_SUITE_P(of_each_type, ssh_signatures,
                         testing::Values(std::pair(SSH_KEYTYPE_ED25519, 0),
                                         std::pair(SSH_KEYTYPE_ECDSA_P256, 256),
                                         std::pair(SSH_KEYTYPE_ECDSA_P384, 384),
                                         std::pair(SSH_KEYTYPE_ECDSA_P521, 521),
                                         std::pair(SSH_KEYTYPE_RSA, 2048)));

TEST(ssh_signatures_of_rsa, are_not_made_with_sha1) {
  generated_key own(SSH_KEYTYPE_RSA, 2048);
  EXPECT_EQ(detail::sign_with(own.key.get(), "data", 0), "");
  const std::string made = detail::sign_with(own.key.get(), "data", detail::sign_rsa_sha256);
  EXPECT_TRUE(made.find("rsa-sha2-256") != made.npos);
  EXPECT_TRUE(detail::is_signed_by(own.blob, "data", made));
}

}  // namespace
}  // namespace execo
