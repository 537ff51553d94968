#include <gtest/gtest.h>

#include <iterator>
#include <stdexcept>
#include <thread>

#include "execo/host_set.hpp"

namespace {

using execo::fold_style;
using execo::host_set;
using execo::host_set_errc;
using execo::host_set_error;

std::string error_of(std::string_view text) {
  try {
    return "read as " + host_set{text}.to_string();
  } catch (const host_set_error& error) {
    return error.what();
  }
}

std::string name_of(unsigned a, unsigned b) {
  return std::string{"r"}.append(std::to_string(a)).append("n").append(std::to_string(b));
}

TEST(host_set, folds_what_it_reads) {
  EXPECT_EQ(host_set{"node3,node1,node2,node7"}.to_string(), "node[1-3,7]");
  EXPECT_EQ(host_set{" b , a "}.to_string(), "a,b");
  EXPECT_EQ(host_set{""}.to_string(), "");
  EXPECT_EQ(host_set{"r[1-2]n[01-03]"}.size(), 6U);
}

TEST(host_set, takes_padding_as_part_of_the_name) {
  const host_set set{"n[8-12,08-12]"};
  EXPECT_EQ(set.to_string(), "n[8-9,08-12]");
  EXPECT_TRUE(set.contains("n8"));
  EXPECT_TRUE(set.contains("n08"));
  EXPECT_FALSE(set.contains("n008"));
}

TEST(host_set, applies_operators_strictly_left_to_right) {
  EXPECT_EQ(host_set{"n[1-5]!n3,n3"}.to_string(), "n[1-5]");
  EXPECT_EQ(host_set{"n[1-5]&n[2-9]^n2"}.to_string(), "n[3-5]");
}

TEST(host_set, goes_through_names_in_order_without_making_them_all) {
  const host_set set{"b[9-11],a2,a[01-02]"};
  EXPECT_EQ(std::vector<std::string>(set.begin(), set.end()), set.expand());
  EXPECT_EQ(set.expand(), (std::vector<std::string>{"a2", "a01", "a02", "b9", "b10", "b11"}));
  EXPECT_EQ(*host_set{"n[1-90000000]"}.begin(), "n1");
  static_assert(std::forward_iterator<host_set::iterator>);
}

TEST(host_set, finds_names_by_position) {
  const host_set set{"a,n[1-3]c[1-3]!n2c2"};
  const auto names = set.expand();
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(set[i], names[i]);
  EXPECT_THROW(static_cast<void>(set[set.size()]), std::out_of_range);
}

TEST(host_set, refuses_absurd_ranges_at_once) {
  for (const char* text : {"n[0-4294967295]", "n[0-99999]c[0-99999]", "n[0-90000000/2]",
                           "n[1-99999999],m[1-99999999]", "n[0-999999999999999999]"}) {
    try {
      static_cast<void>(host_set{text});
      ADD_FAILURE() << text;
    } catch (const host_set_error& error) {
      EXPECT_EQ(error.code(), host_set_errc::range) << text;
    }
  }
}

TEST(host_set, says_in_one_line_what_is_wrong_and_where) {
  EXPECT_EQ(error_of("foo[2-1]"),
            "host set \"foo[2-1]\", column 5: bad range \"2-1\": runs backwards: write the smaller "
            "number first");
  EXPECT_EQ(error_of("foo[1-2"), "host set \"foo[1-2\", column 4: '[' is not closed: add ']'");
  EXPECT_EQ(
      error_of("a,,b"),
      "host set \"a,,b\", column 2: a name is missing next to ',': remove the operator or add "
      "the name");
  const std::string long_text = std::string(10'000, 'x') + "]";
  EXPECT_LT(error_of(long_text).size(), 200U);
}

TEST(host_set, refuses_control_characters) {
  using namespace std::string_view_literals;
  for (std::string_view text : {"a\0"sv, "a\x1b"sv,
                                "n[1-\0"
                                "2]"sv,
                                "a\x7f,b"sv, "a,\xc2\x9b"sv, "n[1-2]\x01"sv}) {
    EXPECT_THROW(host_set{text}, host_set_error) << text;
  }
  EXPECT_TRUE(error_of("127.2.0.1\0x"sv).starts_with("host set \"127.2.0.1^@x\", column 10: "));
  EXPECT_EQ(host_set{"\n a\t, n[1-2] \n"}.to_string(), "a,n[1-2]");
}

TEST(host_set, reads_digits_around_a_bracket_as_part_of_each_index) {
  EXPECT_EQ(host_set{"n1[1-4]"}.to_string(), "n[11-14]");
  EXPECT_EQ(host_set{"n[1-3]0"}.to_string(), "n[10,20,30]");
  EXPECT_EQ(host_set{"node1[9-10]"}.to_string(), "node[19,110]");
  EXPECT_EQ(host_set{"0[7-10]"}.to_string(), "[07-09,010]");
}

TEST(host_set, refuses_ranges_with_three_bounds) {
  EXPECT_THROW(host_set{"foo[1-2-3]"}, host_set_error);
}

TEST(host_set, reads_addresses_users_and_ports) {
  EXPECT_EQ(host_set{"10.0.0.[1-3]"}.expand(),
            (std::vector<std::string>{"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
  EXPECT_EQ(host_set{"root@n[1-2]:2222"}.to_string(), "root@n[1-2]:2222");
  const host_set v6{"[fe80::1%eth0]:22,[fe80::2]:22,root@[::1],2001:db8::1"};
  EXPECT_EQ(v6.size(), 4U);
  EXPECT_EQ(host_set{v6.to_string()}, v6);
  EXPECT_TRUE(v6.contains("[fe80::2]:22"));
  EXPECT_TRUE(v6.contains("2001:db8::1"));
}

TEST(host_set, keeps_numbers_too_long_for_an_index_as_text) {
  const host_set set{"x12345678901234567890,x12345678901234567891"};
  EXPECT_EQ(set.size(), 2U);
  EXPECT_EQ(host_set{set.to_string()}, set);
  EXPECT_EQ(host_set{"x123456789012345678,x123456789012345679"}.to_string(),
            "x[123456789012345678-123456789012345679]");
  EXPECT_THROW(host_set{"x[12345678901234567890-12345678901234567891]"}, host_set_error);
  EXPECT_THROW(host_set{"x" + std::string(60, '1') + "[1]"}, host_set_error);
  EXPECT_THROW(host_set{"x[1]" + std::string(60, '1')}, host_set_error);
}

TEST(host_set, takes_a_name_as_it_is_when_asked_to) {
  const host_set set = host_set::from_names({"a,b", "c[1]", "@x", "n1"});
  EXPECT_EQ(set.size(), 4U);
  EXPECT_TRUE(set.contains("a,b"));
}

TEST(host_set, inserts_names_and_sets) {
  host_set set;
  for (const char* text : {"n1", "n3", "n[2-4]", "m", "n1"}) set.insert(text);
  EXPECT_EQ(set.to_string(), "m,n[1-4]");
  EXPECT_THROW(set.insert("n[1"), host_set_error);
  EXPECT_EQ(set.size(), 5U);
}

TEST(host_set, loses_some_of_many_patterns) {
  host_set set;
  for (char c = 'a'; c <= 'z'; ++c) set.insert(std::string(1, c));
  EXPECT_EQ((set - "c,x").size(), 24U);
  EXPECT_EQ((set & "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o").size(), 15U);
}

TEST(host_set, is_a_value) {
  const host_set first{"n[1-3]"};
  host_set second = first;
  second.insert("n4");
  second -= "n1";
  EXPECT_EQ(first.to_string(), "n[1-3]");
  EXPECT_EQ(second.to_string(), "n[2-4]");
  EXPECT_EQ(first | second, host_set{"n[1-4]"});
  EXPECT_EQ((first + "m" - "n2") & "n1,m", host_set{"m"} | host_set{"n1"});
  host_set self{"a,b"};
  self ^= self;
  EXPECT_TRUE(self.empty());
}

TEST(host_set, writes_steps_and_axes_as_told) {
  const host_set set{"n[0-10/2]c[1-2]"};
  EXPECT_EQ(set.to_string(fold_style{}.autostep(3)), "n[0-10/2]c[1-2]");
  EXPECT_EQ(host_set{"n[1-2]c[1-2]"}.to_string(fold_style{}.axis(1)), "n1c[1-2],n2c[1-2]");
}

TEST(host_set, splits_and_slices_in_order) {
  const host_set set{"n[1-7]"};
  const auto parts = set.split(3);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].to_string(), "n[1-3]");
  EXPECT_EQ(parts[2].to_string(), "n[6-7]");
  EXPECT_EQ(set.slice(1, 6, 2).to_string(), "n[2,4,6]");
  EXPECT_EQ(set.slice(5, 100).to_string(), "n[6-7]");
  EXPECT_THROW(static_cast<void>(set.split(0)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(set.slice(0, 1, 0)), std::invalid_argument);
}

TEST(host_set, can_be_asked_from_several_threads) {
  host_set set;
  for (unsigned i = 0; i < 3000; ++i) set.insert(name_of(i % 50, i));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&set] {
      EXPECT_EQ(set.size(), 3000U);
      EXPECT_EQ(set.expand().size(), 3000U);
      EXPECT_TRUE(set.contains("r7n7"));
    });
  }
}

TEST(host_set, folds_a_hundred_thousand_scattered_tuples) {
  host_set set;
  for (unsigned i = 0; i < 100'000; ++i) {
    const unsigned x = i * 2654435761U;
    set.insert(name_of(x % 1000, x / 1000 % 1000).append(name_of(x / 1'000'000 % 1000, 0)));
  }
  const std::string folded = set.to_string();
  EXPECT_EQ(host_set{folded}, set);
}

}  // namespace
