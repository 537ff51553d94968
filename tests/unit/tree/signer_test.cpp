#include "tree/signer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "ssh/base64.hpp"
#include "ssh/identity.hpp"
#include "ssh/libssh.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/wire.hpp"

namespace execo {
namespace {

using detail::sign_ask_message;
using detail::sign_target;
using testing::HasSubstr;

void append(std::string& to, std::string_view text) {
  detail::append_number(to, text.size());
  to += text;
}

/// A host that is to be reached, and what an honest ssh asks for it.
class root_signs_a_login : public testing::Test {
 protected:
  root_signs_a_login() : key_(make_key()), other_(make_key()) {
    blob_ = detail::public_half_of(key_.get());
    target_.is_on_its_way = true;
    target_.key = "ssh-ed25519 " + detail::to_base64(blob_);
    target_.user = "worker";
    ask_.hosts = detail::index_ranges(3);
    ask_.target = 7;
    ask_.wish = detail::sign_wish::signature;
    ask_.host_key = blob_;
    ask_.session = "session of 32 bytes, as SHA-256.";
    ask_.proof = detail::sign_with(key_.get(), ask_.session, 0);
    ask_.key = "the blob of a key of the user";
    ask_.data = login("worker", "publickey", "ssh-connection");
  }
  static detail::libssh_key make_key() {
    ssh_key raw = nullptr;
    (void)ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &raw);
    return detail::libssh_key(raw);
  }
  std::string login(std::string_view user, std::string_view method, std::string_view service) {
    std::string data;
    append(data, ask_.session);
    data += '\x32';
    for (std::string_view word : {user, service, method}) append(data, word);
    data += '\x01';
    append(data, "ssh-ed25519");
    append(data, ask_.key);
    if (method != "publickey") append(data, ask_.host_key);
    return data;
  }
  std::string why() const { return std::string(why_not_answer(ask_, target_)); }

  detail::libssh_key key_, other_;
  std::string blob_;
  sign_target target_;
  sign_ask_message ask_;
};

TEST_F(root_signs_a_login, if_it_is_one_of_a_host_that_is_on_its_way) {
  EXPECT_EQ(why(), "");
  ask_.data = login("worker", "publickey-hostbound-v00@openssh.com", "ssh-connection");
  EXPECT_EQ(why(), "");
}

TEST_F(root_signs_a_login, but_of_no_host_outside_of_the_subtree_or_up) {
  target_.is_on_its_way = false;
  EXPECT_THAT(why(), HasSubstr("not one that is to be reached from there"));
  ask_.wish = detail::sign_wish::keys;
  EXPECT_NE(why(), "") << "nor does it say which keys there are";
}

TEST_F(root_signs_a_login, but_not_without_a_session_that_its_ssh_has_bound) {
  ask_.session = ask_.host_key = ask_.proof = "";
  EXPECT_THAT(why(), HasSubstr("8.9"));
}

TEST_F(root_signs_a_login, but_not_in_a_session_with_another_host_key) {
  ask_.host_key = detail::public_half_of(other_.get());
  ask_.proof = detail::sign_with(other_.get(), ask_.session, 0);
  EXPECT_EQ(why(), "the session is with another host key");
  ask_.host_key = blob_;
  EXPECT_EQ(why(), "the host key has not signed the session");
}

TEST_F(root_signs_a_login, but_not_with_a_forged_session) {
  const std::string honest = ask_.data;
  ask_.session = "session of another host, forged.";
  EXPECT_EQ(why(), "the host key has not signed the session");
  ask_.proof = detail::sign_with(key_.get(), ask_.session, 0);
  ask_.data = honest;
  EXPECT_EQ(why(), "what is to be signed is not of the session");
}

TEST_F(root_signs_a_login, but_nothing_else) {
  ask_.data = login("root", "publickey", "ssh-connection");
  EXPECT_EQ(why(), "the login is as another user");
  ask_.data = login("worker", "hostbased", "ssh-connection");
  EXPECT_EQ(why(), "the login is not by a key");
  ask_.data = login("worker", "publickey", "ssh-userauth");
  EXPECT_EQ(why(), "the login is for another service");
  ask_.data = login("worker", "publickey", "ssh-connection");
  ask_.key = "another blob";
  EXPECT_EQ(why(), "the login is by another key");
  ask_.data = login("worker", "publickey", "ssh-connection") + "x";
  EXPECT_EQ(why(), "what is to be signed is no login");
  for (std::size_t size = 0; size + 1 < ask_.data.size(); ++size) {
    sign_ask_message cut = ask_;
    cut.data.resize(size);
    ASSERT_NE(why_not_answer(cut, target_), "") << size;
  }
}

TEST_F(root_signs_a_login, but_not_without_end) {
  target_.asked = detail::max_asked - 1;
  EXPECT_EQ(why(), "");
  target_.asked = detail::max_asked;
  EXPECT_THAT(why(), HasSubstr("too many"));
}

TEST_F(root_signs_a_login, but_not_for_a_host_whose_key_it_does_not_know) {
  target_.key = "";
  EXPECT_EQ(why(), "the key of the host is not known");
  for (const char* nonsense : {"x", " ", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA"}) {
    target_.key = nonsense;
    EXPECT_EQ(why(), "the session is with another host key");
  }
}

}  // namespace
}  // namespace execo
