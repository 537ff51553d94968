#include "wire/ssh_agent_request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace execo::test {
namespace {

using detail::ssh_agent_reader;
using detail::ssh_agent_wish;

std::string field(std::string_view text) { return ssh_agent_reader::framed(text); }

std::string bind_request(bool forwards) {
  return '\x1b' + field("session-bind@openssh.com") + field("host key") + field("session") +
         field("proof") + std::string(1, forwards ? '\1' : '\0');
}

ssh_agent_wish wish_of(const std::string& message) { return ssh_agent_reader::read(message).wish; }

TEST(ssh_agent_requests, are_read_as_ssh_writes_them) {
  EXPECT_EQ(wish_of("\x0b"), ssh_agent_wish::keys);
  const std::string sign = '\x0d' + field("key") + field("data") + std::string("\0\0\0\4", 4);
  const auto read = ssh_agent_reader::read(sign);
  EXPECT_EQ(read.wish, ssh_agent_wish::signature);
  EXPECT_EQ(read.key, "key");
  EXPECT_EQ(read.data, "data");
  EXPECT_EQ(read.flags, 4U);
  const std::string bind = bind_request(true);
  const auto bound = ssh_agent_reader::read(bind);
  EXPECT_EQ(bound.wish, ssh_agent_wish::bind);
  EXPECT_EQ(bound.host_key, "host key");
  EXPECT_EQ(bound.session, "session");
  EXPECT_EQ(bound.proof, "proof");
  EXPECT_TRUE(bound.forwards);
  EXPECT_FALSE(ssh_agent_reader::read(bind_request(false)).forwards);
}

TEST(ssh_agent_requests, of_other_kinds_are_known_as_such) {
  EXPECT_EQ(wish_of("\x11 a key to add"), ssh_agent_wish::other);
  EXPECT_EQ(wish_of('\x1b' + field("query")), ssh_agent_wish::other);
}

TEST(ssh_agent_requests, that_are_cut_or_too_long_are_malformed) {
  const std::string bind = bind_request(false);
  for (std::size_t size = 0; size < bind.size(); ++size)
    EXPECT_NE(wish_of(bind.substr(0, size)), ssh_agent_wish::bind) << size;
  EXPECT_EQ(wish_of(bind + "x"), ssh_agent_wish::malformed);
  EXPECT_EQ(wish_of("\x0b"
                    "x"),
            ssh_agent_wish::malformed);
  EXPECT_EQ(wish_of(""), ssh_agent_wish::malformed);
  const std::string long_key(10'000, 'k');
  EXPECT_EQ(wish_of('\x0d' + field(long_key) + field("data") + std::string(4, '\0')),
            ssh_agent_wish::malformed);
}

TEST(ssh_agent_requests, tell_their_size_first) {
  bool malformed = false;
  EXPECT_FALSE(ssh_agent_reader::size_of(std::string_view("\0\0\0", 3), malformed));
  EXPECT_EQ(ssh_agent_reader::size_of(field("12345"), malformed), 9U);
  EXPECT_FALSE(malformed);
  (void)ssh_agent_reader::size_of(field(""), malformed);
  EXPECT_TRUE(malformed);
  (void)ssh_agent_reader::size_of("\xff\xff\xff\xff", malformed);
  EXPECT_TRUE(malformed);
}

}  // namespace
}  // namespace execo::test
