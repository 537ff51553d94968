// Ending processes: signals, escalation, deadlines, stops.
#include <gmock/gmock.h>

#include <stop_token>
#include <thread>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class killing : public on_each_backend {};
EXECO_ON_EACH_BACKEND(killing);

/// Suspends until the child has written its first line: it then does what its mode says.
task<> until_ready(std::string file) {
  while (!std::ifstream(file).good()) co_await sleep(1ms);
}

/// A child that ignores TERM and INT, and a file that appears when it does so.
class stubborn {
 public:
  stubborn() {
    char name[] = "/tmp/execo-kill-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  stubborn(const stubborn&) = delete;
  stubborn& operator=(const stubborn&) = delete;
  ~stubborn() {
    (void)::unlink(mark().c_str());
    (void)::rmdir(folder_.c_str());
  }
  process make() const {
    return process("trap '' TERM INT; : > " + mark() + "; while :; do sleep 300 & wait; done")
        .shell();
  }
  task<> ready() const { return until_ready(mark()); }

 private:
  std::string mark() const { return folder_ + "/ready"; }
  std::string folder_;
};

TEST_P(killing, term_ends_a_process_that_does_not_object) {
  process p = child("sleep", "300");
  auto work = [&]() -> task<result> {
    p.start();
    co_await running_pid(p);
    p.kill();
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
  EXPECT_EQ(r.status().signal_name(), "TERM");
  EXPECT_TRUE(r.killed());
  EXPECT_FALSE(r.forced_kill());
}

TEST_P(killing, kill_escalates_to_sigkill_after_kill_timeout) {
  context c;
  led_clock time(c);
  time.hurry();
  stubborn s;
  process p = s.make();
  p.kill_timeout(100ms);
  auto work = [&]() -> task<result> {
    p.start();
    co_await s.ready();
    p.kill();
    time.hurry(100ms);
    co_return co_await p.wait();
  };
  auto r = sync_wait(c, work());
  EXPECT_EQ(r.status().signal(), SIGKILL) << r.describe();
  EXPECT_TRUE(r.killed());
  EXPECT_TRUE(r.forced_kill());
}

TEST_P(killing, a_timeout_escalates_to_sigkill) {
  context c;
  led_clock time(c);
  auto work = [&]() -> task<result> {
    process p = child("ignore-term");
    p.out(pipe()).timeout(200ms).kill_timeout(100ms).start();
    auto ready = co_await p.out().next_line();
    EXPECT_EQ(ready.value_or(""), "ready");
    time.hurry(300ms);
    co_return co_await p.wait();
  };
  auto r = sync_wait(c, work());
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.phase(), phase::run);
  EXPECT_EQ(r.status().signal(), SIGKILL);
  EXPECT_TRUE(r.forced_kill());
  EXPECT_GE(r.elapsed(), 300ms);
}

TEST_P(killing, a_timeout_lets_a_process_end_in_its_own_way) {
  context c;
  led_clock time(c);
  auto work = [&]() -> task<result> {
    process p("trap 'echo bye; exit 9' TERM; echo on; while :; do sleep 300 & wait; done");
    p.shell().out(pipe()).timeout(300ms).start();
    auto on = co_await p.out().next_line();
    EXPECT_EQ(on.value_or(""), "on");
    time.advance(300ms);
    auto bye = co_await p.out().next_line();
    EXPECT_EQ(bye.value_or(""), "bye");
    co_return co_await p.wait();
  };
  auto r = sync_wait(c, work());
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.status().code(), 9);
  EXPECT_TRUE(r.killed());
  EXPECT_FALSE(r.forced_kill());
}

