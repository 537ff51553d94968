#include "tree/talk_group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "wire/message_limits.hpp"

namespace execo::test {
namespace {

using detail::accepted_message;
using detail::consumed_message;
using detail::contribute_message;
using detail::deliver_message;
using detail::gathered_message;
using detail::index_ranges;
using detail::reduce_operation;
using detail::say_message;
using detail::talk_link;
using testing::ElementsAre;
using testing::IsEmpty;

/// Hosts 101 to 104 are of the ranks 1 to 4, the first two behind link 1, the others behind 2.
class talk_groups : public testing::Test, public detail::talk_way {
 protected:
  void SetUp() override { group->use(*this, 7); }
  void join(std::uint32_t rank) { group->join(rank, 100 + rank, link_of(rank)); }
  void join_all() {
    for (std::uint32_t rank = 1; rank <= 4; ++rank) join(rank);
  }
  static talk_link link_of(std::uint32_t rank) { return rank <= 2 ? 1 : 2; }

  bool say(std::uint32_t rank, const index_ranges& to, std::string_view bytes) {
    say_message what;
    what.run = 7;
    what.hosts = index_ranges(100 + rank);
    what.to_all = to.empty();
    what.to_ranks = to;
    what.bytes = bytes;
    return group->take(link_of(rank), what);
  }
  bool consume(std::uint32_t rank, std::size_t bytes) {
    consumed_message what;
    what.run = 7;
    what.hosts = index_ranges(100 + rank);
    what.bytes = static_cast<std::uint32_t>(bytes);
    return group->take(link_of(rank), what);
  }
  static contribute_message contribution(const index_ranges& hosts, reduce_operation operation,
                                         std::int64_t number, std::string_view text = "") {
    contribute_message what;
    what.run = 7;
    what.hosts = hosts;
    what.value.operation = operation;
    if (what.value.is_number()) what.value.set(number);
    what.text = text;
    return what;
  }
  bool contribute(std::uint32_t rank, reduce_operation operation, std::int64_t number,
                  std::string_view text = "") {
    return group->take(link_of(rank),
                       contribution(index_ranges(100 + rank), operation, number, text));
  }

  void tell(talk_link to, deliver_message what) override {
    EXPECT_EQ(what.run, 7U);
    what.hosts.for_each([&](std::uint32_t host) {
      EXPECT_EQ(to, link_of(host - 100));
      delivered.emplace_back(what.from, host - 100, std::string(what.bytes));
    });
  }
  void tell(talk_link, accepted_message what) override {
    accepted.emplace_back(what.hosts.front() - 100, what.receivers);
  }
  void tell(talk_link, gathered_message what) override {
    gathered |= what.hosts;
    last = what;
    last_text = what.text;
  }

