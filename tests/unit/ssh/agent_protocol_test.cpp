#include "ssh/agent_protocol.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace execo::detail {
namespace {

constexpr std::size_t length_size = 4;

std::string field(const std::string& text) {
  return std::string(2, '\0') + static_cast<char>(text.size() >> 8U) +
         static_cast<char>(text.size()) + text;
}

std::string list_of(unsigned char count, const std::string& fields) {
  return std::string("\x0c\0\0\0", 4) + static_cast<char>(count) + fields;
}

TEST(agent_protocol, reads_a_list_of_keys) {
  std::vector<agent_key> keys;
  std::string message = list_of(2, field("blob") + field("me@here") + field("other") + field(""));
  ASSERT_EQ(read_list(message, keys), agent_reply::good);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].blob, "blob");
  EXPECT_EQ(keys[0].comment, "me@here");
  EXPECT_EQ(keys[1].blob, "other");
  EXPECT_EQ(keys[1].comment, "");
  ASSERT_EQ(read_list(list_of(0, ""), keys), agent_reply::good);
  EXPECT_TRUE(keys.empty());
}

TEST(agent_protocol, does_not_trust_a_list_that_is_cut_or_too_long) {
  std::vector<agent_key> keys;
  std::string whole = list_of(2, field("blob") + field("c") + field("other") + field("d"));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(read_list(whole.substr(0, size), keys), agent_reply::malformed) << size;
  EXPECT_EQ(read_list(std::string("\x0c\xff\xff\xff\xff", 5), keys), agent_reply::malformed);
  EXPECT_EQ(read_list(list_of(1, field(std::string(max_agent_field + 1, 'b')) + field("")), keys),
            agent_reply::malformed);
  EXPECT_TRUE(keys.empty());
}

TEST(agent_protocol, tells_a_refusal_from_another_message) {
  std::vector<agent_key> keys;
  std::string signature;
  for (const char* failure : {"\x05", "\x1e", "\x66"}) {
    EXPECT_EQ(read_list(failure, keys), agent_reply::refused);
    EXPECT_EQ(read_signature(failure, signature), agent_reply::refused);
  }
  EXPECT_EQ(read_list("\x0e", keys), agent_reply::malformed);
  EXPECT_EQ(read_signature(list_of(0, ""), signature), agent_reply::malformed);
}

TEST(agent_protocol, reads_a_signature) {
  std::string signature;
  EXPECT_EQ(read_signature("\x0e" + field("made"), signature), agent_reply::good);
  EXPECT_EQ(signature, "made");
  EXPECT_EQ(read_signature("\x0e" + field(""), signature), agent_reply::malformed);
  EXPECT_EQ(read_signature("\x0e" + field("made").substr(0, 7), signature), agent_reply::malformed);
}

TEST(agent_protocol, finds_a_request_for_a_signature_among_others) {
  signature_request wanted;
  wanted.key = "key";
  wanted.data = std::string("da\0ta", 5);
  wanted.flags = 4;
  auto found = find_sign_request(list_request() + sign_request(wanted));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, wanted.key);
  EXPECT_EQ(found->data, wanted.data);
  EXPECT_EQ(found->flags, 4U);
  EXPECT_FALSE(find_sign_request(list_request()));
  EXPECT_FALSE(find_sign_request(""));
  std::string whole = sign_request(wanted);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(find_sign_request(whole.substr(0, size))) << size;
}

TEST(agent_protocol, answers_as_it_reads_answers) {
  agent_key key;
  key.blob = "blob";
  std::vector<agent_key> keys;
  std::string message = list_answer(key);
  EXPECT_EQ(first_message_size(message), message.size() - length_size);
  EXPECT_EQ(read_list(message.substr(length_size), keys), agent_reply::good);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].blob, "blob");
  std::string signature;
  EXPECT_EQ(read_signature(sign_answer("made").substr(length_size), signature), agent_reply::good);
  EXPECT_EQ(signature, "made");
}

TEST(agent_protocol, knows_the_size_of_a_message_when_it_has_come) {
  EXPECT_FALSE(first_message_size(std::string(3, '\0')));
  EXPECT_EQ(first_message_size(std::string("\0\1\0\2", 4)), 65538U);
}

}  // namespace
}  // namespace execo::detail
