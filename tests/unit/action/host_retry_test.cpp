// retry() of an action: which hosts are tried again, when, and with which result.
#include <gmock/gmock.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "action/retry_rule.hpp"
#include "execo/composite.hpp"
#include "execo/rollout.hpp"
#include "execo/sleep.hpp"
#include "held_clock.hpp"
#include "process/result_access.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::result_access;
using ::testing::ElementsAre;
using numbers = std::vector<unsigned>;

class retried_hosts : public on_each_backend {
 protected:
  /// Its hosts take no time.
  fake_action on(std::size_t count, unsigned retries, std::size_t fanout = 64) {
    fake_action made(hosts_, count);
    made.fanout(fanout);
    detail::set_retry(made, retries, 1s);
    return made;
  }
  /// `bad(name, attempt)`: that one fails, by `how`.
  void behave(
      std::function<bool(const std::string&, unsigned)> bad,
      std::function<void(script&)> how = [](script& s) { s.fails = true; }) {
    hosts_.behaviour = [this, bad = std::move(bad), how = std::move(how)](const host& where) {
      script s;
      s.takes = 0ms;
      if (bad(where.name(), ++attempts_[where.name()])) how(s);
      return s;
    };
  }

  std::map<std::string, unsigned> attempts_;
  fake_hosts hosts_;
  context c_;
  running_clock time_{c_};
};
EXECO_ON_EACH_BACKEND(retried_hosts);

TEST_P(retried_hosts, have_the_result_of_the_last_attempt_and_its_number) {
  behave([](const std::string& name, unsigned n) { return name == "h1" && n < 3; });
  auto r = sync_wait(c_, on(3, 2).run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r["h0"].attempts, 1U);
  EXPECT_EQ(r["h1"].attempts, 3U);
  EXPECT_EQ(hosts_.opened, 5);
  EXPECT_LT(time_.elapsed(), 3s) << "at most one second, then at most two";
}

TEST_P(retried_hosts, are_not_tried_more_often_than_that) {
  behave([](const std::string&, unsigned) { return true; });
  auto r = sync_wait(c_, on(2, 3).run());
  EXPECT_EQ(r.stats().count(end_reason::connect_failed), 2U);
  EXPECT_EQ(r.stats().done, 2U) << "an attempt is no host";
  EXPECT_EQ(r["h0"].attempts, 4U);
  EXPECT_EQ(hosts_.opened, 8);
  EXPECT_EQ(sync_wait(c_, on(2, 0).run()).stats().count(end_reason::connect_failed), 2U);
  EXPECT_EQ(hosts_.opened, 10);
}

TEST_P(retried_hosts, whose_command_ran_are_left_alone_unless_it_may_run_twice) {
  behave([](const std::string&, unsigned n) { return n == 1; }, [](script& s) { s.code = 3; });
  auto once = sync_wait(c_, on(2, 5).run());
  EXPECT_EQ(once.stats().bad_exits(), 2U);
  EXPECT_EQ(hosts_.opened, 2);
  attempts_.clear();
  fake_action twice = on(2, 5);
  detail::set_idempotent(twice);
  EXPECT_TRUE(sync_wait(c_, twice.run()).ok());
  EXPECT_EQ(hosts_.opened, 6);
}

TEST_P(retried_hosts, leave_their_place_to_others_meanwhile) {
  behave([](const std::string& name, unsigned n) { return name == "h0" && n == 1; });
  EXPECT_TRUE(sync_wait(c_, on(4, 1, 1).run()).ok());
  EXPECT_THAT(hosts_.order, ElementsAre("h0", "h1", "h2", "h3", "h0"));
  EXPECT_EQ(hosts_.most_open, 1);
}

TEST_P(retried_hosts, keep_to_the_fanout_when_many_are_due) {
  behave([](const std::string&, unsigned n) { return n == 1; });
  EXPECT_TRUE(sync_wait(c_, on(50, 1, 4).run()).ok());
  EXPECT_EQ(hosts_.opened, 100);
  EXPECT_EQ(hosts_.most_open, 4);
}

