// parallel and sequential: order, results, stops and failures of nested actions, over hosts played
// by timers.
#include <gmock/gmock.h>

#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/composite.hpp"
#include "execo/local.hpp"
#include "execo/report.hpp"
#include "execo/sleep.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "long_count.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using numbers = std::vector<std::size_t>;

class composites : public on_each_backend {
 protected:
  /// An action on `count` hosts of its own, named by it: "a0", "a1", ...
  fake_action on(std::string name, std::size_t count, std::size_t fanout = 64) {
    fake_action made(hosts_, count);
    made.fanout(fanout);
    for (std::size_t i = 0; i < count; ++i) made.state().hosts[i] = host(name + std::to_string(i));
    made.state().commands.what.given_name = name;
    return made;
  }
  void every_host_takes(duration time) {
    hosts_.behaviour = [time](const host&) {
      script s;
      s.takes = time;
      return s;
    };
  }
  /// Hosts of an action named like this fail.
  void failing(char name) {
    hosts_.behaviour = [name](const host& where) {
      script s;
      s.code = where.name()[0] == name ? 1 : 0;
      return s;
    };
  }
  fake_hosts hosts_;
};
EXECO_ON_EACH_BACKEND(composites);

TEST_P(composites, run_members_at_once_or_one_after_the_other) {
  every_host_takes(5ms);
  auto side = sync_wait(parallel(on("a", 3), on("b", 3)).run());
  EXPECT_TRUE(side.ok());
  EXPECT_EQ(hosts_.most_open, 6);
  hosts_ = fake_hosts();
  auto behind = sync_wait(sequential(on("a", 3), on("b", 3), on("c", 1)).run());
  EXPECT_TRUE(behind.ok());
  EXPECT_EQ(hosts_.most_open, 3);
  EXPECT_THAT(hosts_.order, ElementsAre("a0", "a1", "a2", "b0", "b1", "b2", "c0"));
}

TEST_P(composites, give_the_results_of_all_members_and_of_each) {
  failing('b');
  auto r = sync_wait(
      parallel(on("a", 2), sequential(on("b", 1), on("c", 2)).name("chain"), on("d", 1)).run());
  EXPECT_FALSE(r.ok());
  ASSERT_EQ(r.all().size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(r.all()[i].index, i);
  EXPECT_EQ(r["c1"].index, 4U);
  EXPECT_EQ(r.stats().hosts, 6U);
  EXPECT_EQ(r.stats().ok, 5U);
  EXPECT_EQ(r.stats().bad_exits(), 1U);
  EXPECT_EQ(r.failed_hosts(), host_set("b0"));
  EXPECT_EQ(r.name(), "parallel");

  const auto parts = r.parts();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].name(), "a");
  EXPECT_TRUE(parts[0].ok());
  EXPECT_EQ(parts[0].all().size(), 2U);
  EXPECT_EQ(parts[1].name(), "chain");
  EXPECT_FALSE(parts[1].ok());
  EXPECT_EQ(parts[1].stats().hosts, 3U);
  EXPECT_EQ(parts[1].failed().size(), 1U);
  EXPECT_THROW((void)parts[1]["a0"], std::out_of_range);
  const auto inner = parts[1].parts();
  ASSERT_EQ(inner.size(), 2U);
  EXPECT_EQ(inner[1].all().at(0).host.name(), "c0");
  EXPECT_TRUE(inner[1].check().ok());
  EXPECT_THAT(parts[1].describe(), HasSubstr("1 of 3 hosts failed; the first: b0"));
  r = action_result();
  EXPECT_EQ(inner[1]["c1"].index, 4U) << "a part keeps what it shows";
}

