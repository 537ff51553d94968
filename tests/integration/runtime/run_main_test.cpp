// Programs that take SIGINT and its like in order.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "execo/signals.hpp"
#include "execo/sleep.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "program.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

class run_main_of : public on_each_backend {};
EXECO_ON_EACH_BACKEND(run_main_of);

TEST_P(run_main_of, a_program_turns_a_signal_into_a_stop_with_results) {
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    program application({EXECO_HOST_APPLICATION, "run-main"});
    ASSERT_TRUE(application.out_has("ready"));
    application.kill(number);
    outcome end = application.finish();
    EXPECT_EQ(end.code, 128 + number) << "signal " << end.signal;
    EXPECT_EQ(end.out, "ready\ncancelled\n");
  }
}

TEST_P(run_main_of, a_program_ends_at_once_at_a_second_signal) {
  program application({EXECO_HOST_APPLICATION, "run-main-stubborn"});
  ASSERT_TRUE(application.out_has("ready"));
  pid_t command = std::stoi(application.out());
  auto begun = std::chrono::steady_clock::now();
  while (application.running() &&
         std::chrono::steady_clock::now() - begun < std::chrono::minutes(1)) {
    application.kill(SIGINT);
    (void)application.out_has("never", std::chrono::milliseconds(50));
  }
  EXPECT_EQ(application.finish().code, 128 + SIGINT);
  while (process_state(command) != '\0' && process_state(command) != 'Z') std::this_thread::yield();
}

class awaited_signals : public on_each_backend {};
EXECO_ON_EACH_BACKEND(awaited_signals);

bool is_blocked(int number) {
  sigset_t now;
  return ::pthread_sigmask(SIG_SETMASK, nullptr, &now) == 0 && sigismember(&now, number) == 1;
}

TEST_P(awaited_signals, come_one_by_one_and_wait_for_who_is_late) {
  auto body = []() -> task<> {
    signals taken(SIGUSR1, SIGUSR2);
    EXPECT_TRUE(is_blocked(SIGUSR1));
    (void)::kill(::getpid(), SIGUSR2);
    EXPECT_EQ(co_await taken.next(), SIGUSR2);
    auto later = []() -> task<> {
      co_await sleep(std::chrono::milliseconds(5));
      (void)::kill(::getpid(), SIGUSR1);
    };
    auto both = when_all(taken.next(), later());
    EXPECT_EQ(std::get<0>(co_await std::move(both)), SIGUSR1);
  };
  sync_wait(body());
  EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST_P(awaited_signals, leave_a_stopped_wait_and_lose_none) {
  auto body = []() -> task<> {
    signals taken(SIGUSR1);
    auto none = timeout(taken.next(), std::chrono::milliseconds(5));
    EXPECT_FALSE((co_await std::move(none)).has_value());
    (void)::kill(::getpid(), SIGUSR1);
    EXPECT_EQ(co_await taken.next(), SIGUSR1);
  };
  sync_wait(body());
}

TEST_P(awaited_signals, go_to_one_of_two_contexts) {
  signals first(SIGUSR1), second(SIGUSR1);
  context a, b;
  (void)::kill(::getpid(), SIGUSR1);
  EXPECT_EQ(sync_wait(a, first.next()), SIGUSR1);
  auto none = [](signals& from) -> task<bool> {
    auto wait = timeout(from.next(), std::chrono::milliseconds(5));
    co_return (co_await std::move(wait)).has_value();
  };
  EXPECT_FALSE(sync_wait(b, none(second)));
}

TEST_P(awaited_signals, refuse_what_cannot_be_taken) {
  EXPECT_THROW(signals(SIGKILL), std::invalid_argument);
  EXPECT_THROW(signals(SIGINT, SIGSEGV), std::invalid_argument);
  EXPECT_THROW(signals(0), std::invalid_argument);
  EXPECT_FALSE(is_blocked(SIGINT));
}

}  // namespace
}  // namespace execo::test