TEST_P(retried_hosts, that_are_taken_one_by_one_arrive_once) {
  behave([](const std::string&, unsigned n) { return n == 1; });
  fake_action a = on(10, 1, 2);
  std::size_t taken = 0;
  auto work = [&]() -> task<> {
    while (auto r = co_await a.next()) {
      ++taken;
      EXPECT_TRUE(r->ok());
      co_await sleep(1s);
    }
  };
  sync_wait(c_, work());
  EXPECT_EQ(taken, 10U);
}

TEST_P(retried_hosts, end_in_their_pause_with_the_result_of_the_last_attempt) {
  for (bool one_only : {false, true}) {
    behave([](const std::string& name, unsigned) { return name == "h0"; });
    hosts_.opened = 0;
    fake_action a = on(2, 1'000'000);
    auto work = [&]() -> task<action_result> {
      a.start();
      while (a.of("h0").state() != host_state::waiting || a.stats().done == 0) co_await sleep(1ms);
      EXPECT_EQ(a.stats().running, 0U);
      if (one_only) {
        a.of("h0").kill();
      } else {
        a.request_stop();
      }
      EXPECT_EQ(a.stats().done, 2U) << "at once";
      co_return co_await a.wait();
    };
    auto r = sync_wait(c_, work());
    EXPECT_EQ(r["h0"].how(), end_reason::connect_failed);
    EXPECT_EQ(r["h0"].attempts + 1, static_cast<unsigned>(hosts_.opened));
    EXPECT_TRUE(r["h1"].ok());
  }
}

TEST_P(retried_hosts, that_are_killed_are_not_tried_again) {
  behave([](const std::string&, unsigned) { return true; }, [](script& s) { s.takes = 1000h; });
  fake_action a = on(2, 5);
  detail::set_idempotent(a);
  auto work = [&]() -> task<action_result> {
    a.start();
    co_await sleep(1s);
    a.of("h0").kill();
    co_await sleep(1s);
    EXPECT_EQ(a.stats().done, 1U);
    a.kill();
    co_return co_await a.wait();
  };
  auto r = sync_wait(c_, work());
  EXPECT_EQ(r.stats().count(end_reason::signaled), 2U);
  EXPECT_EQ(hosts_.opened, 2);
}

TEST_P(retried_hosts, tell_the_function_that_makes_the_command_which_attempt_it_is) {
  behave([](const std::string&, unsigned n) { return n < 3; });
  fake_action a = on(1, 2);
  numbers seen;
  a.state().commands.make = [&](const target& t) {
    seen.push_back(t.attempt);
    return command("work");
  };
  EXPECT_TRUE(sync_wait(c_, a.run()).ok());
  EXPECT_THAT(seen, ElementsAre(1U, 2U, 3U));
}

TEST_P(retried_hosts, call_the_end_handler_once) {
  behave([](const std::string&, unsigned n) { return n < 3; });
  fake_action a = on(1, 2);
  numbers codes;
  a.state().commands.what.add_handler(on_end_call([&](const ended_command& e) {
    codes.push_back(static_cast<unsigned>(e.result.exit_code()));
  }));
  EXPECT_TRUE(sync_wait(c_, a.run()).ok());
  EXPECT_THAT(codes, ElementsAre(0U));
}

TEST_P(retried_hosts, belong_to_their_batch_until_the_last_attempt) {
  behave([](const std::string& name, unsigned n) { return name == "h0" && n == 1; });
  auto all = rollout(on(3, 1)).batch(1);
  EXPECT_TRUE(sync_wait(c_, all.run()).ok());
  EXPECT_THAT(hosts_.order, ElementsAre("h0", "h0", "h1", "h2"));
}

TEST_P(retried_hosts, are_not_tried_again_when_a_rollout_has_stopped) {
  behave([](const std::string& name, unsigned) { return name == "h0"; });
  hosts_.behaviour = [](const host& where) {
    script s;
    s.fails = where.name() == "h0";
    s.code = 1;
    s.takes = 1min;
    return s;
  };
  auto all = rollout(on(2, 1'000'000)).batch(2);
  auto r = sync_wait(c_, all.run());
  EXPECT_EQ(r["h0"].how(), end_reason::connect_failed);
  EXPECT_GT(r["h0"].attempts, 1U);
  EXPECT_EQ(r["h1"].exit_code(), 1);
  EXPECT_EQ(all.verdict().how, rollout_end::too_many_failures);
}