TEST_P(composites, give_each_result_as_it_completes_and_say_which_member_it_is_of) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.takes = where.name()[0] == 'a' ? 40ms : 1ms;
    return s;
  };
  parallel all(on("a", 2), sequential(on("b", 0), on("c", 1), on("d", 2)));
  std::vector<std::string> order;
  auto work = [&]() -> task<> {
    while (auto r = co_await all.next()) {
      order.push_back(r->host.name());
      const bool of_first = r->host.name()[0] == 'a';
      EXPECT_EQ(all.member_of(*r), of_first ? 0U : 1U);
      numbers expected = r->host.name()[0] == 'c' ? numbers{1, 1} : numbers{1, 2};
      if (of_first) expected = numbers{0};
      EXPECT_EQ(all.path_of(*r), expected);
    }
  };
  sync_wait(work());
  ASSERT_EQ(order.size(), 5U);
  EXPECT_EQ(order[0], "c0");
  EXPECT_EQ(order[4][0], 'a');
  EXPECT_EQ(all.members(), 2U);
  host_result foreign;
  foreign.index = 5;
  EXPECT_THROW((void)all.member_of(foreign), std::out_of_range);
}

TEST_P(composites, are_slowed_down_by_a_slow_reader_member_by_member) {
  parallel all(on("a", 30, 2), on("b", 30, 3));
  std::size_t taken = 0;
  auto work = [&]() -> task<> {
    while (auto r = co_await all.next()) {
      ++taken;
      co_await sleep(1ms);
      EXPECT_LE(static_cast<std::size_t>(hosts_.opened) - taken, 5U);
    }
  };
  sync_wait(work());
  EXPECT_EQ(taken, 60U);
}

TEST_P(composites, take_results_one_by_one_after_some_were_kept) {
  sequential all(on("a", 3), on("b", 3, 1));
  std::size_t taken = 0;
  auto work = [&]() -> task<> {
    all.start();
    while (all.stats().done < 4) co_await sleep(1ms);
    while (auto r = co_await all.next()) ++taken;
  };
  sync_wait(work());
  EXPECT_EQ(taken, 6U);
  auto rest = sync_wait(all.run());
  EXPECT_TRUE(rest.all().empty());
  EXPECT_EQ(rest.stats().ok, 6U);
}

TEST_P(composites, go_on_after_a_member_that_failed_unless_asked_not_to) {
  failing('b');
  auto all = sync_wait(sequential(on("a", 1), on("b", 2), on("c", 2)).run());
  EXPECT_EQ(all.stats().ok, 3U);
  EXPECT_EQ(hosts_.opened, 5);
  hosts_.opened = 0;
  auto cut =
      sync_wait(sequential(on("a", 1), on("b", 2), on("c", 2), on("d", 1)).stop_on_failure().run());
  EXPECT_EQ(hosts_.opened, 3);
  EXPECT_EQ(cut.stats().ok, 1U);
  EXPECT_EQ(cut.hosts(end_reason::not_started), host_set("c[0-1],d0"));
  EXPECT_EQ(cut.all().size(), 6U);
  hosts_.opened = 0;
  auto nested =
      sync_wait(sequential(parallel(on("a", 1), on("b", 1)), on("c", 1)).stop_on_failure().run());
  EXPECT_EQ(nested.hosts(end_reason::not_started), host_set("c0"));
}

TEST_P(composites,
       skip_the_rest_of_a_sequence_after_a_member_without_hosts_only_if_that_is_a_fault) {
  auto faulty = sync_wait(sequential(on("a", 0), on("b", 1)).stop_on_failure().run());
  EXPECT_EQ(faulty.stats().count(end_reason::not_started), 1U);
  fake_action allowed = on("a", 0);
  allowed.state().allow_empty();
  auto fine = sync_wait(sequential(std::move(allowed), on("b", 1)).stop_on_failure().run());
  EXPECT_TRUE(fine.ok());
}

