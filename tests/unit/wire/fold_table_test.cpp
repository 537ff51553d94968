#include "wire/fold_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "random_bytes.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::command_end;
using detail::ended_message;
using detail::fold_result;
using detail::fold_table;
using detail::folded_message;
using detail::index_ranges;
using detail::wire_time;

constexpr wire_time start{};

folded_message printed(std::string_view bytes, const index_ranges& hosts, std::uint32_t run = 1) {
  folded_message message;
  message.run = run;
  message.hosts = hosts;
  message.digest = fold_table::digest_of(bytes);
  message.bytes = bytes;
  return message;
}

folded_message again(folded_message message) {
  message.has_bytes = false;
  message.bytes = {};
  return message;
}

ended_message exited(const index_ranges& hosts, std::uint32_t code = 0, std::uint32_t run = 1) {
  ended_message message;
  message.run = run;
  message.hosts = hosts;
  message.code = code;
  hosts.for_each([&](std::uint32_t index) { message.measures.emplace_back().elapsed_us = index; });
  return message;
}

// What a flush gives, with copies of the bytes.
class given {
 public:
  explicit given(fold_table& table) {
    table.flush([this](const auto& message) { take(message); });
  }
  void take(const folded_message& message) {
    texts.push_back(std::string(message.bytes));
    outputs.push_back(message);
  }
  void take(const ended_message& message) { ends.push_back(message); }

  std::vector<folded_message> outputs;
  std::vector<std::string> texts;
  std::vector<ended_message> ends;
};

fold_table table_for(const index_ranges& hosts, std::size_t bytes = 262'144) {
  fold_table table(bytes);
  table.expect(1, hosts);
  return table;
}

TEST(fold_table, gives_one_text_and_all_who_printed_it) {
  fold_table table = table_for(index_ranges(0, 9));
  EXPECT_EQ(table.due(), std::nullopt);
  for (std::uint32_t host = 0; host < 10; ++host)
    EXPECT_EQ(table.add(printed(host == 4 ? "other\n" : "same\n", index_ranges(host)), start),
              fold_result::taken);
  const given all(table);
  ASSERT_EQ(all.texts, (std::vector<std::string>{"same\n", "other\n"}));
  EXPECT_EQ(all.outputs[0].hosts, index_ranges(0, 9) - index_ranges(4));
  EXPECT_EQ(all.outputs[1].hosts, index_ranges(4));
  EXPECT_EQ(table.due(), std::nullopt);
  EXPECT_TRUE(given(table).outputs.empty());
}

TEST(fold_table, sends_the_bytes_up_once) {
  fold_table table = table_for(index_ranges(0, 2));
  const folded_message text = printed("same\n", index_ranges(0));
  EXPECT_EQ(table.add(text, start), fold_result::taken);
  EXPECT_TRUE(given(table).outputs.at(0).has_bytes);
  EXPECT_EQ(table.add(printed("same\n", index_ranges(1)), start), fold_result::taken);
  EXPECT_FALSE(given(table).outputs.at(0).has_bytes);
  EXPECT_EQ(table.add(again(printed("same\n", index_ranges(2))), start), fold_result::taken);
  const given last(table);
  EXPECT_FALSE(last.outputs.at(0).has_bytes);
  EXPECT_EQ(last.outputs.at(0).hosts, index_ranges(2));
}

TEST(fold_table, does_not_fold_streams_blocks_or_runs_into_each_other) {
  fold_table table = table_for(index_ranges(0, 9));
  table.expect(2, index_ranges(0, 9));
  folded_message errors = printed("x", index_ranges(1));
  errors.stream = detail::command_stream::errors;
  folded_message second = printed("x", index_ranges(2));
  second.offset = detail::chunk_limit;
  for (const folded_message& message :
       {printed("x", index_ranges(0)), errors, second, printed("x", index_ranges(3), 2)})
    EXPECT_EQ(table.add(message, start), fold_result::taken);
  EXPECT_EQ(given(table).outputs.size(), 4U);
}

TEST(fold_table, is_due_after_its_time_or_when_all_have_ended) {
  fold_table table = table_for(index_ranges(0, 1));
  EXPECT_EQ(table.add(printed("x", index_ranges(0)), start), fold_result::taken);
  EXPECT_EQ(table.add(printed("x", index_ranges(1)), start + 50ms), fold_result::taken);
  EXPECT_EQ(table.due(), start + 100ms);
  EXPECT_FALSE(table.is_due(start + 99ms));
  EXPECT_TRUE(table.is_due(start + 100ms));
  EXPECT_EQ(table.add(exited(index_ranges(0)), start + 50ms), fold_result::taken);
  EXPECT_FALSE(table.is_due(start + 99ms));
  EXPECT_EQ(table.add(exited(index_ranges(1)), start + 50ms), fold_result::taken);
  EXPECT_TRUE(table.is_due(start + 50ms));
}

TEST(fold_table, holds_what_comes_for_as_long_as_it_is_told) {
  fold_table table = table_for(index_ranges(0, 2));
  table.set_hold(5s);
  EXPECT_EQ(table.add(printed("x", index_ranges(0)), start), fold_result::taken);
  EXPECT_EQ(table.add(printed("x", index_ranges(1)), start + 4s), fold_result::taken);
  EXPECT_FALSE(table.is_due(start + 4999ms));
  EXPECT_TRUE(table.is_due(start + 5s));
  const given first(table);
  ASSERT_EQ(first.outputs.size(), 1U);
  EXPECT_EQ(first.outputs[0].hosts, index_ranges(0, 1));
  table.set_hold(0ms);
  EXPECT_EQ(table.add(printed("x", index_ranges(2)), start + 6s), fold_result::taken);
  EXPECT_TRUE(table.is_due(start + 6s));
}

