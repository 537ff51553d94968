#include "ssh/socks_dialogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "random_bytes.hpp"

namespace execo::detail {
namespace {

using namespace std::string_literals;

/// Gives it the bytes as it wants them, at most `most` at a time. What it answers.
std::string converse(socks_dialogue& with, std::string bytes, std::size_t most = 1000) {
  std::string answers;
  while (with.wanted() > 0 && !bytes.empty()) {
    std::size_t size = std::min({with.wanted(), bytes.size(), most});
    answers += with.take({bytes.data(), size});
    bytes.erase(0, size);
  }
  return answers;
}

const std::string hello5 = "\x05\x01\x00"s;
const std::string hello5_taken = "\x05\x00"s;

TEST(socks_dialogue, of_version_5_says_a_name_and_a_port) {
  for (std::size_t most : {1000, 1}) {
    socks_dialogue d;
    EXPECT_EQ(converse(d,
                       hello5 + "\x05\x01\x00\x03\x0b"
                                "example.org\x01\xbb"s,
                       most),
              hello5_taken);
    ASSERT_TRUE(d.is_complete()) << d.problem();
    EXPECT_EQ(d.wanted(), 0U);
    EXPECT_EQ(d.host(), "example.org");
    EXPECT_EQ(d.port(), 443);
    EXPECT_EQ(d.granted(), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s);
  }
}

TEST(socks_dialogue, of_version_5_says_an_address) {
  socks_dialogue v4;
  (void)converse(v4, hello5 + "\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\x90"s);
  EXPECT_TRUE(v4.is_complete());
  EXPECT_EQ(v4.host(), "127.0.0.1");
  EXPECT_EQ(v4.port(), 8080);
  socks_dialogue v6;
  (void)converse(v6, hello5 + "\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x50"s);
  EXPECT_TRUE(v6.is_complete());
  EXPECT_EQ(v6.host(), "::1");
  EXPECT_EQ(v6.port(), 80);
}

TEST(socks_dialogue, of_version_4_says_an_address_or_a_name) {
  socks_dialogue plain;
  EXPECT_EQ(converse(plain, "\x04\x01\x00\x50\x7f\x00\x00\x02user\x00"s), "");
  EXPECT_TRUE(plain.is_complete());
  EXPECT_EQ(plain.host(), "127.0.0.2");
  EXPECT_EQ(plain.port(), 80);
  EXPECT_EQ(plain.granted(), "\x00\x5a\x00\x00\x00\x00\x00\x00"s);
  EXPECT_EQ(plain.denied(socks_refusal::refused), "\x00\x5b\x00\x00\x00\x00\x00\x00"s);
  socks_dialogue named;
  EXPECT_EQ(converse(named,
                     "\x04\x01\x00\x50\x00\x00\x00\x01\x00"
                     "db.local\x00"s),
            "");
  EXPECT_TRUE(named.is_complete());
  EXPECT_EQ(named.host(), "db.local");
}

TEST(socks_dialogue, takes_nothing_of_what_follows_the_request) {
  for (const std::string& request :
       {hello5 + "\x05\x01\x00\x03\x01x\x00\x50"s, "\x04\x01\x00\x50\x7f\x00\x00\x02\x00"s,
        "\x04\x01\x00\x50\x00\x00\x00\x01\x00x\x00"s}) {
    socks_dialogue d;
    std::string rest = request + "GET /";
    while (d.wanted() > 0 && !rest.empty()) {
      std::size_t size = std::min(d.wanted(), rest.size());
      (void)d.take({rest.data(), size});
      rest.erase(0, size);
    }
    EXPECT_TRUE(d.is_complete());
    EXPECT_EQ(rest, "GET /");
  }
}

TEST(socks_dialogue, names_the_cause_when_it_denies) {
  socks_dialogue d;
  (void)converse(d, hello5 + "\x05\x01\x00\x03\x01x\x00\x50"s);
  EXPECT_EQ(d.denied(socks_refusal::failed)[1], 1);
  EXPECT_EQ(d.denied(socks_refusal::not_allowed)[1], 2);
  EXPECT_EQ(d.denied(socks_refusal::unreachable)[1], 4);
  EXPECT_EQ(d.denied(socks_refusal::refused)[1], 5);
}

TEST(socks_dialogue, ends_where_a_client_asks_for_something_else) {
  class wrong {
   public:
    std::string bytes;
    std::string answer;
  };
  const std::vector<wrong> all{
      wrong{"GET / HTTP/1.1\r\n", ""},
      wrong{"\x05\x00"s, "\x05\xff"s},
      wrong{"\x05\x01\x02"s, "\x05\xff"s},
      wrong{hello5 + "\x04\x01\x00\x01"s, hello5_taken},
      wrong{hello5 + "\x05\x02\x00\x01"s,
            hello5_taken + "\x05\x07\x00\x01"s + std::string(6, '\0')},
      wrong{hello5 + "\x05\x01\x00\x02"s,
            hello5_taken + "\x05\x08\x00\x01"s + std::string(6, '\0')},
      wrong{hello5 + "\x05\x01\x00\x03\x00\x00\x50"s,
            hello5_taken + "\x05\x01\x00\x01"s + std::string(6, '\0')},
      wrong{hello5 + "\x05\x01\x00\x03\x03"
                     "a b\x00\x50"s,
            hello5_taken + "\x05\x01\x00\x01"s + std::string(6, '\0')},
      wrong{hello5 + "\x05\x01\x00\x03\x01"
                     "a\x00\x00"s,
            hello5_taken + "\x05\x01\x00\x01"s + std::string(6, '\0')},
      wrong{"\x04\x02\x00\x50\x7f\x00\x00\x01"s, "\x00\x5b"s + std::string(6, '\0')},
      wrong{"\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00"s, "\x00\x5b"s + std::string(6, '\0')},
      wrong{"\x04\x01\x00\x50\x7f\x00\x00\x01"s + std::string(300, 'u'),
            "\x00\x5b"s + std::string(6, '\0')},
  };
  for (const wrong& one : all) {
    socks_dialogue d;
    EXPECT_EQ(converse(d, one.bytes), one.answer) << testing::PrintToString(one.bytes);
    EXPECT_FALSE(d.is_complete());
    EXPECT_EQ(d.wanted(), 0U) << testing::PrintToString(one.bytes);
    EXPECT_FALSE(d.problem().empty());
  }
}

TEST(socks_dialogue, stays_within_its_bounds_whatever_comes) {
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    socks_dialogue d;
    std::string bytes = test::random_bytes(seed).take(700);
    bytes[0] = seed % 2 == 0 ? '\x05' : '\x04';
    if (seed % 3 != 0) bytes[1] = '\x01';
    if (seed % 4 == 0) bytes.replace(1, 6, "\x01\x00\x05\x01\x00\x03"s);
    std::string answers = converse(d, bytes);
    EXPECT_LE(answers.size(), 12U);
    EXPECT_LE(d.wanted(), socks_dialogue::max_wanted);
    if (!d.is_complete()) continue;
    EXPECT_FALSE(d.host().empty());
    EXPECT_LE(d.host().size(), 255U);
    EXPECT_GT(d.port(), 0);
    EXPECT_LE(d.port(), 65535);
  }
}

}  // namespace
}  // namespace execo::detail
