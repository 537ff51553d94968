#include "ssh/key_blob.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ssh/base64.hpp"

namespace execo::detail {
namespace {

std::string field(const std::string& text) {
  return std::string(3, '\0') + static_cast<char>(text.size()) + text;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string text;
  for (const std::string& f : fields) text += field(f);
  return text;
}

// Type, type of the key, its own fields.
const std::vector<std::vector<std::string>> kinds{
    {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", "pk"},
    {"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", "e", "n"},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", "nistp256", "Q"},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", "nistp384", "Q"},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", "nistp521", "Q"},
    {"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "pk", "ssh:"},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
     "nistp256", "Q", "ssh:"}};

TEST(key_blob, finds_the_key_in_a_certificate_of_each_kind) {
  for (const auto& kind : kinds) {
    std::vector<std::string> key(kind.begin() + 1, kind.end());
    std::vector<std::string> own(kind.begin() + 2, kind.end());
    std::string head = joined({kind[0], "nonce"}) + joined(own);
    std::string blob = head + std::string(8, '\x01') + joined({"rest"});
    EXPECT_TRUE(is_certificate(blob)) << kind[0];
    EXPECT_EQ(type_of_key(blob), kind[0]);
    EXPECT_EQ(plain_key_of(blob), joined(key)) << kind[0];
    EXPECT_EQ(plain_key_of(joined(key)), joined(key)) << "a plain key is its own";
    for (std::size_t size = joined({kind[0]}).size(); size < head.size(); ++size)
      EXPECT_EQ(plain_key_of(head.substr(0, size)), "") << kind[0] << " cut at " << size;
  }
}

TEST(key_blob, knows_no_key_in_a_certificate_of_another_kind) {
  EXPECT_EQ(plain_key_of(joined({"ssh-new-cert-v01@openssh.com", "nonce", "key"})), "");
}

TEST(key_blob, has_no_type_where_its_first_field_is_cut) {
  EXPECT_EQ(type_of_key(""), "");
  EXPECT_EQ(type_of_key(std::string("\0\0\0\x0bssh-ed2551", 14)), "");
  EXPECT_EQ(type_of_key("\xff\xff\xff\xff-cert-v01@openssh.com"), "");
}

TEST(key_blob, is_read_from_the_first_line_with_a_key) {
  std::string blob = joined({"ssh-ed25519", "key"});
  std::string line = "ssh-ed25519 " + to_base64(blob);
  for (const std::string& text : {line, line + "\n", line + " a comment\n", "\n# note\r\n  " + line,
                                  line + "\nssh-rsa AAAA\n", "ssh-ed25519\t" + to_base64(blob)})
    EXPECT_EQ(key_in_text(text), blob) << text;
  for (const std::string& text :
       {std::string(), std::string("ssh-ed25519"), "ssh-rsa " + to_base64(blob),
        std::string("ssh-ed25519 !!!"), std::string("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"),
        "from=\"*\" " + line})
    EXPECT_EQ(key_in_text(text), "") << text;
}

}  // namespace
}  // namespace execo::detail
