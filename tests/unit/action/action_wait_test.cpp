// wait(), wait_for() and wait_any(), which stop nothing, and the handlers of an action itself.
#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "execo/detail/action_options.hpp"
#include "execo/process.hpp"
#include "execo/sleep.hpp"
#include "execo/wait_any.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class action_waits : public on_each_backend {
 protected:
  void every_host_takes(duration time) {
    hosts_.behaviour = [time](const host&) {
      script s;
      s.takes = time;
      return s;
    };
  }
  fake_hosts hosts_;
};
EXECO_ON_EACH_BACKEND(action_waits);

TEST_P(action_waits, give_the_result_of_a_started_action_to_each_that_waits) {
  fake_action a(hosts_, 3);
  auto work = [&]() -> task<> {
    a.start();
    auto both = co_await when_all(a.wait(), a.wait(), a.run());
    EXPECT_EQ(std::get<0>(both).stats().ok, 3U);
    EXPECT_EQ(std::get<1>(both).all().size(), 3U);
    EXPECT_EQ(std::get<2>(both).all().size(), 3U);
    auto again = co_await a.wait();
    EXPECT_TRUE(again.ok());
  };
  sync_wait(work());
  EXPECT_TRUE(sync_wait(a.wait()).ok()) << "its context is gone";
}

