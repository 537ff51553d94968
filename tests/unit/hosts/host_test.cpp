#include <gtest/gtest.h>

#include <stdexcept>

#include "execo/host.hpp"

namespace {

using execo::host;

TEST(host, reads_user_name_and_port) {
  const host h{"root@node1:2222"};
  EXPECT_EQ(h.user(), "root");
  EXPECT_EQ(h.name(), "node1");
  EXPECT_EQ(h.port(), 2222);
  EXPECT_EQ(h.to_string(), "root@node1:2222");
}

TEST(host, reads_a_bare_name) {
  const host h = "node1";
  EXPECT_EQ(h.user(), "");
  EXPECT_EQ(h.port(), 0);
  EXPECT_EQ(h.to_string(), "node1");
}

TEST(host, reads_ipv6_literals) {
  EXPECT_EQ(host{"fe80::1%eth0"}.name(), "fe80::1%eth0");
  EXPECT_EQ(host{"fe80::1"}.port(), 0);
  const host h{"me@[fe80::1]:22"};
  EXPECT_EQ(h.name(), "fe80::1");
  EXPECT_EQ(h.port(), 22);
  EXPECT_EQ(h.to_string(), "me@[fe80::1]:22");
  EXPECT_EQ(host{h.to_string()}, h);
}

TEST(host, refuses_what_is_no_host) {
  for (const char* text : {"", "@n", "n:", "n:0", "n:65536", "n:x", "[fe80::1", "[::1]22", "u@"}) {
    EXPECT_THROW(host{text}, std::invalid_argument) << text;
  }
}

TEST(host, refuses_names_that_no_host_has) {
  using namespace std::string_view_literals;
  for (std::string_view text :
       {"a b"sv, "a\tb"sv, "a\nb"sv, " a"sv, "a "sv, "a\0"sv, "127.0.0.1\0\nvictim ssh-ed25519"sv,
        "a\x1b[2J"sv, "a\x7f"sv, "a\xc2\x9b"sv, "\xc2\x85"sv, "[a b]:22"sv, "u\x1b@a"sv, "u\n@a"sv,
        "u\0@a"sv}) {
    EXPECT_THROW(host{text}, std::invalid_argument) << text;
  }
  EXPECT_EQ(host{"j doe@b\xc3\xbc"
                 "cher"}
                .name(),
            "b\xc3\xbc"
            "cher");
}

TEST(host, tells_what_is_wrong_with_a_name_and_shows_it_whole) {
  using namespace std::string_view_literals;
  try {
    (void)host{"h1 h2"};
    ADD_FAILURE();
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "host \"h1 h2\": a name cannot have blanks: separate hosts by commas");
  }
  try {
    (void)host{"127.2.0.1\0\x1bx"sv};
    ADD_FAILURE();
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(),
                 "host \"127.2.0.1^@^[x\": a name cannot have control characters: remove them");
  }
}

TEST(host, is_a_small_ordered_value) {
  EXPECT_LE(sizeof(host), 40U);
  const host a{"a"};
  host b = host{"x@a:1"};
  EXPECT_LT(a, b);
  b = a;
  EXPECT_EQ(a, b);
}

}  // namespace
