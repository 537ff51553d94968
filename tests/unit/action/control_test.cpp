// Actions that are steered while they run: launching suspended and resumed, and the fanout changed,
// over hosts played by timers.
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "execo/composite.hpp"
#include "execo/rollout.hpp"
#include "execo/scope.hpp"
#include "execo/sleep.hpp"
#include "execo/start.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "held_clock.hpp"
#include "long_count.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class control : public on_each_backend {
 protected:
  control() { every_host_takes(10s); }
  void every_host_takes(duration time) {
    hosts_.behaviour = [time](const host&) {
      script s;
      s.takes = time;
      return s;
    };
  }
  fake_action on(std::size_t count, std::size_t fanout = 64) {
    fake_action made(hosts_, count);
    made.fanout(fanout);
    return made;
  }
  fake_action named(const std::string& name, std::size_t count) {
    fake_action made = on(count);
    for (std::size_t i = 0; i < count; ++i) made.state().hosts[i] = host(name + std::to_string(i));
    return made;
  }

  fake_hosts hosts_;
  context c_;
  running_clock time_{c_};
};
EXECO_ON_EACH_BACKEND(control);

TEST_P(control, suspended_launching_lets_those_that_run_end_and_begins_none) {
  fake_action a = on(10, 4);
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(5s);
    a.suspend_launching();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 4);
    EXPECT_EQ(hosts_.open, 0);
    EXPECT_EQ(a.stats().done, 4U);
    EXPECT_EQ(a.of("h4").state(), host_state::waiting);
    a.resume_launching();
    const auto end = co_await a.wait_for(20500ms);
    EXPECT_TRUE(end && end->ok());
  };
  sync_wait(c_, work());
  EXPECT_EQ(hosts_.opened, 10);
  EXPECT_EQ(hosts_.most_open, 4);
}

TEST_P(control, an_action_suspended_before_the_start_begins_no_host_until_it_is_resumed) {
  fake_action a = on(3);
  a.suspend_launching();
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 0);
    EXPECT_THAT(c_.dump(), HasSubstr("suspended"));
    a.resume_launching();
    const auto end = co_await a.wait_for(11s);
    EXPECT_TRUE(end && end->ok());
  };
  sync_wait(c_, work());
}

TEST_P(control, one_resume_undoes_any_number_of_suspensions) {
  fake_action a = on(3);
  a.suspend_launching();
  a.suspend_launching();
  a.resume_launching();
  a.resume_launching();
  EXPECT_TRUE(sync_wait(c_, a.run()).ok());
  a.suspend_launching();
  a.resume_launching();
}

TEST_P(control, next_gives_what_has_ended_and_then_waits) {
  fake_action a = on(4, 2);
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(1s);
    a.suspend_launching();
    std::size_t taken = 0;
    while (auto r = co_await timeout(a.next(), 1h)) ++taken;
    EXPECT_EQ(taken, 2U);
    a.resume_launching();
    while (auto r = co_await a.next()) ++taken;
    EXPECT_EQ(taken, 4U);
  };
  sync_wait(c_, work());
}

TEST_P(control, a_suspended_action_is_ended_as_any_other) {
  auto by_stop = [](action& a) { a.request_stop(); };
  auto by_kill = [](action& a) { a.kill(); };
  auto ended = [&](const std::function<void(action&)>& how) -> task<action_result> {
    hosts_ = fake_hosts();
    every_host_takes(10h);
    fake_action a = on(5, 2);
    a.start();
    co_await sleep(5s);
    a.suspend_launching();
    how(a);
    co_return co_await a.wait();
  };
  auto r = sync_wait(c_, ended(by_stop));
  EXPECT_EQ(r.stats().count(end_reason::cancelled), 2U);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 3U);
  r = sync_wait(c_, ended(by_kill));
  EXPECT_EQ(r.stats().count(end_reason::signaled), 2U);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 3U);
}

TEST_P(control, a_suspended_action_without_a_handle_ends) {
  auto work = [&]() -> task<> {
    fake_action a = on(5, 2);
    a.suspend_launching();
    a.start();
    co_await sleep(1s);
  };
  sync_wait(c_, work());
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(control, one_host_of_a_suspended_action_is_ended_alone) {
  fake_action a = on(3, 1);
  a.suspend_launching();
  auto work = [&]() -> task<> {
    a.start();
    a.of("h1").kill();
    co_await sleep(1s);
    EXPECT_EQ(a.stats().done, 1U);
    a.resume_launching();
    const auto end = co_await a.wait();
    EXPECT_EQ(end["h1"].how(), end_reason::not_started);
    EXPECT_EQ(end.stats().ok, 2U);
  };
  sync_wait(c_, work());
}

TEST_P(control, deadlines_of_running_hosts_go_on_while_launching_is_suspended) {
  every_host_takes(1000h);
  fake_action a = on(4, 2);
  a.state().commands.what.run_timeout = 20s;
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(1s);
    a.suspend_launching();
    co_await sleep(1h);
    EXPECT_EQ(a.stats().count(end_reason::timed_out), 2U);
    EXPECT_EQ(a.stats().running, 0U);
  };
  sync_wait(c_, work());
}