TEST_P(composites, are_not_ok_without_hosts_unless_that_is_allowed) {
  EXPECT_FALSE(sync_wait(parallel().run()).ok());
  EXPECT_FALSE(sync_wait(sequential().run()).ok());
  EXPECT_TRUE(sync_wait(sequential().allow_empty().run()).ok());
  auto one_empty = sync_wait(parallel(on("a", 0), on("b", 1)).run());
  EXPECT_FALSE(one_empty.ok());
  EXPECT_THAT(one_empty.describe(), HasSubstr("no host"));
  EXPECT_TRUE(sync_wait(parallel(on("a", 0), on("b", 1)).allow_empty().run()).ok());
  EXPECT_FALSE(sync_wait(parallel().next()));
}

TEST_P(composites, end_what_runs_and_begin_no_member_when_they_are_stopped_or_killed) {
  every_host_takes(1h);
  for (bool by_kill : {false, true}) {
    hosts_.opened = hosts_.closed = hosts_.open = 0;
    parallel all(sequential(on("a", 2), on("b", 3)),
                 sequential(sequential(on("c", 1), on("d", 1)), on("e", 1)));
    auto work = [&]() -> task<action_result> {
      all.start();
      while (all.stats().running < 3) co_await sleep(1ms);
      co_await sleep(2ms);
      if (by_kill) {
        all.kill();
      } else {
        all.request_stop();
      }
      co_return co_await all.wait();
    };
    auto r = sync_wait(work());
    EXPECT_EQ(hosts_.opened, 3);
    EXPECT_EQ(hosts_.closed, 3);
    EXPECT_EQ(r.hosts(by_kill ? end_reason::signaled : end_reason::cancelled),
              host_set("a[0-1],c0"));
    EXPECT_EQ(r.hosts(end_reason::not_started), host_set("b[0-2],d0,e0"));
  }
}

TEST_P(composites, that_are_stopped_before_their_start_start_nothing) {
  parallel all(on("a", 2), sequential(on("b", 1), on("c", 1)));
  auto work = [&]() -> task<> {
    auto at_once = []() -> task<int> { co_return 0; };
    (void)co_await when_any(at_once(), all.run());
  };
  sync_wait(work());
  auto r = sync_wait(all.run());
  EXPECT_EQ(r.stats().count(end_reason::not_started), 4U);
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(composites, whose_handle_is_dropped_take_all_members_with_them) {
  every_host_takes(1h);
  auto work = [&]() -> task<> {
    parallel all(sequential(on("a", 3), on("b", 1)), on("c", 2));
    all.start();
    while (hosts_.open < 5) co_await sleep(1ms);
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.opened, 5);
  EXPECT_EQ(hosts_.closed, 5);
}

TEST_P(composites, that_were_never_started_leave_nothing) {
  parallel all(on("a", 3), sequential(on("b", 2)));
  (void)all;
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(composites, outlive_their_context_with_their_results) {
  every_host_takes(1h);
  sequential all(on("a", 2), on("b", 2));
  auto work = [&]() -> task<> {
    all.start();
    while (hosts_.open < 2) co_await sleep(1ms);
  };
  sync_wait(work());
  auto r = sync_wait(all.run());
  EXPECT_EQ(r.stats().count(end_reason::cancelled), 2U);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 2U);
}

TEST_P(composites, throw_what_a_handler_of_a_member_threw_when_all_have_ended) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.takes = where.name() == "b0" ? duration(3ms) : duration(1h);
    return s;
  };
  fake_action b = on("b", 1);
  b.state().commands.what.add_handler(
      on_end_call([](const ended_command&) { throw std::runtime_error("of b"); }));
  parallel all(on("a", 2), sequential(std::move(b), on("c", 1)));
  EXPECT_THROW(sync_wait(all.run()), std::runtime_error);
  EXPECT_EQ(hosts_.opened, 3);
  EXPECT_EQ(hosts_.closed, 3);
  EXPECT_EQ(all.stats().done, 4U);
}

