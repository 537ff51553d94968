// Certificates of users: what is in them, who has signed it, and what OpenSSH reads of them.
#include "ssh/user_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "execo/execo.hpp"
#include "ssh/base64.hpp"
#include "ssh/identity.hpp"
#include "ssh/key_blob.hpp"
#include "ssh/libssh.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/wire.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using detail::key_pair;
using detail::ssh_reader;
using detail::user_certificate;
using testing::HasSubstr;

detail::libssh_key new_authority(ssh_keytypes_e type, int bits) {
  ssh_key raw = nullptr;
  EXPECT_EQ(ssh_pki_generate(type, bits, &raw), SSH_OK);
  return detail::libssh_key(raw);
}

user_certificate certificate_of(const std::string& key, const std::string& authority) {
  user_certificate made;
  made.key = key;
  made.authority = authority;
  made.name = "execo on root, through n1";
  made.users = {"ann", "bob"};
  made.serial = 0x1'0000'0002;
  made.from = 1000;
  made.until = 1600;
  return made;
}

std::uint64_t long_in(ssh_reader& from) {
  const std::uint64_t high = from.number();
  return high << 32U | from.number();
}

TEST(user_certificate, says_who_may_log_in_and_until_when_and_permits_nothing_else) {
  const key_pair pair;
  const std::string text = certificate_of(pair.blob, "authority").to_sign(std::string(32, 'n'));
  ssh_reader fields(text);
  EXPECT_EQ(fields.text(), "ssh-ed25519-cert-v01@openssh.com");
  EXPECT_EQ(fields.text(), std::string(32, 'n'));
  EXPECT_EQ(fields.text(), std::string_view(pair.blob).substr(pair.blob.size() - 32));
  EXPECT_EQ(long_in(fields), 0x1'0000'0002U);
  EXPECT_EQ(fields.number(), 1U);
  EXPECT_EQ(fields.text(), "execo on root, through n1");
  ssh_reader users(fields.text());
  EXPECT_EQ(users.text(), "ann");
  EXPECT_EQ(users.text(), "bob");
  EXPECT_TRUE(users.rest().empty());
  EXPECT_EQ(long_in(fields), 1000U);
  EXPECT_EQ(long_in(fields), 1600U);
  EXPECT_EQ(fields.text(), "");
  EXPECT_EQ(fields.text(), "");
  EXPECT_EQ(fields.text(), "");
  EXPECT_EQ(fields.text(), "authority");
  EXPECT_TRUE(fields.rest().empty());
  EXPECT_FALSE(fields.failed());
}

class authorities_of_users : public testing::TestWithParam<std::pair<ssh_keytypes_e, int>> {
 protected:
  std::string certificate_line_for(const std::string& key) const {
    const detail::libssh_key authority = new_authority(GetParam().first, GetParam().second);
    const std::string by = detail::public_half_of(authority.get());
    const std::string text = certificate_of(key, by).to_sign(std::string(32, 'n'));
    const std::string signature = detail::sign_with(authority.get(), text, detail::sign_rsa_sha512);
    EXPECT_TRUE(detail::is_signed_by(by, text, signature));
    return detail::certificate_line(text, signature);
  }
};

TEST_P(authorities_of_users, sign_certificates_that_libssh_reads) {
  const key_pair pair;
  const std::string blob = detail::key_in_text(certificate_line_for(pair.blob));
  EXPECT_TRUE(detail::is_certificate(blob));
  EXPECT_EQ(detail::plain_key_of(blob), pair.blob);
  ssh_key raw = nullptr;
  EXPECT_EQ(
      ssh_pki_import_cert_base64(detail::to_base64(blob).c_str(), SSH_KEYTYPE_ED25519_CERT01, &raw),
      SSH_OK);
  ssh_key_free(raw);
}

TEST_P(authorities_of_users, sign_certificates_that_openssh_reads) {
  if (::access("/usr/bin/ssh-keygen", X_OK) != 0) GTEST_SKIP() << "no ssh-keygen here";
  const test::temp_folder folder;
  const key_pair pair;
  const std::string file = folder.write("user-cert.pub", certificate_line_for(pair.blob));
  result shown = sync_wait(process("ssh-keygen").args("-L", "-f", file).env("TZ", "UTC").run());
  ASSERT_TRUE(shown.ok()) << shown.describe();
  EXPECT_THAT(shown.out, HasSubstr("Type: ssh-ed25519-cert-v01@openssh.com user certificate\n"));
  EXPECT_THAT(shown.out, HasSubstr("Key ID: \"execo on root, through n1\"\n"));
  EXPECT_THAT(shown.out, HasSubstr("Serial: 4294967298\n"));
  EXPECT_THAT(shown.out, HasSubstr("Valid: from 1970-01-01T00:16:40 to 1970-01-01T00:26:40\n"));
  EXPECT_THAT(shown.out, testing::ContainsRegex("Principals: *\n *ann\n *bob\n *Critical Options: "
                                                "\\(none\\)\n *Extensions: \\(none\\)\n"));
}

INSTANTIATE_TEST_SUITE_P(of_each_type, authorities_of_users,
                         testing::Values(std::pair(SSH_KEYTYPE_ED25519, 0),
                                         std::pair(SSH_KEYTYPE_RSA, 2048),
                                         std::pair(SSH_KEYTYPE_ECDSA_P256, 256)));

TEST(key_pair, is_a_new_one_that_openssh_and_libssh_read) {
  if (::access("/usr/bin/ssh-keygen", X_OK) != 0) GTEST_SKIP() << "no ssh-keygen here";
  const test::temp_folder folder;
  const key_pair pair, other;
  EXPECT_NE(pair.blob, other.blob);
  const std::string file = folder.write("key", pair.text);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  result shown = sync_wait(process("ssh-keygen").args("-y", "-f", file).run());
  ASSERT_TRUE(shown.ok()) << shown.describe();
  EXPECT_THAT(shown.out, HasSubstr("ssh-ed25519 " + detail::to_base64(pair.blob)));
  ssh_key raw = nullptr;
  ASSERT_EQ(ssh_pki_import_privkey_base64(pair.text.c_str(), nullptr, nullptr, nullptr, &raw),
            SSH_OK);
  const detail::libssh_key read(raw);
  EXPECT_EQ(detail::public_half_of(read.get()), pair.blob);
}

}  // namespace
}  // namespace execo