TEST_P(control, no_host_is_tried_again_while_launching_is_suspended) {
  hosts_.behaviour = [](const host&) {
    script s;
    s.fails = true;
    return s;
  };
  fake_action a = on(2);
  a.state().retries.most = 1;
  a.state().retries.backoff = 1s;
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(1ms);
    EXPECT_EQ(hosts_.opened, 2);
    a.suspend_launching();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 2);
    EXPECT_EQ(a.stats().done, 0U);
    a.resume_launching();
    const auto end = co_await a.wait_for(1s);
    EXPECT_TRUE(end && end->all()[0].attempts == 2);
  };
  sync_wait(c_, work());
  EXPECT_EQ(hosts_.opened, 4);
}

TEST_P(control, a_handler_may_suspend_its_action_and_something_else_resume_it) {
  fake_action a = on(6, 1);
  a.state().commands.what.handlers.push_back(on_end_call([&](const ended_command& e) {
    if (e.host.name() == "h1") a.suspend_launching();
  }));
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 2);
    c_.post([&] { a.resume_launching(); });
    const auto end = co_await a.wait();
    EXPECT_TRUE(end.ok());
  };
  sync_wait(c_, work());
}

TEST_P(control, a_handler_of_the_start_may_suspend_and_resume) {
  for (bool resumes : {false, true}) {
    hosts_ = fake_hosts();
    every_host_takes(1s);
    auto chain = sequential(named("a", 1), named("b", 1));
    chain.on_action_start([&](const started_action&) {
      chain.suspend_launching();
      if (resumes) chain.resume_launching();
    });
    auto work = [&]() -> task<> {
      chain.start();
      const auto end = co_await chain.wait_for(1h);
      EXPECT_EQ(end.has_value(), resumes);
      EXPECT_EQ(hosts_.opened, resumes ? 2 : 0);
    };
    sync_wait(c_, work());
  }
}

TEST_P(control, a_handler_may_stop_its_action) {
  fake_action a = on(6, 2);
  a.state().commands.what.handlers.push_back(
      on_end_call([&](const ended_command&) { a.request_stop(); }));
  auto r = sync_wait(c_, a.run());
  EXPECT_EQ(hosts_.opened, 2);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 4U);
  EXPECT_EQ(r.stats().done, 6U);
}

TEST_P(control, a_handler_may_start_actions_operations_and_timers) {
  fake_action first = on(2);
  fake_action second = on(3);
  std::optional<started> later;
  duration late{0};
  scope others;
  auto spawned = [&]() -> task<> {
    co_await sleep(3s);
    EXPECT_EQ(time_.elapsed(), 13s);
  };
  auto on_end = [&](const ended_command& e) {
    if (e.host.name() != "h1") return;
    second.start();
    others.spawn(spawned());
    later.emplace(start(sleep(5s), [&](const outcome<void>&) { late = time_.elapsed(); }));
  };
  first.state().commands.what.handlers.push_back(on_end_call(on_end));
  auto work = [&]() -> task<> {
    const auto end = co_await first.run();
    EXPECT_TRUE(end.ok());
    const auto next = co_await second.wait();
    EXPECT_TRUE(next.ok());
    co_await others.join();
  };
  sync_wait(c_, work());
  EXPECT_EQ(late, 15s);
  EXPECT_EQ(time_.elapsed(), 20s);
}

TEST_P(control, several_commands_of_one_host_are_told_apart_by_their_member) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.out = where.name() + "\n";
    return s;
  };
  fake_action uptime = on(3);
  fake_action disk = on(3);
  std::multiset<std::string> heard;
  uptime.state().on_line = [&](const output_line& l) { heard.insert("up " + l.host.name()); };
  disk.state().on_line = [&](const output_line& l) { heard.insert("disk " + l.host.name()); };
  auto both = parallel(std::move(uptime), std::move(disk));
  std::set<std::pair<std::size_t, std::string>> seen;
  auto work = [&]() -> task<> {
    while (auto r = co_await both.next()) seen.emplace(both.member_of(*r), r->host.name());
  };
  sync_wait(c_, work());
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_TRUE(seen.contains({1, "h2"}));
  EXPECT_EQ(heard.size(), 6U);
  EXPECT_EQ(heard.count("disk h2"), 1U);
}

// -- the fanout ---------------------------------------------------------------------------------

