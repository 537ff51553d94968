// Members that are added to a parallel action while it runs: by handlers, by coroutines, and after
// it was stopped, over hosts played by timers.
#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "execo/composite.hpp"
#include "execo/rollout.hpp"
#include "execo/sleep.hpp"
#include "held_clock.hpp"
#include "long_count.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class scheduled_members : public on_each_backend {
 protected:
  scheduled_members() { hosts_.all_take(1s); }
  /// An action on `count` hosts of its own, named by it: "a0", "a1", ...
  fake_action on(const std::string& name, std::size_t count = 1) {
    fake_action made(hosts_, count);
    for (std::size_t i = 0; i < count; ++i) made.state().hosts[i] = host(name + std::to_string(i));
    made.state().commands.what.given_name = name;
    return made;
  }
  fake_action then(fake_action a, std::function<void(const ended_command&)> call) {
    a.state().commands.what.add_handler(on_end_call(std::move(call)));
    return a;
  }

  fake_hosts hosts_;
  context c_;
  running_clock time_{c_};
};
EXECO_ON_EACH_BACKEND(scheduled_members);

TEST_P(scheduled_members, come_from_the_handler_of_a_host_that_ended_and_the_whole_ends_with_them) {
  parallel all;
  std::vector<std::size_t> numbers;
  numbers.push_back(all.schedule(then(on("a", 2), [&](const ended_command& e) {
    if (e.host.name() == "a1") numbers.push_back(all.schedule(on("b", 3)));
  })));
  const action_result end = sync_wait(c_, all.run());
  EXPECT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(time_.elapsed(), 2s);
  EXPECT_THAT(numbers, ElementsAre(0, 1));
  EXPECT_EQ(end.stats().hosts, 5U);
  EXPECT_EQ(end.stats().done, 5U);
  ASSERT_EQ(end.all().size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(end.all()[i].index, i);
  ASSERT_EQ(end.parts().size(), 2U);
  EXPECT_EQ(end.parts()[1].name(), "b");
  EXPECT_EQ(end.parts()[1].stats().ok, 3U);
  EXPECT_EQ(end["b2"].index, 4U);
}

TEST_P(scheduled_members, make_chains_of_any_length) {
  constexpr std::size_t length = 10'000;
  hosts_.all_take(duration(0));
  parallel all;
  std::size_t begun = 0;
  std::function<void(const ended_command&)> next = [&](const ended_command& e) {
    EXPECT_EQ(e.host.name(), "a0");
    if (++begun < length) all.schedule(then(on("a"), next));
  };
  all.schedule(then(on("a"), next));
  const action_result end = sync_wait(c_, all.run());
  EXPECT_TRUE(end.ok());
  EXPECT_EQ(end.stats().ok, length);
  EXPECT_EQ(hosts_.most_open, 1);
}

// A handler is called in the middle of the start of the action that it adds to.
TEST_P(scheduled_members, come_from_handlers_of_the_start) {
  parallel all(on("a"));
  all.on_action_start([&](const started_action& s) {
    EXPECT_EQ(s.hosts, 1U);
    fake_action next = on("b");
    next.state().commands.what.add_handler(on_start_call([&](const started_command&) {
      all.schedule(on("c", 2));
      EXPECT_EQ(all.members(), 3U);
    }));
    all.schedule(std::move(next));
    EXPECT_EQ(hosts_.opened, 0);
  });
  const action_result end = sync_wait(c_, all.run());
  EXPECT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(end.stats().ok, 4U);
  EXPECT_EQ(time_.elapsed(), 1s);
}

TEST_P(scheduled_members, come_from_the_handler_of_the_end_of_the_only_member) {
  fake_action only = on("a");
  parallel all;
  detail::add_action_handler(
      only, on_action_end_call([&](const ended_action&) { all.schedule(on("b")); }));
  all.schedule(std::move(only));
  const action_result end = sync_wait(c_, all.run());
  EXPECT_EQ(end.stats().ok, 2U);
  EXPECT_EQ(time_.elapsed(), 2s);
}

TEST_P(scheduled_members, are_composites_and_rollouts_as_well) {
  parallel all;
  all.schedule(then(on("a"), [&](const ended_command&) {
    all.schedule(sequential(on("b", 2), parallel(on("c"), on("d"))));
    all.schedule(rollout(on("e", 4)).batch(1));
  }));
  std::vector<std::string> seen;
  auto work = [&]() -> task<> {
    while (auto r = co_await all.next()) {
      seen.push_back(r->host.name());
      const std::size_t member = all.member_of(*r);
      const char letter = r->host.name()[0];
      EXPECT_EQ(member, letter == 'a' ? 0U : letter == 'e' ? 2U : 1U) << letter;
    }
  };
  sync_wait(c_, work());
  EXPECT_EQ(seen.size(), 9U);
  EXPECT_EQ(time_.elapsed(), 5s);
}

TEST_P(scheduled_members, come_from_coroutines_and_posted_calls) {
  parallel all(on("a", 2));
  auto work = [&]() -> task<action_result> {
    all.start();
    co_await sleep(500ms);
    all.schedule(on("b"));
    EXPECT_EQ(all.of("b0").state(), host_state::running);
    c_.post([&] { all.schedule(on("c")); });
    co_return co_await all.wait();
  };
  const action_result end = sync_wait(c_, work());
  EXPECT_EQ(end.stats().ok, 4U);
  EXPECT_EQ(time_.elapsed(), 1500ms);
}

TEST_P(scheduled_members, have_the_fanout_and_the_lines_of_the_whole) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.takes = 1s;
    s.out = where.name() + "\n";
    return s;
  };
  parallel all;
  all.fanout(2).keep_lines();
  all.schedule(then(on("a"), [&](const ended_command&) { all.schedule(on("b", 6)); }));
  std::vector<std::string> said;
  auto work = [&]() -> task<action_result> {
    while (auto line = co_await all.next_line()) {
      said.push_back(line->text);
      EXPECT_EQ(line->index, said.size() - 1);
    }
    co_return co_await all.wait();
  };
  const action_result end = sync_wait(c_, work());
  EXPECT_EQ(end.stats().ok, 7U);
  EXPECT_EQ(time_.elapsed(), 4s);
  EXPECT_THAT(said, ElementsAre("a0", "b0", "b1", "b2", "b3", "b4", "b5"));
}