TEST_P(composites, call_the_handlers_of_each_action_around_those_of_its_members) {
  std::vector<std::string> seen;
  auto watched = [&](auto&& a, const std::string& name) {
    detail::add_action_handler(a, on_action_start_call([&seen, name](const started_action& s) {
                                 seen.push_back(name + "+" + std::to_string(s.hosts));
                               }));
    detail::add_action_handler(a, on_action_end_call([&seen, name](const ended_action& e) {
                                 seen.push_back(name + (e.ok ? "-" : "!"));
                               }));
    return std::move(a);
  };
  failing('b');
  sequential all(watched(on("a", 2), "a"), watched(parallel(watched(on("b", 1), "b")), "p"));
  auto whole = watched(std::move(all), "all");
  (void)sync_wait(whole.run());
  EXPECT_THAT(seen, ElementsAre("all+3", "a+2", "a-", "p+1", "b+1", "b!", "p!", "all!"));
}

TEST_P(composites, run_where_they_are_told_to_and_refuse_members_that_run_elsewhere) {
  context c;
  fake_action placed = on("a", 1);
  placed.state().chosen = &detail::loop_of(c);
  parallel all(std::move(placed), on("b", 1));
  EXPECT_THROW(sync_wait(all.run()), std::invalid_argument);
  EXPECT_EQ(hosts_.opened, 0);
  EXPECT_TRUE(sync_wait(c, all.run()).ok()) << "refused, it was not begun";
}

TEST_P(composites, refuse_members_that_were_started_or_moved_from_and_options_that_come_late) {
  fake_action started = on("a", 1);
  fake_action moved = on("b", 1);
  fake_action away = std::move(moved);
  auto work = [&]() -> task<> {
    started.start();
    (void)co_await started.wait();
  };
  sync_wait(work());
  EXPECT_THROW((void)parallel(std::move(started)), std::logic_error);
  EXPECT_THROW((void)sequential(std::move(moved)), std::logic_error);
  parallel all(std::move(away));
  EXPECT_TRUE(sync_wait(all.run()).ok());
  EXPECT_THROW((void)all.name("late"), std::logic_error);
  EXPECT_THROW((void)all.allow_empty(), std::logic_error);
}

