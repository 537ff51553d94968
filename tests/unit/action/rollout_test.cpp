// rollout: batches, limits, pauses and stops, over hosts played by timers.
#include "execo/rollout.hpp"

#include <gmock/gmock.h>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/composite.hpp"
#include "execo/sleep.hpp"
#include "held_clock.hpp"
#include "long_count.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class rollouts : public on_each_backend {
 protected:
  fake_action on(std::size_t count, std::size_t fanout = 64) {
    fake_action made(hosts_, count);
    made.fanout(fanout);
    return made;
  }
  /// Named by it: "a0", "a1", ...
  fake_action named(const std::string& name, std::size_t count) {
    fake_action made(hosts_, count);
    for (std::size_t i = 0; i < count; ++i) made.state().hosts[i] = host(name + std::to_string(i));
    return made;
  }
  void behave(std::function<script(std::size_t)> by_index) {
    hosts_.behaviour = [by_index = std::move(by_index)](const host& where) {
      return by_index(std::stoul(where.name().substr(1)));
    };
  }
  static script failing_if(bool bad, duration takes = 1ms) {
    script s;
    s.code = bad ? 1 : 0;
    s.takes = takes;
    return s;
  }
  auto keep_reports() {
    return [this](const batch_report& r) {
      EXPECT_EQ(static_cast<std::size_t>(hosts_.closed), r.hosts_so_far) << "begun too early";
      reports_.push_back(r.to_string());
    };
  }

  fake_hosts hosts_;
  std::vector<std::string> reports_;
  context c_;
  running_clock time_{c_};
};
EXECO_ON_EACH_BACKEND(rollouts);

