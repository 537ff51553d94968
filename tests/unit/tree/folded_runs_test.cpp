#include "tree/folded_runs.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unit/wire/link_ends.hpp"
#include "wire/fold_table.hpp"
#include "wire/message_limits.hpp"

namespace execo::test {
namespace {

using detail::command_stream;
using detail::ended_message;
using detail::execute_message;
using detail::fold_limit;
using detail::fold_table;
using detail::folded_message;
using detail::folded_run;
using detail::folded_runs;
using detail::index_ranges;
using detail::tree_seat;

class quiet_seat final : public tree_seat {
 public:
  explicit quiet_seat(std::uint32_t host) { host_in_tree = host; }
  void seat_up() override {}
  void seat_failed(detail::failure) override {}
  void seat_started() override {}
  void seat_output(const detail::output_message&) override {}
  void seat_credit(std::size_t) override {}
  void seat_has_room() override {}
  void seat_ended(const ended_message&) override {}
  void seat_lost(detail::failure) override {}
};

/// A run on hosts 0 to `count` - 1.
class run_of_hosts {
 public:
  explicit run_of_hosts(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      seats.push_back(std::make_unique<quiet_seat>(i));
      run.add(*seats.back());
    }
  }
  bool print(const folded_message& block) {
    return run.print(block, [this](tree_seat& seat, std::string_view bytes) {
      printed[seat.host_in_tree] += bytes;
    });
  }
  bool end(const index_ranges& hosts) {
    return run.end(hosts, [this](tree_seat&) { ++ended; });
  }

  std::vector<std::unique_ptr<quiet_seat>> seats;
  folded_run run;
  std::map<std::uint32_t, std::string> printed;
  std::size_t ended = 0;
};

folded_message block_of(std::string_view bytes, const index_ranges& hosts) {
  folded_message made;
  made.run = 1;
  made.hosts = hosts;
  made.digest = fold_table::digest_of(bytes);
  made.bytes = bytes;
  return made;
}

folded_message without_bytes(folded_message block) {
  block.has_bytes = false;
  block.bytes = {};
  return block;
}

TEST(folded_run, gives_the_bytes_of_a_block_to_all_its_hosts) {
  run_of_hosts all(4);
  EXPECT_TRUE(all.print(block_of("Linux\n", index_ranges(0, 1))));
  EXPECT_TRUE(all.print(without_bytes(block_of("Linux\n", index_ranges(3)))));
  EXPECT_EQ(all.printed,
            (std::map<std::uint32_t, std::string>{{0, "Linux\n"}, {1, "Linux\n"}, {3, "Linux\n"}}));
}

TEST(folded_run, takes_no_bytes_that_are_not_of_their_digest) {
  run_of_hosts all(4);
  folded_message forged = block_of("Linux\n", index_ranges(0));
  forged.bytes = "Lynux\n";
  EXPECT_FALSE(all.print(forged));
  EXPECT_TRUE(all.print(block_of("Linux\n", index_ranges(1))));
  EXPECT_FALSE(all.print(forged));
  EXPECT_FALSE(all.print(without_bytes(block_of("BSD\n", index_ranges(2)))));
  EXPECT_EQ(all.printed.size(), 1U);
}

TEST(folded_run, takes_each_output_of_a_host_once) {
  run_of_hosts all(4);
  folded_message errors = block_of("Linux\n", index_ranges(0));
  errors.stream = command_stream::errors;
  EXPECT_TRUE(all.print(block_of("Linux\n", index_ranges(0))));
  EXPECT_TRUE(all.print(errors));
  EXPECT_FALSE(all.print(errors));
  EXPECT_FALSE(all.print(block_of("more\n", index_ranges(0))));
  EXPECT_FALSE(all.print(without_bytes(block_of("Linux\n", index_ranges(0, 2)))));
}

TEST(folded_run, takes_no_more_than_a_host_may_keep) {
  run_of_hosts all(4);
  EXPECT_TRUE(all.print(block_of(std::string(fold_limit, 'x'), index_ranges(0))));
  EXPECT_FALSE(all.print(block_of(std::string(fold_limit + 1, 'x'), index_ranges(1))));
  EXPECT_FALSE(all.print(block_of("", index_ranges(2))));
  folded_message behind = block_of("x", index_ranges(3));
  behind.offset = detail::chunk_limit;
  EXPECT_FALSE(all.print(behind));
}

TEST(folded_run, hears_of_its_own_hosts_alone_and_of_none_behind_its_end) {
  run_of_hosts all(4);
  EXPECT_FALSE(all.print(block_of("x", index_ranges(4))));
  EXPECT_TRUE(all.end(index_ranges(1, 2)));
  EXPECT_FALSE(all.print(without_bytes(block_of("x", index_ranges(1)))));
  EXPECT_FALSE(all.end(index_ranges(1)));
  EXPECT_FALSE(all.run.start(index_ranges(2), [](tree_seat&) {}));
  EXPECT_TRUE(all.run.start(index_ranges(3), [](tree_seat&) {}));
  EXPECT_FALSE(all.run.start(index_ranges(3), [](tree_seat&) {}));
  EXPECT_FALSE(all.run.is_over());
  EXPECT_TRUE(all.end(index_ranges(0) | index_ranges(3)));
  EXPECT_TRUE(all.run.is_over());
}

TEST(folded_run, keeps_hosts_that_nobody_waits_for_until_they_have_ended) {
  run_of_hosts all(2);
  all.run.leave(0);
  EXPECT_TRUE(all.print(block_of("x", index_ranges(0, 1))));
  EXPECT_EQ(all.printed.size(), 1U);
  EXPECT_TRUE(all.end(index_ranges(0, 1)));
  EXPECT_EQ(all.ended, 1U);
}

TEST(folded_runs, join_orders_that_are_alike_and_keep_runs_of_links_apart) {
  folded_runs all;
  quiet_seat one(3), other(4);
  execute_message order;
  order.run = 7;
  order.words = {"true"};
  EXPECT_FALSE(all.may_join(order));
  all.join(one, execute_message(order));
  EXPECT_EQ(all.waiting_run(), 7U);
  EXPECT_TRUE(all.may_join(order));
  all.join(other, execute_message(order));
  order.rank_shift = 1;
  EXPECT_FALSE(all.may_join(order));
  detail::list_node seats;
  EXPECT_EQ(all.take_order(seats).words.front(), "true");
  EXPECT_EQ(all.waiting_run(), 0U);
  EXPECT_EQ(seats.next(), &one);
  all.open(7, 0).add(one);
  all.open(7, 1).add(other);
  EXPECT_TRUE(all.uses(7));
  all.drop(0);
  EXPECT_EQ(all.find(7, 0), nullptr);
  EXPECT_TRUE(all.find(7, 1)->end(index_ranges(4), [](tree_seat&) {}));
  all.forget(7, 1);
  EXPECT_FALSE(all.uses(7));
}

/// The last link: from a child of the root, which folds, to the root.
class last_link {
 public:
  explicit last_link(std::uint32_t hosts) : all(hosts) {
    ends_.parent.hand_over(index_ranges(0, hosts - 1));
    table_.expect(1, index_ranges(0, hosts - 1));
  }
  template <class Message>
  void say(const Message& message, detail::wire_time now) {
    if (table_.add(message, now) == detail::fold_result::full) {
      flush();
      EXPECT_EQ(table_.add(message, now), detail::fold_result::taken);
    }
    if (table_.is_due(now)) flush();
  }
  void flush() {
    table_.flush([this](const auto& message) {
      EXPECT_EQ(ends_.child.send(message), detail::send_result::queued);
      const std::string sent = take(ends_.child);
      bytes += sent.size();
      for (const received_frame& f : give(ends_.parent, sent)) hear(f);
      ends_.parent.grant();
      give(ends_.child, take(ends_.parent));
    });
  }