TEST_P(retried_hosts, in_a_sequence_end_before_the_next_member_begins) {
  behave([](const std::string& name, unsigned n) { return name == "h0" && n == 1; });
  EXPECT_TRUE(sync_wait(c_, sequential(on(2, 1), on(1, 0)).run()).ok());
  EXPECT_THAT(hosts_.order, ElementsAre("h0", "h1", "h0", "h0"));
}

TEST(retry_rules, refuse_a_negative_backoff) {
  fake_hosts hosts;
  fake_action a(hosts, 1);
  EXPECT_THROW(detail::set_retry(a, 1, -1s), std::invalid_argument);
}

TEST(retry_rules, pause_up_to_twice_as_long_each_time_and_thirty_seconds_at_most) {
  detail::retry_rule rule;
  rule.backoff = 1s;
  for (unsigned n : {1U, 2U, 3U, 5U, 6U, 100U}) {
    const duration most = n < 6 ? duration(1s) * (1U << (n - 1)) : duration(30s);
    for (int i = 0; i < 20; ++i) {
      EXPECT_GE(rule.pause(n), 0s);
      EXPECT_LE(rule.pause(n), most) << n;
    }
  }
  rule.backoff = 0s;
  EXPECT_EQ(rule.pause(9), 0s);
  rule.backoff = 24h;
  EXPECT_LE(rule.pause(1), 30s);
}

class no_execution final : public detail::execution_factory {
 public:
  detail::intrusive_ptr<detail::execution> make(detail::loop&, std::size_t,
                                                detail::attempt) override {
    return {};
  }
};

result ended(end_reason how, certainty started, bool killed = false) {
  result r;
  result_access::how(r) = how;
  result_access::started_command(r) = started;
  result_access::killed(r) = killed;
  return r;
}

TEST(retry_rules, are_for_ends_that_may_pass) {
  const no_execution by;
  detail::retry_rule rule;
  rule.most = 1;
  const auto no = certainty::no;
  const auto yes = certainty::yes;
  auto allows = [&](const result& r) { return rule.allows(r, 1, by); };
  for (end_reason how :
       {end_reason::connect_failed, end_reason::connection_lost, end_reason::timed_out}) {
    EXPECT_TRUE(allows(ended(how, no))) << to_string(how);
    EXPECT_FALSE(allows(ended(how, certainty::maybe))) << to_string(how);
    EXPECT_FALSE(allows(ended(how, yes))) << to_string(how);
  }
  for (end_reason how : {end_reason::auth_failed, end_reason::host_key_rejected,
                         end_reason::unsupported, end_reason::cancelled, end_reason::spawn_failed,
                         end_reason::not_started, end_reason::protocol_error})
    EXPECT_FALSE(allows(ended(how, no))) << to_string(how);
  result short_of_processes = ended(end_reason::spawn_failed, no);
  result_access::error(short_of_processes) =
      std::make_error_code(std::errc::resource_unavailable_try_again);
  EXPECT_TRUE(allows(short_of_processes));
  EXPECT_FALSE(rule.allows(ended(end_reason::connect_failed, no), 2, by));
}

TEST(retry_rules, are_for_failures_of_a_command_that_may_run_twice) {
  const no_execution by;
  detail::retry_rule rule;
  rule.most = 1;
  rule.idempotent = true;
  const auto yes = certainty::yes;
  auto allows = [&](const result& r) { return rule.allows(r, 1, by); };
  for (end_reason how : {end_reason::exited, end_reason::signaled, end_reason::connection_lost,
                         end_reason::status_lost})
    EXPECT_TRUE(allows(ended(how, yes))) << to_string(how);
  EXPECT_TRUE(allows(ended(end_reason::timed_out, yes, true))) << "a deadline kills";
  EXPECT_TRUE(allows(ended(end_reason::connection_lost, certainty::maybe)));
  EXPECT_FALSE(allows(ended(end_reason::signaled, yes, true))) << "the caller did";
  EXPECT_FALSE(allows(ended(end_reason::output_failed, yes)));
  EXPECT_FALSE(allows(ended(end_reason::auth_failed, certainty::no)));
  result good = ended(end_reason::exited, yes);
  result_access::ok(good) = true;
  EXPECT_FALSE(allows(good));
}

}  // namespace
}  // namespace execo::test