TEST_P(composites, throw_for_a_member_that_cannot_be_run_and_begin_none) {
  fake_action bad = on("b", 1);
  bad.state().commands.what = command("");
  sequential all(on("a", 1), std::move(bad));
  EXPECT_THROW(sync_wait(all.run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(all.run()), std::invalid_argument);
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(composites, of_vectors_of_one_kind_or_of_any) {
  std::vector<fake_action> same;
  for (int i = 0; i < 3; ++i) same.push_back(on("a", 2));
  std::vector<action> any;
  any.push_back(on("b", 1));
  any.push_back(local("true", 2));
  any.push_back(parallel(std::move(same)));
  auto r = sync_wait(sequential(std::move(any)).run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.stats().ok, 9U);
  EXPECT_EQ(r.parts()[2].parts().size(), 3U);
}

TEST_P(composites, of_a_thousand_members_that_end_at_once_do_not_recurse) {
  std::vector<action> many;
  for (int i = 0; i < 20'000; ++i) many.push_back(on("a", 0));
  auto r = sync_wait(sequential(std::move(many)).allow_empty().run());
  EXPECT_TRUE(r.ok());
  std::vector<action> skipped;
  skipped.push_back(on("b", 0));
  for (int i = 0; i < 20'000; ++i) skipped.push_back(on("a", 1));
  auto cut = sync_wait(sequential(std::move(skipped)).stop_on_failure().run());
  EXPECT_EQ(cut.stats().count(end_reason::not_started), 20'000U);
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(composites, show_their_members_in_a_report) {
  failing('b');
  auto r = sync_wait(sequential(on("a", 2), parallel(on("b", 1), on("c", 1)).name("both")).run());
  report table("experiment");
  table.add(r);
  const report_stats all = table.stats();
  EXPECT_EQ(all.total, 4U);
  EXPECT_EQ(all.bad_exits, 1U);
  const report_stats& whole = all.parts.at(0);
  EXPECT_EQ(whole.name, "sequential");
  EXPECT_EQ(whole.total, 4U);
  ASSERT_EQ(whole.parts.size(), 2U);
  EXPECT_EQ(whole.parts[1].name, "both");
  EXPECT_EQ(whole.parts[1].parts.at(0).bad_exits, 1U);
  EXPECT_THAT(table.to_string(), HasSubstr("\n  both "));
  EXPECT_THAT(table.to_string(), HasSubstr("\n    b "));
}

TEST_P(composites, count_in_their_parts_what_next_took) {
  sequential all(on("a", 2), on("b", 3));
  auto work = [&]() -> task<> {
    for (int i = 0; i < 3; ++i) (void)co_await all.next();
  };
  auto both = [&]() -> task<action_result> {
    co_await work();
    co_return co_await all.run();
  };
  auto r = sync_wait(both());
  EXPECT_EQ(r.all().size(), 2U);
  EXPECT_TRUE(r.parts()[0].all().empty());
  EXPECT_EQ(r.parts()[1].all().size(), 2U);
  EXPECT_EQ(report(r).stats().parts.at(0).parts.at(0).ok, 2U);
}

// -- any tree of actions, stopped at any moment
// ----------------------------------------------------

class random_tree {
 public:
  random_tree(fake_hosts& hosts, unsigned seed) : hosts_(hosts), dice_(seed) {}

  action make(int depth) {
    if (depth == 0 || roll(4) == 0) return leaf();
    std::vector<action> members;
    for (int i = roll(4); i >= 0; --i) members.push_back(make(depth - 1));
    if (roll(2) == 0) return parallel(std::move(members));
    sequential made(std::move(members));
    if (roll(3) == 0) made.stop_on_failure();
    return made;
  }
  int roll(int sides) { return static_cast<int>(dice_() % static_cast<unsigned>(sides)); }
  std::size_t leaves() const { return leaves_; }

 private:
  action leaf() {
    fake_action made(hosts_, static_cast<std::size_t>(roll(5)));
    made.fanout(static_cast<std::size_t>(1 + roll(3)));
    ++leaves_;
    return made;
  }
  fake_hosts& hosts_;
  std::mt19937 dice_;
  std::size_t leaves_ = 0;
};

TEST_P(composites, of_any_shape_have_an_end_for_every_host_whenever_they_are_stopped) {
  const int rounds = long_count(2'000);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    hosts_ = fake_hosts();
    random_tree tree(hosts_, static_cast<unsigned>(round));
    hosts_.behaviour = [&](const host&) {
      script s;
      s.takes = std::chrono::microseconds(tree.roll(300));
      s.code = tree.roll(5) == 0 ? 1 : 0;
      return s;
    };
    std::size_t taken = 0;
    {
      action whole = tree.make(3);
      auto ends = [&]() -> task<> {
        while (auto r = co_await whole.next()) ++taken;
      };
      auto breaks = [&]() -> task<> {
        co_await sleep(std::chrono::microseconds(tree.roll(1'500)));
        const int how = tree.roll(3);
        if (how == 0) whole.kill();
        if (how == 1) whole.request_stop();
      };
      auto work = [&]() -> task<action_result> {
        if (tree.roll(2) == 0) {
          co_await when_all(ends(), breaks());
        } else {
          whole.start();
          co_await breaks();
        }
        co_return co_await whole.run();
      };
      auto r = sync_wait(work());
      ASSERT_EQ(r.stats().done, r.stats().hosts);
      ASSERT_EQ(r.all().size() + taken, r.stats().hosts);
      ASSERT_EQ(whole.stats().running, 0U);
      std::size_t by_reason = 0;
      for (std::size_t n : r.stats().by_reason) by_reason += n;
      ASSERT_EQ(by_reason, r.stats().hosts);
    }
    ASSERT_EQ(hosts_.opened, hosts_.closed);
  }
}

}  // namespace
}  // namespace execo::test