  run_of_hosts all;
  std::size_t bytes = 0;

 private:
  void hear(const received_frame& f) {
    if (f.type() == detail::frame_type::folded) {
      EXPECT_TRUE(all.print(folded_message::decode(f.view()).value()));
    } else {
      EXPECT_TRUE(all.end(ended_message::decode(f.view()).value().hosts));
    }
  }

  link_ends ends_;
  fold_table table_;
};

// They end in ten seconds, in any order among a thousand of them.
TEST(folded_run, hears_of_a_hundred_thousand_hosts_in_less_than_a_megabyte) {
  constexpr std::uint32_t hosts = 100'000;
  const std::string text(200, 'x');
  last_link link(hosts);
  for (std::uint32_t i = 0; i < hosts; ++i) {
    const std::uint32_t host = i / 1'000 * 1'000 + i * 619 % 1'000;
    const std::chrono::microseconds after(std::int64_t{10'000'000} * i / hosts);
    const detail::wire_time now = start_of_link + after;
    link.say(block_of(text, index_ranges(host)), now);
    ended_message end;
    end.run = 1;
    end.hosts = index_ranges(host);
    end.measures.resize(1);
    end.measures[0].elapsed_us = static_cast<std::uint64_t>(after.count());
    end.measures[0].output = text.size();
    link.say(end, now);
  }
  EXPECT_TRUE(link.all.run.is_over());
  EXPECT_EQ(link.all.ended, hosts);
  ASSERT_EQ(link.all.printed.size(), hosts);
  for (const auto& [host, bytes] : link.all.printed) ASSERT_EQ(bytes, text) << host;
  EXPECT_LT(link.bytes, 1'000'000U);
  RecordProperty("bytes", static_cast<int>(link.bytes));
}

}  // namespace
}  // namespace execo::test
