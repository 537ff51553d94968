// What a context says of itself when somebody looks for what does not end.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "execo/process.hpp"
#include "execo/sleep.hpp"
#include "execo/timeout.hpp"
#include "execo/when_any.hpp"
#include "unit/coro/probe.hpp"
#include "unit/coro/shorter_driver_wait.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class dumps : public on_each_backend {};
EXECO_ON_EACH_BACKEND(dumps);

TEST_P(dumps, name_the_processes_and_timers_of_each_ring) {
  context c(rings(2));
  auto work = [&]() -> task<std::string> {
    auto here = process("sleep 60");
    auto there = process("sh").args("-c", "sleep 61").timeout(90s);
    here.start();
    there.on(c.ring(1));
    there.start();
    while (here.pid() == 0 || there.pid() == 0) co_await sleep(1ms);
    std::string text = c.dump();
    EXPECT_THAT(text, ContainsRegex("process `sleep 60`, pid " + std::to_string(here.pid()) +
                                    ", run, for [0-9.]+ m?s\n"));
    EXPECT_THAT(text, ContainsRegex("process `sh -c 'sleep 61'`, pid [0-9]+, run, for "));

    EXPECT_THAT(text, ContainsRegex("timer deadline of a command: armed for .*, due in 1 m"));
    here.kill(SIGKILL);
    there.kill(SIGKILL);
    co_await here.wait();
    co_await there.wait();
    co_return text;
  };
  std::string text = sync_wait(c, work());
  EXPECT_THAT(text, HasSubstr("ring 0: " + std::string(GetParam())));
  EXPECT_THAT(text, HasSubstr("ring 1: " + std::string(GetParam())));
  EXPECT_THAT(c.dump(), Not(HasSubstr("process `")));
}

TEST_P(dumps, name_what_is_waited_for) {
  context c;
  auto look = [&]() -> task<std::string> {
    co_await sleep(1ms);
    co_return c.dump();
  };
  auto wait = []() -> task<std::string> {
    co_await sleep(1h);
    co_return "";
  };
  auto both = when_any(look(), wait());
  std::string text = sync_wait(c, std::move(both)).value;
  EXPECT_THAT(text, ContainsRegex("wait for sleep, for [0-9.]+ m?s\n"));
  EXPECT_THAT(text, ContainsRegex("timer of a sleep: armed for .*, due in 1 h"));
  EXPECT_THAT(c.dump(), HasSubstr(" 0 waits, 0 processes, sessions and actions, 0 timers"));
}

TEST_P(dumps, come_from_any_thread) {
  context c;
  std::thread drives([&] { c.run(); });
  auto p = process("sleep 60");
  p.on(c);
  p.start();
  while (p.pid() == 0) std::this_thread::yield();
  EXPECT_THAT(c.dump(), HasSubstr("process `sleep 60`, pid "));
  c.stop();
  drives.join();
}

TEST_P(dumps, say_so_when_the_thread_is_held) {
  context c;
  std::mutex mutex;
  std::condition_variable moved;
  bool held = false;
  bool free = false;
  std::thread drives([&] { c.run(); });
  c.post([&] {
    std::unique_lock lock(mutex);
    held = true;
    moved.notify_all();
    moved.wait(lock, [&] { return free; });
  });
  {
    std::unique_lock lock(mutex);
    moved.wait(lock, [&] { return held; });
  }
  shorter_driver_wait now;
  EXPECT_THAT(c.dump(), HasSubstr("no answer within 20 ms"));
  {
    std::lock_guard lock(mutex);
    free = true;
  }
  moved.notify_all();
  c.stop();
  drives.join();
}

TEST_P(dumps, stay_short_however_much_lives) {
  context c;
  auto work = [&]() -> task<> {
    std::vector<process> many;
    for (int i = 0; i < 150; ++i) {
      many.push_back(process("sleep 60"));
      many.back().timeout(1h).start();
    }
    co_await sleep(0s);
    EXPECT_THAT(c.dump(), HasSubstr("... and 50 more\n"));
  };
  sync_wait(c, work());
}

#ifndef NDEBUG
TEST(holds, are_reported_with_what_the_coroutine_had_waited_for) {
  ::setenv("EXECO_HOLD_LIMIT", "50", 1);
  ::testing::internal::CaptureStderr();
  auto work = []() -> task<> {
    co_await sleep(0s);
    std::this_thread::sleep_for(80ms);
  };
  sync_wait(work());
  std::string told = ::testing::internal::GetCapturedStderr();
  ::setenv("EXECO_HOLD_LIMIT", "0", 1);
  EXPECT_THAT(told,
              ContainsRegex("a coroutine that came back from sleep held its ring for [0-9]+ ms"));
}
#endif

}  // namespace
}  // namespace execo::test
