#include "io/output_capture.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "base/byte_budget.hpp"
#include "fleet_fixture.hpp"
#include "support/file_bytes.hpp"
#include "unit/loop/loop_harness.hpp"

namespace execo::test {
namespace {

using detail::output_capture;
using detail::overflow_kind;
using detail::sink_spec;

class capture_of_output : public ::testing::Test, public detail::output_file_owner {
 protected:
  void configure(std::size_t cap, overflow_kind beyond, const std::string& path = "") {
    sink_spec spec(sink_spec::kind::capture);
    spec.cap = cap;
    spec.beyond = beyond;
    spec.path.text = path;
    captured.configure(spec, 0, harness.loop, *this);
  }
  bool take(std::string_view bytes) {
    total += bytes.size();
    std::span<const char> rest = captured.take_head(bytes);
    return rest.empty() || captured.take_beyond(rest);
  }

  loop_harness harness;
  std::string text;
  detail::output_charge charge;
  output_capture captured{text, charge};
  std::uint64_t total = 0;
  int failures = 0;

 private:
  void on_file_flushed() noexcept override {}
  void on_file_failed(std::error_code, std::string) noexcept override { ++failures; }
};

TEST_F(capture_of_output, that_is_not_asked_for_keeps_and_counts_nothing) {
  EXPECT_FALSE(captured.configured());
  EXPECT_TRUE(take("bytes"));
  captured.complete();
  EXPECT_EQ(text, "");
  EXPECT_EQ(captured.dropped(), 0U);
  EXPECT_EQ(captured.limit(), output_limit::none);
}

TEST_F(capture_of_output, keeps_the_beginning_and_gives_the_rest_back) {
  captured.configure(5);
  EXPECT_TRUE(captured.configured());
  EXPECT_TRUE(captured.take_head(std::string_view("abc")).empty());
  std::span<const char> rest = captured.take_head(std::string_view("defg"));
  EXPECT_EQ(std::string_view(rest.data(), rest.size()), "fg");
  EXPECT_TRUE(captured.take_beyond(rest));
  EXPECT_EQ(text, "abcde");
  EXPECT_EQ(captured.head(), "abcde");
  EXPECT_EQ(captured.dropped(), 2U);
  EXPECT_EQ(captured.limit(), output_limit::stream);
}

TEST_F(capture_of_output, with_just_enough_room_is_not_capped) {
  captured.configure(5);
  EXPECT_TRUE(take("abcde"));
  EXPECT_EQ(captured.limit(), output_limit::none);
}

TEST_F(capture_of_output, of_no_bytes_counts_them_and_is_not_capped) {
  captured.configure(0);
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(captured.dropped(), 3U);
  EXPECT_EQ(captured.limit(), output_limit::none);
}

TEST_F(capture_of_output, of_head_and_tail_keeps_both_whatever_the_pieces) {
  std::minstd_rand random(7);
  for (int round = 0; round < 200; ++round) {
    std::string kept, all;
    detail::output_charge uncharged;
    output_capture both(kept, uncharged);
    sink_spec spec(sink_spec::kind::capture);
    spec.cap = random() % 40;
    spec.beyond = overflow_kind::head_and_tail;
    both.configure(spec, 0, harness.loop, *this);
    for (unsigned pieces = random() % 8; pieces > 0; --pieces) {
      std::string piece(random() % 30, static_cast<char>('a' + pieces));
      all += piece;
      std::span<const char> rest = both.take_head(piece);
      EXPECT_TRUE(rest.empty() || both.take_beyond(rest));
    }
    std::size_t cap = *spec.cap;
    bool fits = all.size() <= cap;
    std::string expected =
        fits ? all : all.substr(0, cap - cap / 2) + all.substr(all.size() - cap / 2);
    EXPECT_EQ(both.size(), expected.size());
    EXPECT_EQ(both.head(), all.substr(0, cap - cap / 2));
    both.complete();
    EXPECT_EQ(kept, expected) << "of " << all << " in " << cap;
    EXPECT_EQ(both.dropped(), all.size() - expected.size());
    EXPECT_EQ(both.head(), all.substr(0, cap - cap / 2)) << "the end is no beginning";
  }
}

TEST_F(capture_of_output, spills_the_rest_into_a_file_that_is_there_when_all_is_whole) {
  scratch_directory folder;
  std::string path = folder.path() + "/rest";
  configure(3, overflow_kind::spill, path);
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(captured.file(), nullptr) << "nothing to write yet";
  EXPECT_TRUE(take("def"));
  EXPECT_TRUE(take("gh"));
  ASSERT_NE(captured.file(), nullptr);
  EXPECT_TRUE(harness.turn_until([&] { return captured.flushed() && !captured.busy(); }));
  captured.complete();
  EXPECT_FALSE(captured.file()->finalize(true));
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(file_bytes(path), "defgh");
  EXPECT_EQ(captured.dropped(), 0U);
  EXPECT_EQ(failures, 0);
}

TEST_F(capture_of_output, says_that_the_run_has_to_end_where_that_was_asked_for) {
  configure(2, overflow_kind::kill);
  EXPECT_TRUE(take("ab"));
  EXPECT_FALSE(captured.ends_the_run());
  EXPECT_TRUE(take("c"));
  EXPECT_TRUE(captured.ends_the_run());
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(captured.dropped(), 1U);
  EXPECT_EQ(captured.limit(), output_limit::stream);
}

constexpr std::size_t always = output_capture::always_kept;
constexpr std::size_t kib = 1024;

/// Draws on a budget, which others have used up to some part.
class capture_with_a_budget : public capture_of_output {
 protected:
  ~capture_with_a_budget() override { budget->give_back(used_by_others); }
  void leave(std::size_t bytes) {
    charge.bind(budget.get());
    used_by_others = budget->take(0, limit - bytes);
  }
  std::size_t used() const { return budget->used() - used_by_others; }
  void finish() {
    captured.complete();
    captured.charge_exactly();
    EXPECT_EQ(used(), text.size());
  }