TEST_P(control, a_larger_fanout_begins_more_hosts_at_once) {
  fake_action a = on(20, 2);
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 2);
    a.fanout(9);
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 9);
    a.fanout(1000);
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 20);
    co_await a.wait();
  };
  sync_wait(c_, work());
}

TEST_P(control, with_a_smaller_fanout_those_that_run_go_on) {
  fake_action a = on(20, 8);
  auto work = [&]() -> task<> {
    a.start();
    co_await sleep(5s);
    a.fanout(3);
    EXPECT_EQ(hosts_.open, 8);
    co_await sleep(6s);
    EXPECT_EQ(a.stats().done, 8U);
    EXPECT_EQ(hosts_.open, 3);
    const auto end = co_await a.wait();
    EXPECT_TRUE(end.ok());
    EXPECT_EQ(hosts_.signals, 0);
  };
  sync_wait(c_, work());
}

TEST_P(control, the_fanout_of_a_suspended_action_counts_when_it_is_resumed) {
  fake_action a = on(20, 2);
  a.suspend_launching();
  auto work = [&]() -> task<> {
    a.start();
    a.fanout(7);
    co_await sleep(1s);
    EXPECT_EQ(hosts_.opened, 0);
    a.resume_launching();
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 7);
    co_await a.wait();
  };
  sync_wait(c_, work());
  EXPECT_THROW(a.fanout(0), std::invalid_argument);
  a.fanout(3);
}

TEST_P(control, the_fanout_of_what_is_in_it_is_set_by_a_composite_and_a_rollout) {
  auto both = parallel(on(10, 1), rollout(on(10, 1)).batch(5));
  auto work = [&]() -> task<> {
    both.start();
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 2);
    both.fanout(3);
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 6);
    co_await both.wait();
  };
  sync_wait(c_, work());
}

TEST_P(control, results_that_nobody_takes_count_towards_a_fanout_that_was_changed) {
  fake_action a = on(20, 4);
  auto work = [&]() -> task<> {
    auto first = co_await a.next();
    EXPECT_TRUE(first);
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 5);
    a.fanout(6);
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 7);
    while (first) first = co_await a.next();
  };
  sync_wait(c_, work());
}

TEST_P(control, comes_from_any_thread) {
  context other;
  std::thread driver([&] { other.run(); });
  every_host_takes(1ms);
  fake_action a = on(200, 1);
  a.state().chosen = &detail::loop_of(other);
  a.start();
  for (std::size_t i = 1; i < 50; ++i) {
    a.suspend_launching();
    a.fanout(i);
    a.resume_launching();
  }
  EXPECT_TRUE(sync_wait(a.wait()).ok());
  other.stop();
  driver.join();
}

// -- composites and rollouts --------------------------------------------------------------------

TEST_P(control, of_a_composite_is_for_all_members_and_begins_none_of_a_sequence) {
  std::vector<std::string> started;
  auto note = [&](const started_action& s) { started.emplace_back(s.name); };
  auto chain = sequential(parallel(named("a", 2), named("b", 3)).name("first"),
                          parallel(named("c", 2)).name("second").on_action_start(note));
  auto work = [&]() -> task<> {
    chain.suspend_launching();
    chain.start();
    co_await sleep(1s);
    EXPECT_EQ(hosts_.opened, 0);
    chain.resume_launching();
    co_await sleep(1s);
    EXPECT_EQ(hosts_.open, 5);
    chain.suspend_launching();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 5);
    EXPECT_THAT(started, ElementsAre()) << "it would have its descriptors and its journal";
    chain.resume_launching();
    const auto end = co_await chain.wait();
    EXPECT_TRUE(end.ok());
    EXPECT_THAT(started, ElementsAre("second"));
  };
  sync_wait(c_, work());
  EXPECT_EQ(hosts_.opened, 7);
}

TEST_P(control, a_suspended_sequence_is_ended_with_the_members_that_did_not_begin) {
  auto chain = sequential(named("a", 2), named("b", 2));
  auto work = [&]() -> task<> {
    chain.start();
    co_await sleep(1s);
    chain.suspend_launching();
    co_await sleep(1h);
    chain.kill();
    const auto end = co_await chain.wait();
    EXPECT_EQ(end.hosts(end_reason::not_started), host_set("b[0-1]"));
    EXPECT_EQ(end.stats().ok, 2U);
  };
  sync_wait(c_, work());
}

TEST_P(control, of_a_rollout_begins_no_host_of_a_further_batch) {
  auto all = rollout(on(9, 2)).batch(3).soak(1s);
  auto work = [&]() -> task<> {
    all.start();
    co_await sleep(1s);
    all.suspend_launching();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 2);
    all.resume_launching();
    co_await sleep(5s);
    all.suspend_launching();
    co_await sleep(1h);
    EXPECT_EQ(hosts_.opened, 3) << "its batch is over, and so is the pause behind it";
    all.resume_launching();
    const auto end = co_await all.wait();
    EXPECT_TRUE(end.ok());
  };
  sync_wait(c_, work());
  EXPECT_EQ(all.verdict().how, rollout_end::complete);
}