TEST(fold_table, joins_ends_that_are_alike_with_the_numbers_of_each_host) {
  fold_table table = table_for(index_ranges(0, 99));
  for (std::uint32_t host : {7U, 3U, 5U, 4U, 6U})
    EXPECT_EQ(table.add(exited(index_ranges(host), host == 5 ? 2 : 0), start), fold_result::taken);
  EXPECT_EQ(table.add(exited(index_ranges(20, 29)), start), fold_result::taken);
  const given all(table);
  ASSERT_EQ(all.ends.size(), 2U);
  const ended_message& good = all.ends[0];
  EXPECT_EQ(good.hosts, (index_ranges(3, 7) - index_ranges(5)) | index_ranges(20, 29));
  std::size_t place = 0;
  good.hosts.for_each(
      [&](std::uint32_t index) { EXPECT_EQ(good.measures.at(place++).elapsed_us, index); });
  EXPECT_EQ(all.ends[1].hosts, index_ranges(5));
}

TEST(fold_table, gives_ends_in_messages_that_a_decoder_takes) {
  constexpr std::uint32_t hosts = 3'000;
  fold_table table = table_for(index_ranges(0, hosts - 1));
  for (std::uint32_t host = 0; host < hosts; ++host)
    ASSERT_EQ(table.add(exited(index_ranges(host)), start), fold_result::taken);
  std::uint64_t sum = 0;
  for (const ended_message& end : given(table).ends) {
    EXPECT_LE(end.hosts.count(), detail::measured_hosts_limit);
    sum += end.hosts.count();
  }
  EXPECT_EQ(sum, hosts);
}

TEST(fold_table, refuses_a_digest_that_is_not_that_of_the_bytes) {
  fold_table table = table_for(index_ranges(0, 9));
  folded_message forged = printed("rm", index_ranges(1));
  forged.digest = fold_table::digest_of("ls");
  EXPECT_EQ(table.add(forged, start), fold_result::forged);
  EXPECT_EQ(table.add(printed("ls", index_ranges(2)), start), fold_result::taken);
  EXPECT_EQ(table.add(forged, start), fold_result::forged);
  EXPECT_EQ(given(table).texts, (std::vector<std::string>{"ls"}));
}

TEST(fold_table, passes_on_what_it_cannot_hold) {
  fold_table table = table_for(index_ranges(0, 9), 1'000);
  EXPECT_EQ(table.add(printed(std::string(2'000, 'x'), index_ranges(0)), start),
            fold_result::apart);
  EXPECT_EQ(table.add(again(printed("never seen", index_ranges(0))), start), fold_result::unknown);
}

TEST(fold_table, takes_nothing_about_hosts_that_are_not_expected_or_have_ended) {
  fold_table table = table_for(index_ranges(0, 1));
  EXPECT_EQ(table.add(printed("x", index_ranges(2)), start), fold_result::unexpected);
  EXPECT_EQ(table.add(printed("x", index_ranges(0), 2), start), fold_result::unexpected);
  EXPECT_EQ(table.add(exited(index_ranges(0)), start), fold_result::taken);
  EXPECT_EQ(table.add(exited(index_ranges(0)), start), fold_result::unexpected);
  EXPECT_EQ(table.add(printed("x", index_ranges(0)), start), fold_result::unexpected);
  EXPECT_EQ(table.add(exited(index_ranges(1)), start), fold_result::taken);
  EXPECT_EQ(table.add(exited(index_ranges(1)), start), fold_result::unexpected);
}

TEST(fold_table, holds_no_more_than_its_bytes_and_loses_nothing) {
  constexpr std::size_t limit = 20'000;
  constexpr std::uint32_t hosts = 2'000;
  std::mt19937_64 random(5);
  fold_table table = table_for(index_ranges(0, hosts - 1), limit);
  std::map<std::string, index_ranges> sent;
  std::map<std::string, index_ranges> received;
  std::map<detail::bytes16, std::string> above;  // what the root knows by digest
  auto flush = [&] {
    table.flush([&](const auto& message) {
      if constexpr (requires { message.digest; }) {
        if (message.has_bytes) above[message.digest] = std::string(message.bytes);
        ASSERT_EQ(above.count(message.digest), 1U);
        received[above[message.digest]] |= message.hosts;
      }
    });
  };
  for (std::uint32_t host = 0; host < hosts; ++host) {
    const std::string text = random_bytes(random() % 50).take(100 + random() % 2 * 500);
    const folded_message message = printed(text, index_ranges(host));
    fold_result result = table.add(message, start);
    if (result == fold_result::full) {
      EXPECT_TRUE(table.is_due(start));
      flush();
      result = table.add(message, start);
    }
    ASSERT_EQ(result, fold_result::taken);
    ASSERT_LE(table.held(), limit);
    sent[text] |= index_ranges(host);
  }
  flush();
  EXPECT_EQ(received, sent);
  table.forget(1);
  EXPECT_EQ(table.held(), 0U);
}

// The number that the whole is for: a leaf's answer costs the root next to nothing.
TEST(fold_table, lets_a_hundred_thousand_alike_answers_cross_in_a_few_bytes) {
  constexpr std::uint32_t hosts = 100'000;
  fold_table table = table_for(index_ranges(0, hosts - 1));
  const std::string text(200, 'x');
  std::size_t bytes = 0;
  for (std::uint32_t host = 0; host < hosts; ++host) {
    ASSERT_EQ(table.add(printed(text, index_ranges(host)), start), fold_result::taken);
    if (host % 1'000 == 999)
      table.flush([&](const auto& message) {
        bytes += detail::frame_header_size + body_of(message).size();
      });
  }
  EXPECT_LT(bytes, 10'000U);
}

}  // namespace
}  // namespace execo::test