TEST_P(scheduled_members, wait_while_launching_is_suspended) {
  parallel all;
  all.schedule(then(on("a"), [&](const ended_command&) {
    all.suspend_launching();
    all.schedule(on("b", 2));
  }));
  auto work = [&]() -> task<action_result> {
    all.start();
    co_await sleep(10s);
    EXPECT_EQ(hosts_.opened, 1);
    all.resume_launching();
    co_return co_await all.wait();
  };
  const action_result end = sync_wait(c_, work());
  EXPECT_EQ(end.stats().ok, 3U);
  EXPECT_EQ(time_.elapsed(), 11s);
}

TEST_P(scheduled_members, are_not_started_once_the_whole_was_stopped_or_killed) {
  for (bool by_kill : {false, true}) {
    hosts_ = fake_hosts();
    hosts_.all_take(1h);
    parallel all;
    // While it is ended, each host that ends adds one that would never end.
    all.schedule(then(on("a", 3), [&](const ended_command&) { all.schedule(on("b", 2)); }));
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
    const action_result end = sync_wait(c_, work());
    EXPECT_EQ(hosts_.opened, 3);
    EXPECT_EQ(hosts_.closed, 3);
    EXPECT_EQ(end.stats().hosts, 9U);
    EXPECT_EQ(end.stats().count(end_reason::not_started), 6U);
    EXPECT_EQ(end.hosts(end_reason::not_started), host_set("b[0-1]"));
  }
}

// Those that have not begun tell their handlers as well: in the middle of a walk over all members.
TEST_P(scheduled_members, come_from_members_that_were_stopped_before_they_began) {
  parallel all;
  int added = 0;
  for (int i = 0; i < 5; ++i)
    all.schedule(then(on("a"), [&](const ended_command& e) {
      EXPECT_EQ(e.result.how(), end_reason::not_started);
      for (int j = 0; j < 20; ++j, ++added) all.schedule(on("b"));
    }));
  all.on_action_start([&](const started_action&) { all.request_stop(); });
  const action_result end = sync_wait(c_, all.run());
  EXPECT_EQ(hosts_.opened, 0);
  EXPECT_EQ(end.stats().count(end_reason::not_started), 105U);
  EXPECT_EQ(added, 100);
}