TEST_P(control, the_deadline_of_a_batch_does_not_count_the_time_of_a_suspension) {
  every_host_takes(10s);
  auto all = rollout(on(4, 1)).batch(2).batch_deadline(25s);
  auto slow = rollout(on(4, 1)).batch(4).batch_deadline(25s);
  auto work = [](rollout& r, std::vector<duration> pauses) -> task<action_result> {
    r.start();
    for (const duration pause : pauses) {
      co_await sleep(5s);
      r.suspend_launching();
      co_await sleep(pause);
      r.resume_launching();
    }
    co_return co_await r.wait();
  };
  EXPECT_TRUE(sync_wait(c_, work(all, {1h, 2h, 3h})).ok());
  const auto begun = time_.elapsed();
  EXPECT_FALSE(sync_wait(c_, work(slow, {1h})).ok());
  EXPECT_EQ(slow.verdict().how, rollout_end::batch_deadline);
  EXPECT_EQ(time_.elapsed() - begun, 1h + 25s);
}

TEST_P(control, a_suspended_action_joins_no_other) {
  auto joins_composite = [&] {
    fake_action a = on(1);
    a.suspend_launching();
    (void)parallel(std::move(a));
  };
  auto joins_rollout = [&] {
    fake_action a = on(1);
    a.suspend_launching();
    (void)rollout(std::move(a));
  };
  EXPECT_THROW(joins_composite(), std::logic_error);
  EXPECT_THROW(joins_rollout(), std::logic_error);
}

// -- whatever comes -----------------------------------------------------------------------------

/// What a program does to an action at random, and what must hold at any time.
class random_control {
 public:
  random_control(std::mt19937& random, fake_hosts& hosts, fake_action& a, std::size_t fanout)
      : random_(random), hosts_(hosts), action_(a), fanout_(fanout) {}

  task<> steer() {
    for (int i = 0; i < 25; ++i) {
      co_await sleep(std::chrono::milliseconds(random_() % 6));
      check();
      change();
    }
    if (suspended_) action_.resume_launching();
  }

 private:
  // Those that were open when it was made smaller may be.
  void check() const {
    EXPECT_LE(hosts_.open, std::max<int>(static_cast<int>(fanout_), open_before_));
    if (suspended_) {
      EXPECT_EQ(hosts_.opened, opened_before_);
    }
  }
  void change() {
    open_before_ = hosts_.open;
    opened_before_ = hosts_.opened;
    switch (random_() % 6) {
      case 0:
      case 1:
        suspended_ = true;
        return action_.suspend_launching();
      case 2:
      case 3:
        suspended_ = false;
        return action_.resume_launching();
      case 4:
        fanout_ = 1 + random_() % 9;
        return void(action_.fanout(fanout_));
      default:
        return action_.of("h" + std::to_string(random_() % 20)).kill();
    }
  }

  std::mt19937& random_;
  fake_hosts& hosts_;
  fake_action& action_;
  std::size_t fanout_;
  int open_before_ = 0;
  int opened_before_ = 0;
  bool suspended_ = false;
};

TEST_P(control, each_host_ends_once_and_no_more_run_than_may_whatever_comes) {
  std::mt19937 random(20'261'129);
  for (int round = 0; round < long_count(10'000); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    hosts_ = fake_hosts();
    hosts_.behaviour = [&](const host&) {
      script s;
      s.takes = std::chrono::milliseconds(random() % 15);
      s.fails = random() % 4 == 0;
      return s;
    };
    const std::size_t fanout = 1 + random() % 5;
    fake_action a = on(20, fanout);
    a.state().retries.most = random() % 2;
    a.state().retries.backoff = 5ms;
    std::multiset<std::size_t> ends;
    auto take = [&]() -> task<> {
      while (auto r = co_await a.next()) ends.insert(r->index);
    };
    auto stop = [&]() -> task<> {
      co_await sleep(std::chrono::milliseconds(random() % 200));
      if (random() % 2 == 0) a.request_stop();
    };
    random_control controls(random, hosts_, a, fanout);
    sync_wait(c_, when_all(take(), controls.steer(), stop()));
    ASSERT_EQ(ends.size(), 20U);
    ASSERT_EQ(std::set<std::size_t>(ends.begin(), ends.end()).size(), 20U);
    ASSERT_EQ(hosts_.opened, hosts_.closed);
    ASSERT_EQ(a.stats().running, 0U);
  }
}

}  // namespace
}  // namespace execo::test