TEST_P(action_waits, are_refused_before_the_start) {
  fake_action a(hosts_, 1);
  EXPECT_THROW((void)a.wait(), std::logic_error);
  EXPECT_THROW((void)a.wait_for(1ms), std::logic_error);
  EXPECT_THROW((void)wait_any(a), std::logic_error);
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(action_waits, leave_the_action_running_when_they_are_stopped) {
  every_host_takes(1h);
  fake_action a(hosts_, 4);
  auto work = [&]() -> task<> {
    a.fanout(2).start();
    auto waits = [&]() -> task<bool> {
      try {
        (void)co_await a.wait();
      } catch (const operation_cancelled&) {
        co_return true;
      }
      co_return false;
    };
    std::stop_source stop;
    stop.request_stop();
    bool stopped_early = co_await with_stop(waits(), stop.get_token());
    EXPECT_TRUE(stopped_early);
    auto nothing = co_await a.wait_for(5ms);
    EXPECT_FALSE(nothing);
    EXPECT_EQ(a.stats().running, 2U);
    a.request_stop();
    auto end = co_await a.wait_for(1min);
    EXPECT_TRUE(end);
    if (!end) co_return;
    EXPECT_EQ(end->stats().count(end_reason::cancelled), 2U);
    EXPECT_EQ(end->stats().count(end_reason::not_started), 2U);
  };
  sync_wait(work());
}

TEST_P(action_waits, for_any_of_several_stop_none_of_them) {
  every_host_takes(1h);
  fake_hosts quick;
  fake_action slow(hosts_, 2);
  fake_action first(quick, 2);
  fake_action other(hosts_, 2);
  auto work = [&]() -> task<> {
    slow.start();
    first.start();
    other.start();
    auto any = co_await wait_any(slow, first, other);
    EXPECT_EQ(any.index, 1U);
    EXPECT_EQ(any.value.stats().ok, 2U);
    EXPECT_EQ(slow.stats().running, 2U);
    EXPECT_EQ(other.stats().running, 2U);
    other.kill();
    auto next = co_await wait_any(slow, other);
    EXPECT_EQ(next.index, 1U);
    auto ended = co_await wait_any(slow, first);
    EXPECT_EQ(ended.index, 1U) << "one that has ended ends the wait at once";
  };
  sync_wait(work());
}

TEST_P(action_waits, for_any_of_a_vector_or_of_processes_and_actions) {
  every_host_takes(1h);
  auto work = [&]() -> task<> {
    std::vector<process> list;
    list.push_back(child("sleep", "60"));
    list.push_back(child("exit", "3"));
    for (process& p : list) p.start();
    auto any = co_await wait_any(list);
    EXPECT_EQ(any.index, 1U);
    EXPECT_EQ(any.value.exit_code(), 3);
    EXPECT_TRUE(list[0].running());
    fake_action a(hosts_, 1);
    a.start();
    auto mixed = co_await wait_any(a, list[1]);
    EXPECT_EQ(mixed.index, 1U);
    EXPECT_EQ(std::get<1>(mixed.value).exit_code(), 3);
  };
  sync_wait(work());
}

TEST_P(action_waits, of_an_action_that_was_started_as_a_temporary) {
  auto work = [&]() -> task<std::size_t> {
    action a = fake_action(hosts_, 3).start();
    auto end = co_await a.wait();
    co_return end.stats().ok;
  };
  EXPECT_EQ(sync_wait(work()), 3U);
}

class told final : public action_handler {
 public:
  explicit told(std::vector<std::string>& to) : to_(to) {}
  void on_start(const started_action& a) override {
    to_.push_back("start " + std::string(a.name) + " on " + std::to_string(a.hosts));
  }
  void on_end(const ended_action& a) override {
    to_.push_back("end " + std::string(a.name) + (a.ok ? " ok" : " failed") + " of " +
                  std::to_string(a.stats.done));
  }

 private:
  std::vector<std::string>& to_;
};

TEST_P(action_waits, come_after_the_handlers_of_the_action_which_stand_around_those_of_its_hosts) {
  fake_action a(hosts_, 2);
  std::vector<std::string> seen;
  detail::add_action_handler(a, std::make_shared<told>(seen));
  detail::add_action_handler(
      a, on_action_start_call([&](const started_action& s) {
        EXPECT_NEAR(std::chrono::duration<double>(std::chrono::system_clock::now() - s.at).count(),
                    0.0, 60.0);
        seen.emplace_back("and another");
      }));
  a.state().commands.what.add_handler(
      on_start_call([&](const started_command&) { seen.emplace_back("host starts"); }));
  a.state().commands.what.add_handler(
      on_end_call([&](const ended_command&) { seen.emplace_back("host ends"); }));
  auto work = [&]() -> task<> {
    (void)co_await a.run();
    seen.emplace_back("awaited");
    (void)co_await a.run();
  };
  sync_wait(work());
  EXPECT_THAT(seen, ElementsAre("start work on 2", "and another", "host starts", "host starts",
                                "host ends", "host ends", "end work ok of 2", "awaited"));
}

TEST_P(action_waits, of_an_action_stopped_before_its_start_follow_an_end_without_a_start) {
  fake_action a(hosts_, 3);
  std::vector<std::string> seen;
  detail::add_action_handler(a, std::make_shared<told>(seen));
  auto work = [&]() -> task<> {
    auto at_once = []() -> task<int> { co_return 0; };
    (void)co_await when_any(at_once(), a.run());
  };
  sync_wait(work());
  auto end = sync_wait(a.wait());
  EXPECT_EQ(end.stats().count(end_reason::not_started), 3U);
  EXPECT_THAT(seen, ElementsAre("end work failed of 3"));
}

TEST_P(action_waits, throw_what_a_handler_of_the_action_threw) {
  for (bool at_end : {false, true}) {
    hosts_ = fake_hosts();
    fake_action a(hosts_, 5);
    std::vector<std::string> seen;
    if (at_end) {
      detail::add_action_handler(
          a, on_action_end_call([](const ended_action&) { throw std::runtime_error("end"); }));
    } else {
      detail::add_action_handler(a, on_action_start_call([](const started_action&) {
                                   throw std::runtime_error("start");
                                 }));
    }
    detail::add_action_handler(a, std::make_shared<told>(seen));
    auto work = [&]() -> task<> {
      a.start();
      (void)co_await a.wait();
    };
    EXPECT_THROW(sync_wait(work()), std::runtime_error);
    EXPECT_THROW(sync_wait(a.run()), std::runtime_error);
    EXPECT_EQ(hosts_.opened, at_end ? 5 : 0);
    EXPECT_EQ(hosts_.opened, hosts_.closed);
    EXPECT_EQ(seen.size(), 2U) << "the other handler is called all the same";
  }
}

TEST_P(action_waits, survive_a_handler_that_stops_and_kills_the_action) {
  every_host_takes(1h);
  fake_action a(hosts_, 4);
  detail::add_action_handler(
      a, on_action_start_call([&](const started_action&) { a.request_stop(); }));
  int ends = 0;
  detail::add_action_handler(a, on_action_end_call([&](const ended_action&) {
                               ++ends;
                               a.kill();
                               a.request_stop();
                             }));
  EXPECT_EQ(sync_wait(a.run()).stats().count(end_reason::not_started), 4U);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(action_waits, know_no_handler_that_is_null_or_comes_late) {
  fake_action a(hosts_, 1);
  EXPECT_THROW(detail::add_action_handler(a, nullptr), std::invalid_argument);
  EXPECT_TRUE(sync_wait(a.run()).ok());
  std::vector<std::string> seen;
  EXPECT_THROW(detail::add_action_handler(a, std::make_shared<told>(seen)), std::logic_error);
}

}  // namespace
}  // namespace execo::test
