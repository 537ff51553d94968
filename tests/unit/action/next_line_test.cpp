// next_line(): the lines of all hosts of an action as a stream.
#include <gmock/gmock.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/composite.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/local.hpp"
#include "execo/sleep.hpp"
#include "execo/timeout.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::UnorderedElementsAre;

class next_lines : public on_each_backend {
 protected:
  next_lines() {
    hosts_.behaviour = [](const host&) {
      script s;
      s.out = "a\nb";
      s.err = "e\r\n";
      return s;
    };
  }
  static std::string shown(const host_line& l) {
    return l.host.name() + "#" + std::to_string(l.index) + " " + std::string(to_string(l.from)) +
           " " + l.text + (l.complete ? "" : "...");
  }
  static task<std::vector<std::string>> all_of(action& a) {
    std::vector<std::string> seen;
    while (auto line = co_await a.next_line()) seen.push_back(shown(*line));
    co_return seen;
  }
  fake_hosts hosts_;
};
EXECO_ON_EACH_BACKEND(next_lines);

TEST_P(next_lines, give_host_stream_and_text_besides_the_results) {
  fake_action a(hosts_, 2);
  auto seen = sync_wait(all_of(a));
  EXPECT_THAT(seen, UnorderedElementsAre("h0#0 out a", "h0#0 err e", "h0#0 out b...", "h1#1 out a",
                                         "h1#1 err e", "h1#1 out b..."));
  EXPECT_FALSE(sync_wait(a.next_line()));
  auto r = sync_wait(a.run());
  EXPECT_EQ(r["h1"].out, "a\nb");
}

TEST_P(next_lines, of_nested_actions_have_the_position_of_their_host_in_the_whole) {
  sequential all(fake_action(hosts_, 1), parallel(fake_action(hosts_, 1), fake_action(hosts_, 0)));
  auto seen = sync_wait(all_of(all));
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_EQ(seen.front(), "h0#0 out a");
  EXPECT_EQ(seen.back().substr(0, 5), "h0#1 ");
}

TEST_P(next_lines, of_an_action_that_was_started_come_if_it_was_told_to_keep_them) {
  fake_action kept(hosts_, 1);
  detail::set_keep_lines(kept);
  fake_action other(hosts_, 1);
  auto work = [&]() -> task<> {
    kept.start();
    (void)co_await kept.wait();
    auto seen = co_await all_of(kept);
    EXPECT_EQ(seen.size(), 3U);
    other.start();
    EXPECT_THROW((void)co_await other.next_line(), std::logic_error);
    (void)co_await other.wait();
  };
  sync_wait(work());
}

TEST_P(next_lines, are_not_lost_by_waits_that_are_stopped) {
  auto a = local("for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.01; done", 3).shell();
  std::map<std::string, std::string> seen;
  int stops = 0;
  auto work = [&]() -> task<> {
    for (;;) {
      auto line = co_await timeout(a.next_line(), 2ms);
      if (!line) {
        ++stops;
        continue;
      }
      if (!*line) co_return;
      seen[(*line)->host.name()] += (*line)->text;
    }
  };
  sync_wait(work());
  EXPECT_GT(stops, 0);
  for (const char* name : {"local-1", "local-2", "local-3"}) EXPECT_EQ(seen[name], "12345678");
}

TEST_P(next_lines, that_are_not_taken_hold_the_hosts_and_none_is_missing_afterwards) {
  for (unsigned ring_count : {1U, 3U}) {
    context c{rings(ring_count)};
    auto a = local({EXECO_CHILD_TARGET, "flood", "4M"}, 4).max_output(1000);
    std::size_t lines = 0;
    auto work = [&]() -> task<> {
      while (auto line = co_await a.next_line()) {
        EXPECT_EQ(line->text.size(), 63U);
        if (++lines > 1) continue;
        // Far more than what may wait would be written by then.
        co_await sleep(50ms);
        EXPECT_EQ(a.stats().done, 0U);
      }
    };
    sync_wait(c, work());
    EXPECT_EQ(lines, 4U * 4 * 1024 * 1024 / 64);
    EXPECT_TRUE(sync_wait(a.run()).ok());
  }
}

// Four of them are more than may wait, and each host has two.
TEST_P(next_lines, that_are_long_leave_no_host_held_for_good) {
  hosts_.behaviour = [](const host&) {
    script s;
    s.out = std::string(60'000, 'x') + "\n" + std::string(60'000, 'y') + "\n";
    return s;
  };
  fake_action a(hosts_, 40);
  std::size_t lines = 0;
  auto work = [&]() -> task<> {
    while (auto line = co_await a.next_line()) lines += line->text.size() == 60'000 ? 1 : 0;
  };
  sync_wait(work());
  EXPECT_EQ(lines, 80U);
}

TEST_P(next_lines, that_are_not_taken_do_not_keep_a_stopped_action) {
  auto a = local({EXECO_CHILD_TARGET, "flood", "1G"}, 3).max_output(1000);
  auto work = [&]() -> task<action_result> {
    (void)co_await a.next_line();
    co_await sleep(5ms);
    a.request_stop();
    co_return co_await a.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.stats().count(end_reason::cancelled), 3U);
  std::size_t left = 0;
  auto rest = [&]() -> task<> {
    while (auto line = co_await a.next_line()) ++left;
  };
  sync_wait(rest());
  EXPECT_GT(left, 0U) << "what came before is still there";
}

TEST_P(next_lines, are_followed_by_what_a_handler_threw) {
  fake_action a(hosts_, 1);
  a.state().commands.what.add_handler(
      on_end_call([](const ended_command&) { throw std::runtime_error("end"); }));
  std::size_t lines = 0;
  auto work = [&]() -> task<> {
    while (auto line = co_await a.next_line()) ++lines;
  };
  EXPECT_THROW(sync_wait(work()), std::runtime_error);
  EXPECT_EQ(lines, 3U);
}

}  // namespace
}  // namespace execo::test