  static constexpr std::size_t limit = 1024 * kib;
  detail::intrusive_ptr<detail::byte_budget> budget{new detail::byte_budget(limit)};
  std::size_t used_by_others = 0;
};

TEST_F(capture_with_a_budget, takes_little_for_little_and_gives_back_what_it_does_not_need) {
  leave(limit);
  captured.configure(limit);
  EXPECT_EQ(used(), 0U);
  EXPECT_TRUE(take(std::string(20, 'x')));
  EXPECT_LE(used(), 256U);
  EXPECT_TRUE(take(std::string(2000, 'x')));
  EXPECT_LE(used(), 2 * 2020U);
  finish();
  EXPECT_EQ(captured.limit(), output_limit::none);
}

TEST_F(capture_with_a_budget, asks_for_more_in_steps_that_grow) {
  leave(limit);
  captured.configure(limit);
  std::size_t steps = 0;
  for (std::size_t i = 0; i < 512 * kib; i += 100) {
    std::size_t before = used();
    EXPECT_TRUE(take(std::string(100, 'x')));
    if (used() != before) ++steps;
    EXPECT_LE(used(), total + std::max<std::size_t>(256, std::min(total, 256 * kib)));
  }
  EXPECT_LE(steps, 16U);
  finish();
}

TEST_F(capture_with_a_budget, keeps_what_is_left_of_it_and_counts_the_rest) {
  leave(10'000);
  captured.configure(limit);
  EXPECT_TRUE(take(std::string(6'000, 'a')));
  EXPECT_EQ(captured.limit(), output_limit::none);
  EXPECT_TRUE(take(std::string(6'000, 'b')));
  EXPECT_TRUE(take("c"));
  EXPECT_EQ(text, std::string(6'000, 'a') + std::string(4'000, 'b'));
  EXPECT_EQ(captured.head(), text);
  EXPECT_EQ(captured.dropped(), 2'001U);
  EXPECT_EQ(captured.limit(), output_limit::context);
  EXPECT_EQ(budget->used(), limit);
  finish();
}

TEST_F(capture_with_a_budget, takes_no_more_when_there_is_some_again) {
  leave(10'000);
  captured.configure(limit);
  EXPECT_TRUE(take(std::string(10'001, 'a')));
  budget->give_back(std::exchange(used_by_others, 0));
  EXPECT_TRUE(take("b"));
  EXPECT_EQ(text, std::string(10'000, 'a')) << "it is the beginning of the output";
  EXPECT_EQ(captured.dropped(), 2U);
  finish();
}

TEST_F(capture_with_a_budget, that_is_spent_keeps_a_little_all_the_same) {
  leave(0);
  captured.configure(limit);
  for (std::size_t i = 0; i < 2 * always; i += 64) EXPECT_TRUE(take(std::string(64, 'x')));
  EXPECT_EQ(text.size(), always);
  EXPECT_EQ(captured.dropped(), always);
  EXPECT_EQ(captured.limit(), output_limit::context);
  EXPECT_EQ(budget->used(), limit + always);
  finish();
}

TEST_F(capture_with_a_budget, that_is_spent_still_has_its_own_cap) {
  leave(0);
  captured.configure(5);
  EXPECT_TRUE(take("abcdefg"));
  EXPECT_EQ(text, "abcde");
  EXPECT_EQ(captured.limit(), output_limit::stream);
  EXPECT_EQ(used(), 5U);
  finish();
}

TEST_F(capture_with_a_budget, of_no_bytes_takes_nothing) {
  leave(limit);
  captured.configure(0);
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(used(), 0U);
  finish();
}

TEST_F(capture_with_a_budget, that_is_spent_keeps_a_little_of_the_end_too) {
  leave(0);
  configure(limit, overflow_kind::head_and_tail);
  std::string all;
  for (int i = 0; i < 10'000; ++i) {
    std::string line = std::to_string(i) + "\n";
    EXPECT_TRUE(take(line));
    all += line;
  }
  EXPECT_EQ(used(), 2 * always);
  finish();
  EXPECT_EQ(text, all.substr(0, always) + all.substr(all.size() - always));
  EXPECT_EQ(captured.dropped(), all.size() - 2 * always);
  EXPECT_EQ(captured.limit(), output_limit::context);
}

TEST_F(capture_with_a_budget, keeps_a_beginning_and_an_end_whatever_is_left) {
  std::minstd_rand random(11);
  for (int round = 0; round < 300; ++round) {
    auto left =
        detail::intrusive_ptr<detail::byte_budget>(new detail::byte_budget(random() % (24 * kib)));
    std::string kept, all;
    detail::output_charge mine;
    mine.bind(left.get());
    output_capture both(kept, mine);
    sink_spec spec(sink_spec::kind::capture);
    spec.cap = random() % (32 * kib);
    bool with_tail = round % 2 == 0;
    spec.beyond = with_tail ? overflow_kind::head_and_tail : overflow_kind::head;
    both.configure(spec, 0, harness.loop, *this);
    for (unsigned pieces = random() % 12; pieces > 0; --pieces) {
      std::string piece;
      for (std::size_t n = random() % (8 * kib); piece.size() < n;)
        piece += std::to_string(random());
      all += piece;
      std::span<const char> rest = both.take_head(piece);
      EXPECT_TRUE(rest.empty() || both.take_beyond(rest));
    }
    std::size_t head = both.head().size();
    both.complete();
    both.charge_exactly();
    EXPECT_EQ(left->used(), kept.size());
    EXPECT_EQ(kept.size() + both.dropped(), all.size());
    EXPECT_LE(kept.size(), *spec.cap);
    EXPECT_EQ(kept.substr(0, head), all.substr(0, head));
    EXPECT_EQ(kept.substr(head), all.substr(all.size() - (kept.size() - head)));
    EXPECT_LE(kept.size(), std::max(left->limit(), 2 * always) + always);
    bool fits = all.size() <= *spec.cap;
    if (fits && all.size() <= left->limit() / 2) {
      EXPECT_EQ(kept, all);
    }
    if (kept != all && *spec.cap > 0) {
      EXPECT_NE(both.limit(), output_limit::none);
    }
    if (left->limit() > 2 * *spec.cap) {
      EXPECT_NE(both.limit(), output_limit::context);
    }
  }
}

TEST_F(capture_with_a_budget, that_is_spent_leaves_all_the_rest_to_the_file) {
  scratch_directory folder;
  std::string path = folder.path() + "/rest";
  leave(0);
  configure(limit, overflow_kind::spill, path);
  std::string all;
  for (int i = 0; i < 3'000; ++i) {
    std::string line = std::to_string(i) + "\n";
    all += line;
    EXPECT_TRUE(take(line));
  }
  ASSERT_NE(captured.file(), nullptr);
  EXPECT_TRUE(harness.turn_until([&] { return captured.flushed() && !captured.busy(); }));
  finish();
  EXPECT_FALSE(captured.file()->finalize(true));
  EXPECT_EQ(text.size(), always);
  EXPECT_EQ(text + file_bytes(path), all);
  EXPECT_EQ(captured.dropped(), 0U);
  EXPECT_EQ(captured.limit(), output_limit::none);
}

TEST_F(capture_with_a_budget, that_is_spent_does_not_end_the_run_before_its_cap) {
  leave(0);
  configure(2 * always, overflow_kind::kill);
  EXPECT_TRUE(take(std::string(2 * always, 'x')));
  EXPECT_FALSE(captured.ends_the_run());
  EXPECT_EQ(captured.limit(), output_limit::context);
  EXPECT_TRUE(take("y"));
  EXPECT_TRUE(captured.ends_the_run());
  EXPECT_EQ(captured.cap(), 2 * always);
  finish();
}

TEST_F(capture_with_a_budget, is_charged_for_what_a_reader_left_even_if_that_is_more) {
  leave(10);
  captured.replace("what a reader left");
  captured.charge_exactly();
  EXPECT_EQ(used(), text.size());
  captured.replace("less");
  captured.charge_exactly();
  EXPECT_EQ(used(), 4U);
}

TEST_F(capture_of_output, shows_what_a_reader_left_in_place_of_what_it_kept) {
  captured.replace("unread");
  captured.complete();
  EXPECT_EQ(text, "unread");
}

}  // namespace
}  // namespace execo::test