TEST_P(killing, other_signals_are_sent_and_do_not_escalate) {
  process p("trap 'echo got; kill $!; exit 0' USR1; echo on; while :; do sleep 300 & wait; done");
  p.shell().kill_timeout(1ms);
  auto work = [&]() -> task<result> {
    p.out(pipe()).start();
    auto on = co_await p.out().next_line();  // the trap is set
    EXPECT_TRUE(on);
    p.kill(SIGCONT);
    p.kill(SIGUSR1);
    auto got = co_await p.out().next_line();
    EXPECT_EQ(got.value_or(""), "got");
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_FALSE(r.forced_kill()) << r.describe();
}

TEST_P(killing, sigkill_is_at_once) {
  stubborn s;
  process p = s.make();
  auto work = [&]() -> task<result> {
    p.start();
    co_await s.ready();
    p.kill(SIGKILL);
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.status().signal(), SIGKILL) << r.describe();
  EXPECT_TRUE(r.killed());
  EXPECT_FALSE(r.forced_kill()) << "it was asked for";
}

TEST_P(killing, before_the_start_is_nothing_and_right_after_it_cancels) {
  auto work = []() -> task<> {
    process idle = child("exit", "0");
    idle.kill();
    auto r = co_await idle.run();
    EXPECT_TRUE(r.ok());
    process p = child("sleep", "300");
    p.start();
    p.kill();
    auto cancelled = co_await p.wait();
    EXPECT_EQ(cancelled.how(), end_reason::cancelled);
    EXPECT_EQ(p.pid(), 0);
  };
  sync_wait(work());
}

TEST_P(killing, after_the_end_is_nothing_even_when_the_context_is_gone) {
  process p = child("exit", "3");
  auto r = sync_wait(p.run());
  EXPECT_EQ(r.status().code(), 3);
  p.kill();
  p.kill(SIGKILL);
  EXPECT_FALSE(p.running());
  EXPECT_EQ(p.try_result()->status().code(), 3);
  EXPECT_EQ(sync_wait(p.wait()).status().code(), 3);
  EXPECT_EQ(sync_wait(p.run()).status().code(), 3);
  p.start();
  EXPECT_FALSE(p.try_result()->killed());
}

TEST_P(killing, from_another_thread) {
  for (int round = 0; round < 30; ++round) {
    context c;
    process p = child("sleep", "300");
    p.on(c).start();
    std::thread killer([&] { p.kill(); });
    auto r = sync_wait(c, p.wait());
    killer.join();
    EXPECT_TRUE(r.how() == end_reason::signaled || r.how() == end_reason::cancelled)
        << r.describe();
  }
}

TEST_P(killing, a_stop_of_run_ends_the_process_and_joins_it) {
  process p = child("sleep", "300");
  pid_t pid = 0;
  auto work = [&]() -> task<> {
    auto both = co_await when_any(p.run(), running_pid(p));
    EXPECT_EQ(both.index, 1U);
    pid = std::get<1>(both.value);
    EXPECT_FALSE(exists(pid));
  };
  sync_wait(work());
  auto r = *p.try_result();
  EXPECT_EQ(r.how(), end_reason::cancelled);
  EXPECT_TRUE(r.killed());
  EXPECT_EQ(r.status().signal_name(), "TERM");
}

TEST_P(killing, a_stop_before_the_start_starts_nothing) {
  std::stop_source source;
  source.request_stop();
  process p = child("sleep", "300");
  auto work = [&]() -> task<result> {
    co_await sleep(1ms);
    auto never = [&]() -> task<int> { co_return 0; };
    auto first = co_await when_any(never(), p.run());
    EXPECT_EQ(first.index, 0U);
    co_return *p.try_result();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.how(), end_reason::cancelled);
  EXPECT_EQ(p.pid(), 0);
  EXPECT_FALSE(r.killed());
  EXPECT_LT(r.elapsed(), 10s) << "not the age of the machine";
  EXPECT_GT(r.started(), std::chrono::system_clock::now() - 1h);
}

TEST_P(killing, a_stop_while_an_orphan_keeps_the_pipe_ends_the_run) {
  auto work = []() -> task<bool> {
    process p = child("orphan", "300");
    p.drain_timeout(1h);
    auto r = co_await timeout(p.run(), 300ms);
    auto told = *p.try_result();
    EXPECT_EQ(told.status().code(), 0);
    EXPECT_FALSE(told.output_complete());
    (void)::kill(static_cast<pid_t>(std::atoi(told.out.c_str())), SIGKILL);
    co_return r.has_value();
  };
  EXPECT_FALSE(sync_wait(work()));
}

TEST_P(killing, a_stop_of_wait_leaves_the_process_running) {
  auto work = []() -> task<> {
    process p = child("sleep", "300");
    p.start();
    auto r = co_await timeout(p.wait(), 20ms);
    EXPECT_FALSE(r);
    EXPECT_TRUE(p.running());
    p.kill();
    auto end = co_await p.wait();
    EXPECT_EQ(end.how(), end_reason::signaled);
  };
  sync_wait(work());
}

TEST_P(killing, reaches_the_whole_group) {
  process p("sh -c 'sleep 300 & echo $!; sleep 300'");
  auto work = [&]() -> task<> {
    p.out(pipe()).start();
    auto line = co_await p.out().next_line();
    const pid_t beside = line ? std::atoi(std::string(*line).c_str()) : 0;
    EXPECT_GT(beside, 0);
    p.kill();
    auto r = co_await p.wait();
    EXPECT_EQ(r.how(), end_reason::signaled);
    if (beside > 0) co_await until_dead(beside);
  };
  sync_wait(work());
}

TEST_P(killing, a_stopped_process_goes_on_to_hear_term) {
  process p = child("sleep", "300");
  p.kill_timeout(20s);
  auto work = [&]() -> task<result> {
    p.start();
    co_await running_pid(p);
    p.kill(SIGSTOP);
    while (process_state(p.pid()) != 'T') co_await sleep(1ms);
    p.kill();
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.status().signal(), SIGTERM) << r.describe();
  EXPECT_FALSE(r.forced_kill());
}

TEST_P(killing, several_kills_are_one_escalation) {
  stubborn s;
  process p = s.make();
  p.kill_timeout(200ms);
  auto work = [&]() -> task<result> {
    p.start();
    co_await s.ready();
    for (int i = 0; i < 100; ++i) {
      p.kill(i % 2 == 0 ? SIGTERM : SIGINT);
      co_await sleep(1ms);
    }
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_TRUE(r.forced_kill()) << r.describe();
}

TEST_P(killing, a_kill_timeout_of_nothing_is_force_at_once) {
  auto r = run_in_a_hurry(child("ignore-term").timeout(100ms).kill_timeout(0s), 100ms);
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_TRUE(r.forced_kill());
}

}  // namespace
}  // namespace execo::test