TEST_P(rollouts, begin_no_host_of_a_batch_before_the_one_before_is_over) {
  auto all = rollout(on(10)).canary(1).batch(4).on_batch(keep_reports());
  auto r = sync_wait(c_, all.run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(hosts_.most_open, 4);
  EXPECT_THAT(reports_, ElementsAre("batch 1 of 4: 1 host, 0 failed; so far 1 host, 0 failed",
                                    "batch 2 of 4: 4 hosts, 0 failed; so far 5 hosts, 0 failed",
                                    "batch 3 of 4: 4 hosts, 0 failed; so far 9 hosts, 0 failed",
                                    "batch 4 of 4: 1 host, 0 failed; so far 10 hosts, 0 failed"));
  EXPECT_EQ(all.verdict().how, rollout_end::complete);
  EXPECT_EQ(all.verdict().to_string(), "complete after 4 batches: 0 of 10 hosts failed");
}

TEST_P(rollouts, keep_to_the_fanout_within_a_batch) {
  auto r = sync_wait(c_, rollout(on(10, 2)).batch(5).on_batch(keep_reports()).run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(hosts_.most_open, 2);
  EXPECT_EQ(reports_.size(), 2U);
}

TEST_P(rollouts, without_batches_are_one_batch) {
  auto all = rollout(on(5));
  EXPECT_TRUE(sync_wait(c_, all.run()).ok());
  EXPECT_EQ(hosts_.most_open, 5);
  EXPECT_EQ(all.verdict().to_string(), "complete after 1 batch: 0 of 5 hosts failed");
}

TEST_P(rollouts, stop_at_the_first_failure_and_let_those_that_run_end) {
  behave([](std::size_t i) { return failing_if(i == 2, i == 2 ? 1ms : 1s); });
  auto all = rollout(on(9, 3)).batch(4).on_batch(
      [&](const batch_report& r) { reports_.push_back(r.to_string()); });
  auto r = sync_wait(c_, all.run());
  EXPECT_EQ(r.stats().ok, 2U);
  EXPECT_EQ(r.failed_hosts() - r.hosts(end_reason::not_started), host_set("h2"));
  EXPECT_EQ(r.hosts(end_reason::not_started), host_set("h[3-8]"));
  EXPECT_EQ(all.verdict().to_string(),
            "stopped in batch 1 of 3: 1 of 1 host failed, at most 0 may");
  EXPECT_GE(time_.elapsed(), 1s);
  EXPECT_THAT(
      reports_,
      ElementsAre("batch 1 of 3: 4 hosts, 1 failed, 1 not started; so far 4 hosts, 1 failed"));
}

TEST_P(rollouts, end_those_that_run_if_they_are_told_to) {
  behave([](std::size_t i) { return failing_if(i == 2, i == 2 ? 1ms : 1000h); });
  auto all = rollout(on(9)).batch(4).on_stop(rollout_stop::kill).on_batch(keep_reports());
  auto r = sync_wait(c_, all.run());
  EXPECT_EQ(r.hosts(end_reason::cancelled), host_set("h[0-1,3]"));
  EXPECT_EQ(r.hosts(end_reason::not_started), host_set("h[4-8]"));
  EXPECT_EQ(all.verdict().how, rollout_end::too_many_failures);
  EXPECT_THAT(reports_, ElementsAre("batch 1 of 3: 4 hosts, 4 failed; so far 4 hosts, 4 failed"));
}

TEST_P(rollouts, count_failures_by_batch_and_in_all) {
  behave([](std::size_t i) { return failing_if(i % 5 == 0 || i == 11); });
  auto in_batch = rollout(on(20, 1)).batch(5).max_fail_in_batch(1);
  EXPECT_EQ(sync_wait(c_, in_batch.run()).stats().count(end_reason::not_started), 8U);
  EXPECT_EQ(in_batch.verdict().to_string(),
            "stopped in batch 3 of 4: 2 of 2 hosts of it failed, at most 1 may");
  auto in_all = rollout(on(20, 1)).batch(5).max_fail(2).max_fail_in_batch(2);
  EXPECT_EQ(sync_wait(c_, in_all.run()).stats().count(end_reason::not_started), 9U);
  EXPECT_EQ(in_all.verdict().to_string(),
            "stopped in batch 3 of 4: 3 of 11 hosts failed, at most 2 may");
  auto enough = rollout(on(20, 1)).batch(5).max_fail(percent(25));
  EXPECT_EQ(sync_wait(c_, enough.run()).stats().ok, 15U);
  EXPECT_EQ(enough.verdict().how, rollout_end::complete);
}

TEST_P(rollouts, pause_after_each_batch_but_the_last) {
  auto r = sync_wait(c_, rollout(on(6)).batch(2).soak(30s).run());
  EXPECT_TRUE(r.ok());
  EXPECT_GE(time_.elapsed(), 60s);
  EXPECT_LT(time_.elapsed(), 61s);
}

TEST_P(rollouts, end_a_pause_at_once_when_they_are_stopped) {
  for (bool by_kill : {false, true}) {
    auto all = rollout(on(6)).batch(2).soak(24h);
    auto work = [&]() -> task<action_result> {
      all.start();
      co_await sleep(1h);
      EXPECT_EQ(all.stats().done, 2U);
      if (by_kill) {
        all.kill();
      } else {
        all.request_stop();
      }
      co_return co_await all.wait();
    };
    auto r = sync_wait(c_, work());
    EXPECT_EQ(r.stats().ok, 2U);
    EXPECT_EQ(r.stats().count(end_reason::not_started), 4U);
    EXPECT_EQ(all.verdict().to_string(), "stopped in batch 1 of 3 by a request");
  }
  EXPECT_LT(time_.elapsed(), 3h);
}

TEST_P(rollouts, end_a_batch_that_takes_too_long) {
  behave([](std::size_t i) { return failing_if(false, i == 3 ? 1000h : 4min); });
  auto all = rollout(on(8, 2)).batch(3).batch_deadline(10min).max_fail(8).on_batch(
      [&](const batch_report& r) { reports_.push_back(r.to_string()); });
  auto r = sync_wait(c_, all.run());
  EXPECT_EQ(r.stats().ok, 5U) << "the first batch takes 8 minutes, the others are over by then";
  EXPECT_EQ(r.hosts(end_reason::cancelled), host_set("h3"));
  EXPECT_EQ(r.hosts(end_reason::not_started), host_set("h[6-7]"));
  EXPECT_EQ(all.verdict().how, rollout_end::batch_deadline);
  EXPECT_EQ(all.verdict().failed, 1U);
  EXPECT_EQ(all.verdict().hosts, 3U);
  EXPECT_EQ(reports_.size(), 2U);
}

TEST_P(rollouts, are_stopped_and_killed_as_the_action_is) {
  behave([](std::size_t) { return failing_if(false, 1000h); });
  for (bool by_kill : {false, true}) {
    auto all = rollout(on(6)).batch(2);
    auto work = [&]() -> task<action_result> {
      all.start();
      co_await sleep(1s);
      if (by_kill) {
        all.kill();
      } else {
        all.request_stop();
      }
      co_return co_await all.wait();
    };
    auto r = sync_wait(c_, work());
    EXPECT_EQ(r.hosts(by_kill ? end_reason::signaled : end_reason::cancelled), host_set("h[0-1]"));
    EXPECT_EQ(r.hosts(end_reason::not_started), host_set("h[2-5]"));
    EXPECT_EQ(all.verdict().how, rollout_end::stopped);
  }
  EXPECT_EQ(hosts_.open, 0);
}

TEST_P(rollouts, whose_handle_is_dropped_leave_nothing) {
  behave([](std::size_t) { return failing_if(false, 1000h); });
  auto work = [&]() -> task<> {
    auto all = rollout(on(6)).batch(2).soak(1h);
    all.start();
    co_await sleep(1s);
  };
  sync_wait(c_, work());
  while (hosts_.open > 0) c_.poll();
  EXPECT_EQ(hosts_.opened, 2);
}

TEST_P(rollouts, count_a_host_that_was_killed_before_its_batch) {
  auto all = rollout(on(6)).batch(2).soak(1s).on_batch(
      [&](const batch_report& r) { reports_.push_back(r.to_string()); });
  auto work = [&]() -> task<action_result> {
    all.start();
    for (const char* name : {"h2", "h3", "h5"}) all.of(name).kill();
    EXPECT_EQ(all.of("h5").state(), host_state::ended);
    EXPECT_EQ(all.of("h4").state(), host_state::waiting);
    co_return co_await all.wait();
  };
  auto r = sync_wait(c_, work());
  EXPECT_EQ(r.stats().ok, 3U);
  EXPECT_EQ(all.verdict().to_string(), "complete after 3 batches: 0 of 3 hosts failed");
  EXPECT_EQ(reports_.size(), 3U);
}

TEST_P(rollouts, go_through_members_of_composites_in_the_order_of_positions) {
  auto in_turn = rollout(sequential(named("a", 3), named("b", 4))).batch(2);
  EXPECT_TRUE(sync_wait(c_, in_turn.on_batch(keep_reports()).run()).ok());
  EXPECT_THAT(hosts_.order, ElementsAre("a0", "a1", "a2", "b0", "b1", "b2", "b3"));
  EXPECT_EQ(reports_.size(), 4U);
  hosts_ = fake_hosts();
  auto at_once =
      rollout(parallel(named("a", 3), sequential(named("b", 1), named("c", 2)))).batch(2);
  EXPECT_TRUE(sync_wait(c_, at_once.on_batch(keep_reports()).run()).ok());
  EXPECT_THAT(hosts_.order, ElementsAre("a0", "a1", "a2", "b0", "c0", "c1"));
}

TEST_P(rollouts, let_the_member_that_runs_end_when_they_stop) {
  behave([](std::size_t i) { return failing_if(i == 1, i == 1 ? 1ms : 1s); });
  auto all = rollout(parallel(named("a", 3), sequential(named("b", 1), named("c", 2)))).batch(4);
  auto r = sync_wait(c_, all.run());
  EXPECT_EQ(r.stats().ok, 3U);
  EXPECT_EQ(r.hosts(end_reason::not_started), host_set("c[0-1]"));
}

TEST_P(rollouts, are_members_of_composites_whose_results_have_the_parts_of_the_action) {
  sequential all(rollout(parallel(named("a", 2), named("b", 1))).batch(1), named("c", 1));
  std::vector<std::vector<std::size_t>> paths;
  auto work = [&]() -> task<> {
    while (auto r = co_await all.next()) paths.push_back(all.path_of(*r));
  };
  sync_wait(c_, work());
  EXPECT_THAT(paths,
              ElementsAre(ElementsAre(0, 0), ElementsAre(0, 0), ElementsAre(0, 1), ElementsAre(1)));
  auto r = sync_wait(c_, all.run());
  ASSERT_EQ(r.parts().size(), 2U);
  EXPECT_EQ(r.parts()[0].name(), "parallel");
  EXPECT_EQ(r.parts()[0].parts().size(), 2U);
}

TEST_P(rollouts, in_rollouts_keep_to_both) {
  auto inner = rollout(named("b", 4)).batch(3);
  auto all = rollout(sequential(named("a", 1), std::move(inner))).batch(2).on_batch(keep_reports());
  EXPECT_TRUE(sync_wait(c_, all.run()).ok());
  EXPECT_EQ(reports_.size(), 3U);
  EXPECT_EQ(hosts_.most_open, 2);
}

TEST_P(rollouts, that_stop_a_sequence_skip_its_members) {
  behave([](std::size_t i) { return failing_if(i == 0); });
  auto all = rollout(sequential(named("a", 1), named("b", 5)).stop_on_failure())
                 .batch(2)
                 .max_fail(1)
                 .soak(1h);
  auto r = sync_wait(c_, all.run());
  EXPECT_EQ(r.stats().count(end_reason::not_started), 5U);
  EXPECT_EQ(all.verdict().to_string(), "complete after 3 batches: 1 of 1 host failed");
  EXPECT_LT(time_.elapsed(), 1h) << "nothing is left to pause for";
}

TEST_P(rollouts, are_slowed_down_by_a_slow_reader) {
  auto all = rollout(on(12, 2)).batch(6);
  std::size_t taken = 0;
  auto work = [&]() -> task<> {
    while (auto r = co_await all.next()) {
      ++taken;
      co_await sleep(1s);
      EXPECT_LE(static_cast<std::size_t>(hosts_.opened) - taken, 2U);
    }
  };
  sync_wait(c_, work());
  EXPECT_EQ(taken, 12U);
}

TEST_P(rollouts, stop_when_a_call_at_the_end_of_a_batch_throws) {
  auto all = rollout(on(6)).batch(2).on_batch([](const batch_report& r) {
    if (r.number == 2) throw std::runtime_error("enough");
  });
  EXPECT_THROW(sync_wait(c_, all.run()), std::runtime_error);
  EXPECT_EQ(hosts_.opened, 4);
  EXPECT_EQ(all.verdict().how, rollout_end::stopped);
}

TEST_P(rollouts, without_hosts_are_not_ok_unless_that_is_allowed) {
  auto none = rollout(on(0)).batch(2).canary(1);
  EXPECT_FALSE(sync_wait(c_, none.run()).ok());
  EXPECT_EQ(none.verdict().how, rollout_end::complete);
  EXPECT_TRUE(sync_wait(c_, rollout(on(0)).allow_empty().run()).ok());
  fake_action allowed = on(0);
  allowed.state().allow_empty();
  EXPECT_TRUE(sync_wait(c_, rollout(std::move(allowed)).run()).ok());
}

TEST_P(rollouts, refuse_what_makes_no_sense) {
  EXPECT_THROW((void)host_share(-1), std::invalid_argument);
  EXPECT_THROW((void)percent(101), std::invalid_argument);
  auto all = rollout(on(1));
  EXPECT_THROW((void)all.batch(0), std::invalid_argument);
  EXPECT_THROW((void)all.batch(percent(0)), std::invalid_argument);
  EXPECT_THROW((void)all.soak(-1s), std::invalid_argument);
  EXPECT_THROW((void)all.batch_deadline(-1s), std::invalid_argument);
  EXPECT_THROW((void)all.on_batch(nullptr), std::invalid_argument);
  EXPECT_TRUE(sync_wait(c_, all.run()).ok());
  EXPECT_THROW((void)all.batch(1), std::logic_error);
  EXPECT_THROW((void)rollout(std::move(static_cast<action&>(all))), std::logic_error);
}

TEST_P(rollouts, take_percentages_of_hosts_rounded_down) {
  EXPECT_EQ(percent(5).of(10'000), 500U);
  EXPECT_EQ(percent(2).of(149), 2U);
  EXPECT_EQ(percent(4.35).of(10'000), 435U);
  EXPECT_EQ(percent(100).of(7), 7U);
  EXPECT_EQ(percent(2).of(7), 0U);
  EXPECT_EQ(host_share(3).of(2), 3U);
}

// One host in a hundred is bad; how far it gets is arithmetic.
TEST_P(rollouts, over_ten_thousand_hosts_stop_where_the_arithmetic_says) {
  behave([](std::size_t i) { return failing_if(i % 100 == 99, 0ms); });
  auto enough = rollout(on(10'000)).batch(percent(5)).max_fail(percent(2));
  auto r = sync_wait(c_, enough.run());
  EXPECT_EQ(r.stats().ok, 9'900U);
  EXPECT_EQ(enough.verdict().to_string(), "complete after 20 batches: 100 of 10000 hosts failed");

  // From host 5,000 on every tenth one: 50 are bad before, and 150 more in the next 1,500.
  behave([](std::size_t i) { return failing_if(i % (i < 5'000 ? 100 : 10) == 9, 0ms); });
  auto cut = rollout(on(10'000)).batch(percent(5)).max_fail(percent(2));
  auto stopped = sync_wait(c_, cut.run());
  EXPECT_EQ(cut.verdict().how, rollout_end::too_many_failures);
  EXPECT_EQ(cut.verdict().batch, 14U);
  EXPECT_EQ(cut.verdict().failed, 201U);
  EXPECT_EQ(cut.verdict().limit, 200U);
  EXPECT_EQ(stopped.all().size(), 10'000U);
  const host_results all = stopped.all();
  for (std::size_t i = 0; i < 6'500; ++i) ASSERT_EQ(all[i].how(), end_reason::exited) << i;
  for (std::size_t i = 7'000; i < 10'000; ++i)
    ASSERT_EQ(all[i].how(), end_reason::not_started) << i;
}

// -- random rollouts against a model ------------------------------------------------------------

class random_rollout {
 public:
  explicit random_rollout(std::mt19937& random) {
    auto upto = [&](std::size_t most) { return random() % (most + 1); };
    bad.resize(1 + upto(39));
    const std::size_t rate = upto(40);
    for (std::size_t i = 0; i < bad.size(); ++i) bad[i] = upto(99) < rate;
    canary = upto(2) * upto(2);
    batch = 1 + upto(9);
    limit = upto(6);
    percent_in_batch = 10 * upto(10);
    fanout = upto(1) == 0 ? 1 : 1 + upto(12);
    kills = upto(1) == 0;
  }
  std::vector<bool> bad;
  std::size_t canary;
  std::size_t batch;
  std::size_t limit;
  std::size_t percent_in_batch;
  std::size_t fanout;
  bool kills;
};

/// What becomes of it if one host runs at a time.
class model {
 public:
  explicit model(const random_rollout& of) {
    std::size_t failed = 0;
    std::size_t failed_here = 0;
    while (begun < of.bad.size() && !stopped) {
      if (begun == last) {
        first = begun;
        last = begun + (begun == 0 && of.canary > 0 ? of.canary : of.batch);
        last = std::min(last, of.bad.size());
        failed_here = 0;
        ++batches;
      }
      if (of.bad[begun++]) {
        ++failed;
        ++failed_here;
      }
      stopped = failed > of.limit || failed_here > of.percent_in_batch * (last - first) / 100;
    }
  }
  std::size_t begun = 0;
  std::size_t batches = 0;
  std::size_t first = 0;  // of the last batch
  std::size_t last = 0;   // behind it
  bool stopped = false;
};

TEST_P(rollouts, behave_as_a_model_does_whatever_comes) {
  std::mt19937 random(20'261'129);
  for (int round = 0; round < long_count(3'000); ++round) {
    const random_rollout given(random);
    const model expected(given);
    SCOPED_TRACE("round " + std::to_string(round));
    hosts_ = fake_hosts();
    behave([&](std::size_t i) { return failing_if(given.bad[i], (i * 7 % 5) * 1ms); });
    auto all = rollout(on(given.bad.size(), given.fanout));
    all.canary(given.canary).batch(given.batch).max_fail(given.limit);
    all.max_fail_in_batch(percent(static_cast<double>(given.percent_in_batch)));
    if (given.kills) all.on_stop(rollout_stop::kill);
    auto r = sync_wait(c_, all.run());

    ASSERT_EQ(r.all().size(), given.bad.size());
    ASSERT_EQ(all.verdict().how != rollout_end::complete, expected.stopped);
    ASSERT_EQ(all.verdict().batch, expected.batches);
    const auto begun = static_cast<std::size_t>(hosts_.opened);
    for (std::size_t i = 0; i < given.bad.size(); ++i) {
      const end_reason how = r.all()[i].how();
      ASSERT_TRUE(how == end_reason::exited || i >= expected.first) << i;
      ASSERT_TRUE(how == end_reason::not_started || i < expected.last) << i;
      ASSERT_EQ(how == end_reason::not_started, i >= begun) << i;
      ASSERT_EQ(r.all()[i].ok(), how == end_reason::exited && !given.bad[i]) << i;
    }
    ASSERT_TRUE(begun == expected.begun || (given.fanout > 1 && expected.stopped)) << begun;
  }
}

}  // namespace
}  // namespace execo::test
