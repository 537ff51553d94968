#include "wire/reduction_table.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/message_limits.hpp"

namespace execo::test {
namespace {

using detail::contribute_message;
using detail::index_ranges;
using detail::reduce_operation;
using detail::reduction_table;

constexpr std::uint32_t talk = 7;

contribute_message given_by(const index_ranges& hosts, reduce_operation operation,
                            std::int64_t number = 0, std::string_view text = {}) {
  contribute_message made;
  made.run = talk;
  made.hosts = hosts;
  made.value.operation = operation;
  if (made.value.is_number()) made.value.set(number);
  made.text = text;
  return made;
}

/// What went up.
class raised {
 public:
  index_ranges hosts;
  detail::reduce_value value;
  std::string text;
};
std::vector<raised> flush(reduction_table& table) {
  std::vector<raised> all;
  table.flush(talk, [&all](const contribute_message& one) {
    all.push_back({one.hosts, one.value, std::string(one.text)});
  });
  return all;
}

TEST(reduction_tables, join_what_all_below_have_given) {
  reduction_table table;
  const index_ranges open(4, 6);
  EXPECT_FALSE(table.is_due(talk, open));
  EXPECT_TRUE(table.add(given_by(index_ranges(4), reduce_operation::sum, 40)));
  EXPECT_FALSE(table.is_due(talk, open));
  EXPECT_TRUE(table.add(given_by(index_ranges(5, 6), reduce_operation::sum, -51)));
  ASSERT_TRUE(table.is_due(talk, open));
  const auto all = flush(table);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].hosts, open);
  EXPECT_EQ(all[0].value.integer(), -11);
  EXPECT_FALSE(table.is_due(talk, open));
}

TEST(reduction_tables, keep_a_set_of_hosts_for_each_text_of_a_histogram) {
  reduction_table table;
  EXPECT_TRUE(table.add(given_by(index_ranges(1), reduce_operation::histogram, 0, "red")));
  EXPECT_TRUE(table.add(given_by(index_ranges(2), reduce_operation::histogram, 0, "blue")));
  EXPECT_TRUE(table.add(given_by(index_ranges(3, 9), reduce_operation::histogram, 0, "red")));
  const auto all = flush(table);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].text, "red");
  EXPECT_EQ(all[0].hosts, index_ranges(1) | index_ranges(3, 9));
  EXPECT_EQ(all[1].hosts, index_ranges(2));
}

TEST(reduction_tables, leave_folds_and_other_operations_apart) {
  reduction_table table;
  EXPECT_TRUE(table.add(given_by(index_ranges(1), reduce_operation::fold, 0, "x")));
  EXPECT_TRUE(table.add(given_by(index_ranges(2), reduce_operation::fold, 0, "x")));
  EXPECT_TRUE(table.add(given_by(index_ranges(3), reduce_operation::sum, 1)));
  EXPECT_TRUE(table.add(given_by(index_ranges(4), reduce_operation::maximum, 1)));
  EXPECT_EQ(flush(table).size(), 4U);
}

TEST(reduction_tables, take_one_value_of_a_host_until_it_has_heard_the_result) {
  reduction_table table;
  EXPECT_TRUE(table.add(given_by(index_ranges(1, 4), reduce_operation::sum, 1)));
  EXPECT_FALSE(table.add(given_by(index_ranges(4, 5), reduce_operation::sum, 1)));
  (void)flush(table);
  EXPECT_FALSE(table.add(given_by(index_ranges(2), reduce_operation::sum, 1)));
  EXPECT_TRUE(table.drop(talk, index_ranges(1, 4)));
  EXPECT_TRUE(table.add(given_by(index_ranges(2), reduce_operation::sum, 1)));
}

TEST(reduction_tables, do_not_wait_for_who_runs_no_more) {
  reduction_table table;
  EXPECT_TRUE(table.add(given_by(index_ranges(1), reduce_operation::minimum, 1)));
  EXPECT_FALSE(table.drop(talk, index_ranges(2)));
  EXPECT_FALSE(table.is_due(talk, index_ranges(1, 3)));
  EXPECT_TRUE(table.is_due(talk, index_ranges(1)));
  // What has ended after it gave goes up at once.
  EXPECT_TRUE(table.drop(talk, index_ranges(1)));
  EXPECT_EQ(flush(table).size(), 1U);
}

TEST(reduction_tables, do_not_hold_more_texts_than_a_window) {
  reduction_table table;
  const index_ranges open(0, 1000);
  std::uint32_t host = 0;
  std::string text(detail::talk_text_limit, 'x');
  while (!table.is_due(talk, open)) {
    text.replace(0, 4, std::to_string(1000 + host));
    ASSERT_TRUE(table.add(given_by(index_ranges(host++), reduce_operation::histogram, 0, text)));
  }
  EXPECT_EQ(host, detail::talk_window / detail::talk_text_limit);
}

TEST(reduction_tables, count_a_sum_once_that_needs_several_frames) {
  reduction_table table;
  constexpr std::uint32_t hosts = 20'000;
  for (std::uint32_t i = 0; i < hosts; ++i)
    ASSERT_TRUE(table.add(given_by(index_ranges(i * 300), reduce_operation::sum, 2)));
  const auto all = flush(table);
  EXPECT_GT(all.size(), 1U);
  std::int64_t sum = 0;
  std::uint64_t count = 0;
  for (const raised& one : all) {
    sum += one.value.integer();
    count += one.hosts.count();
  }
  EXPECT_EQ(sum, 2 * hosts);
  EXPECT_EQ(count, hosts);
}

/// A tree of agents, each of `arity` children: host `i` is the parent of i * arity + 1 and on.
class sum_up {
 public:
  sum_up(std::uint32_t hosts, std::uint32_t arity) : hosts_(hosts), arity_(arity) {}
  /// What the agent of this host sends to its parent, once all below it have given 3.
  std::vector<raised> frames_of(std::uint32_t host) {
    reduction_table table;
    index_ranges below(host);
    EXPECT_TRUE(table.add(given_by(index_ranges(host), reduce_operation::sum, 3)));
    for (std::uint32_t i = 1; i <= arity_ && host * arity_ + i < hosts_; ++i) {
      for (const raised& one : frames_of(host * arity_ + i)) {
        contribute_message message = given_by(one.hosts, reduce_operation::sum);
        message.value = one.value;
        EXPECT_TRUE(table.add(message));
        below |= one.hosts;
      }
    }
    EXPECT_TRUE(table.is_due(talk, below));
    return flush(table);
  }

 private:
  std::uint32_t hosts_, arity_;
};

TEST(reduction_tables, send_the_sum_of_a_thousand_hosts_in_one_frame_a_link) {
  for (std::uint32_t arity : {1U, 8U, 64U}) {
    const std::vector<raised> all = sum_up(1000, arity).frames_of(0);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].hosts, index_ranges(0, 999));
    EXPECT_EQ(all[0].value.integer(), 3000);
  }
}

}  // namespace
}  // namespace execo::test