  detail::intrusive_ptr<detail::talk_group> group{new detail::talk_group(4)};
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::string>> delivered;  // from, to, bytes
  std::vector<std::pair<std::uint32_t, std::uint32_t>> accepted;                 // rank, receivers
  index_ranges gathered;
  gathered_message last;
  std::string last_text;
};

using from_to = std::tuple<std::uint32_t, std::uint32_t, std::string>;
using rank_count = std::pair<std::uint32_t, std::uint32_t>;

TEST_F(talk_groups, deliver_to_ranks_and_to_all_others) {
  join_all();
  ASSERT_TRUE(say(1, index_ranges(2) | index_ranges(4), "a"));
  EXPECT_THAT(delivered, ElementsAre(from_to(1, 2, "a"), from_to(1, 4, "a")));
  EXPECT_THAT(accepted, ElementsAre(rank_count(1, 2)));
  delivered.clear();
  ASSERT_TRUE(say(3, {}, "b"));
  EXPECT_THAT(delivered, ElementsAre(from_to(3, 1, "b"), from_to(3, 2, "b"), from_to(3, 4, "b")));
  EXPECT_THAT(accepted, ElementsAre(rank_count(1, 2), rank_count(3, 3)));
}

TEST_F(talk_groups, wait_for_who_has_not_come_and_pass_over_who_has_gone) {
  join(1);
  join(2);
  join(3);
  ASSERT_TRUE(say(1, {}, "x"));
  EXPECT_THAT(delivered, IsEmpty());
  group->leave(3);
  EXPECT_THAT(accepted, IsEmpty());
  join(4);
  EXPECT_THAT(delivered, ElementsAre(from_to(1, 2, "x"), from_to(1, 4, "x")));
  EXPECT_THAT(accepted, ElementsAre(rank_count(1, 2)));
  ASSERT_TRUE(say(1, index_ranges(3), "y"));
  EXPECT_THAT(accepted, ElementsAre(rank_count(1, 2), rank_count(1, 0)));
}

TEST_F(talk_groups, let_senders_wait_while_a_receiver_has_no_room) {
  join_all();
  const std::string large(detail::talk_limit, 'l');
  ASSERT_TRUE(say(1, index_ranges(2), large));
  ASSERT_TRUE(say(3, index_ranges(2), large));
  ASSERT_TRUE(say(4, index_ranges(2), "waits"));
  EXPECT_EQ(accepted.size(), 2U);
  ASSERT_TRUE(say(3, index_ranges(1), "others do not wait"));
  EXPECT_EQ(accepted.size(), 3U);
  ASSERT_TRUE(consume(2, detail::talk_charge(large.size())));
  EXPECT_EQ(std::get<2>(delivered.back()), "waits");
  EXPECT_EQ(accepted.back(), rank_count(4, 1));
}

TEST_F(talk_groups, let_nobody_wait_for_one_that_has_gone_with_its_room) {
  join_all();
  const std::string large(detail::talk_limit, 'l');
  ASSERT_TRUE(say(1, index_ranges(2), large));
  ASSERT_TRUE(say(1, index_ranges(2), large));
  ASSERT_TRUE(say(1, index_ranges(2), large));
  ASSERT_TRUE(say(3, index_ranges(2) | index_ranges(4), "late"));
  EXPECT_EQ(accepted.size(), 2U);
  group->lose(link_of(2));
  EXPECT_THAT(delivered.back(), from_to(3, 4, "late"));
  EXPECT_EQ(accepted.size(), 3U);  // the sender behind that link has gone, too
  EXPECT_EQ(accepted.back(), rank_count(3, 1));
}

TEST_F(talk_groups, refuse_who_speaks_for_others_or_out_of_turn) {
  join_all();
  say_message of_nobody;
  of_nobody.run = 7;
  of_nobody.hosts = index_ranges(999);
  of_nobody.to_all = true;
  EXPECT_FALSE(group->take(1, of_nobody));
  EXPECT_FALSE(say(1, index_ranges(5), "to no rank"));
  EXPECT_FALSE(consume(1, 1));
  const std::string large(detail::talk_limit, 'l');
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(say(1, index_ranges(2), large));
  EXPECT_FALSE(say(1, index_ranges(3), "while the last one waits"));
  ASSERT_TRUE(contribute(1, reduce_operation::sum, 1));
  EXPECT_FALSE(contribute(1, reduce_operation::sum, 1));
  EXPECT_FALSE(group->take(1, contribution(index_ranges(999), reduce_operation::sum, 1)));
}

// What it has said before is on its way when its host has ended, or is reached in another way.
TEST_F(talk_groups, take_what_comes_late_and_do_nothing) {
  join_all();
  group->leave(2);
  EXPECT_TRUE(say(2, {}, "late"));
  EXPECT_TRUE(consume(2, 100));
  EXPECT_TRUE(contribute(2, reduce_operation::sum, 100));
  group->join(2, 102, 2);
  EXPECT_TRUE(group->take(1, contribution(index_ranges(102), reduce_operation::sum, 1)));
  EXPECT_THAT(delivered, IsEmpty());
  for (std::uint32_t rank : {1U, 3U, 4U}) EXPECT_TRUE(contribute(rank, reduce_operation::sum, 1));
  EXPECT_TRUE(gathered.empty());
}

TEST_F(talk_groups, end_a_barrier_when_all_that_are_there_have_come) {
  join(1);
  join(2);
  ASSERT_TRUE(contribute(1, reduce_operation::barrier, 0));
  ASSERT_TRUE(contribute(2, reduce_operation::barrier, 0));
  EXPECT_TRUE(gathered.empty());
  group->leave(3);
  EXPECT_TRUE(gathered.empty());
  group->leave(4);
  EXPECT_EQ(gathered, index_ranges(101, 102));
  EXPECT_EQ(last.took, 2U);
}

TEST_F(talk_groups, end_a_barrier_when_one_of_it_is_lost) {
  join_all();
  for (std::uint32_t rank = 1; rank <= 3; ++rank)
    ASSERT_TRUE(contribute(rank, reduce_operation::barrier, 0));
  group->leave(3);
  EXPECT_TRUE(gathered.empty());
  group->leave(4);
  EXPECT_EQ(gathered, index_ranges(101, 102));
  EXPECT_EQ(last.took, 3U);
}

TEST_F(talk_groups, reduce_what_comes_joined_and_alone_one_after_the_other) {
  join_all();
  std::vector<std::int64_t> found;
  group->set_on_reduced(
      [&found](const detail::talk_result& result) { found.push_back(result.value.integer()); });
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(group->take(1, contribution(index_ranges(101, 102), reduce_operation::sum, 30)));
    ASSERT_TRUE(contribute(4, reduce_operation::sum, 5));
    ASSERT_TRUE(contribute(3, reduce_operation::sum, -1));
    EXPECT_EQ(gathered, index_ranges(101, 104));
    EXPECT_EQ(last.value.integer(), 34);
    gathered.clear();
  }
  EXPECT_THAT(found, ElementsAre(34, 34));
}

TEST_F(talk_groups, tell_one_that_does_another_reduction_what_the_others_do) {
  join_all();
  ASSERT_TRUE(contribute(1, reduce_operation::sum, 1));
  ASSERT_TRUE(contribute(2, reduce_operation::maximum, 1));
  EXPECT_EQ(gathered, index_ranges(102));
  EXPECT_EQ(last.took, 0U);
  EXPECT_EQ(last_text, "the others are at another one: sum");
  for (std::uint32_t rank = 2; rank <= 4; ++rank)
    ASSERT_TRUE(contribute(rank, reduce_operation::sum, 1));
  EXPECT_EQ(last.value.integer(), 4);
}

TEST_F(talk_groups, count_texts_and_fold_them) {
  join_all();
  for (std::uint32_t rank = 1; rank <= 4; ++rank)
    ASSERT_TRUE(contribute(rank, reduce_operation::histogram, 0, rank == 2 ? "blue" : "red"));
  EXPECT_EQ(last_text, "1 blue\n3 red\n");
  group->set_fold([](const auto& texts) {
    std::string all;
    for (const auto& [rank, text] : texts) all += std::to_string(rank) + text;
    if (all.ends_with("!")) throw std::runtime_error("no");
    return all;
  });
  for (std::uint32_t rank = 4; rank >= 1; --rank)
    ASSERT_TRUE(contribute(rank, reduce_operation::fold, 0, "x"));
  EXPECT_EQ(last_text, "1x2x3x4x");
  for (std::uint32_t rank = 1; rank <= 4; ++rank)
    ASSERT_TRUE(contribute(rank, reduce_operation::fold, 0, "!"));
  EXPECT_EQ(last.took, 0U);
  EXPECT_EQ(last_text, "the function to fold with has thrown");
}

class counting_waiter final : public detail::talk_waiter {
 public:
  void talk_done(std::uint32_t receivers) noexcept override {
    ++done;
    last = receivers;
  }
  int done = 0;
  std::uint32_t last = 0;
};

TEST_F(talk_groups, give_messages_to_the_root_as_it_takes_them) {
  join_all();
  const std::string large(detail::talk_limit, 'l');
  for (std::uint32_t rank = 1; rank <= 4; ++rank) ASSERT_TRUE(say(rank, index_ranges(0), large));
  EXPECT_EQ(accepted.size(), 2U);
  counting_waiter waiter;
  group->await_message(waiter);
  EXPECT_EQ(waiter.done, 1);
  for (std::uint32_t rank = 1; rank <= 4; ++rank) EXPECT_EQ(group->receive()->first, rank);
  EXPECT_EQ(accepted.size(), 4U);
  EXPECT_FALSE(group->receive());
  group->await_message(waiter);
  ASSERT_TRUE(say(2, index_ranges(0), "m"));
  EXPECT_EQ(waiter.done, 2);
  EXPECT_EQ(group->receive()->second, "m");
}

TEST_F(talk_groups, release_who_waits_when_they_are_over) {
  join(1);
  counting_waiter sender, receiver, gone;
  group->send(index_ranges(1, 4), "m", sender);
  group->send(index_ranges(1, 4), "m", gone);
  group->await_message(receiver);
  EXPECT_EQ(sender.done + receiver.done, 0);
  group->forget(gone);
  group->close();
  EXPECT_EQ(sender.done, 1);
  EXPECT_EQ(receiver.done, 1);
  EXPECT_EQ(gone.done, 0);
  group->send(index_ranges(1), "m", sender);
  EXPECT_EQ(sender.done, 2);
  EXPECT_TRUE(say(1, {}, "late"));
}

}  // namespace
}  // namespace execo::test