TEST_P(scheduled_members, are_refused_when_it_is_too_late_or_when_they_cannot_join) {
  parallel all(on("a"));
  fake_action begun = on("b");
  fake_action moved = on("c");
  fake_action away = std::move(moved);
  fake_action suspended = on("d");
  suspended.suspend_launching();
  auto work = [&]() -> task<> {
    all.start();
    begun.start();
    EXPECT_THROW(all.schedule(std::move(begun)), std::logic_error);
    EXPECT_THROW(all.schedule(std::move(moved)), std::logic_error);
    EXPECT_THROW(all.schedule(std::move(suspended)), std::logic_error);
    (void)co_await all.wait();
    EXPECT_THROW(all.schedule(std::move(away)), std::logic_error);
  };
  sync_wait(c_, work());
  EXPECT_THROW(all.schedule(on("e")), std::logic_error);
  EXPECT_EQ(all.members(), 1U);
  parallel joined(on("f"));
  sequential outer(std::move(joined));
  EXPECT_THROW(joined.schedule(on("g")), std::logic_error);
}

TEST_P(scheduled_members, are_refused_on_another_thread) {
  parallel all(on("a"));
  auto work = [&]() -> task<> {
    all.start();
    std::thread other([&] { EXPECT_THROW(all.schedule(on("b")), std::logic_error); });
    other.join();
    const action_result end = co_await all.wait();
    EXPECT_EQ(end.stats().hosts, 1U);
  };
  sync_wait(c_, work());
}

TEST_P(scheduled_members, that_cannot_be_run_are_refused_and_the_rest_goes_on) {
  context elsewhere;
  parallel all;
  int refused = 0;
  all.schedule(then(on("a"), [&](const ended_command&) {
    fake_action bad = on("b");
    bad.state().commands.what = command("");
    fake_action placed = on("c");
    placed.state().chosen = &detail::loop_of(elsewhere);
    for (fake_action* one : {&bad, &placed}) {
      try {
        all.schedule(std::move(*one));
      } catch (const std::invalid_argument&) {
        ++refused;
      }
    }
    all.schedule(on("d"));
  }));
  const action_result end = sync_wait(c_, all.run());
  EXPECT_EQ(refused, 2);
  EXPECT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(end.stats().ok, 2U);
  EXPECT_EQ(end["d0"].index, 1U);
}

TEST_P(scheduled_members, whose_refusal_a_handler_does_not_catch_end_the_whole) {
  parallel all(on("x"));
  all.schedule(then(on("a"), [&](const ended_command&) {
    fake_action bad = on("b");
    bad.state().commands.what = command("");
    all.schedule(std::move(bad));
  }));
  EXPECT_THROW(sync_wait(c_, all.run()), std::invalid_argument);
  EXPECT_EQ(all.stats().done, 2U);
}

// Chains of random length, of which some members are on no host, stopped at any moment or not at
// all: whatever was added has an end.
TEST_P(scheduled_members, have_an_end_each_whenever_the_whole_is_stopped) {
  const int rounds = long_count(2'000);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    std::mt19937 dice(static_cast<unsigned>(round));
    hosts_ = fake_hosts();
    hosts_.behaviour = [&](const host&) {
      script s;
      s.takes = std::chrono::milliseconds(dice() % 20);
      s.code = dice() % 5 == 0 ? 1 : 0;
      return s;
    };
    parallel all;
    all.allow_empty();
    std::size_t added = 0;
    std::function<void(const ended_command&)> more;
    auto add = [&] {
      fake_action one = on("a", dice() % 4);
      one.fanout(1 + dice() % 2).state().allow_empty();
      added += one.state().hosts.size();
      all.schedule(then(std::move(one), more));
    };
    more = [&](const ended_command&) {
      for (unsigned i = dice() % 3; i > 0 && added < 40; --i) add();
    };
    for (unsigned i = dice() % 4; i > 0; --i) add();
    const auto moment = std::chrono::milliseconds(dice() % 60);
    const unsigned how = dice() % 3;
    auto work = [&]() -> task<action_result> {
      all.start();
      co_await sleep(moment);
      if (how == 0) all.request_stop();
      if (how == 1) all.kill();
      co_return co_await all.wait();
    };
    const action_result end = sync_wait(c_, work());
    EXPECT_EQ(end.stats().hosts, added);
    EXPECT_EQ(end.stats().done, added);
    EXPECT_EQ(end.all().size(), added);
    EXPECT_EQ(hosts_.open, 0);
    EXPECT_EQ(hosts_.opened, hosts_.closed);
  }
}

}  // namespace
}  // namespace execo::test
