// Handles, waiters, owners: nothing outlives them, and many live at once.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <optional>
#include <thread>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "long_count.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class lifetime : public on_each_backend {};
EXECO_ON_EACH_BACKEND(lifetime);

TEST_P(lifetime, awaiting_a_process_is_running_it) {
  auto work = []() -> task<> {
    auto temporary = co_await process("echo a");
    EXPECT_EQ(temporary.out, "a\n");
    process kept("echo b");
    auto first = co_await kept;
    auto again = co_await kept.run();
    EXPECT_EQ(first.out, "b\n");
    EXPECT_EQ(again.out, "b\n");
  };
  sync_wait(work());
}

TEST_P(lifetime, a_process_is_lazy) {
  { process p("/nonexistent"); }
  process p = child("exit", "4");
  EXPECT_FALSE(p.running());
  EXPECT_EQ(p.pid(), 0);
  EXPECT_FALSE(p.try_result());
  auto op = p.run();
  EXPECT_FALSE(p.running());
  EXPECT_EQ(sync_wait(std::move(op)).status().code(), 4);
}

TEST_P(lifetime, starting_twice_is_starting_once) {
  auto work = []() -> task<> {
    process p("sh -c 'echo $$'");
    p.start().start();
    auto a = co_await p.run();
    p.start();
    auto b = co_await p.wait();
    EXPECT_EQ(a.out, b.out);
    EXPECT_EQ(a.out, std::to_string(p.pid()) + "\n");
  };
  sync_wait(work());
}

TEST_P(lifetime, all_waiters_are_told) {
  auto work = []() -> task<> {
    process p("sh -c 'sleep 0.02; exit 6'");
    p.start();
    auto [a, b, c, d] = co_await when_all(p.wait(), p.wait(), p.run(), p.wait());
    auto late = co_await p.wait();
    for (const result* r : {&a, &b, &c, &d, &late}) EXPECT_EQ(r->status().code(), 6);
  };
  sync_wait(work());
}

TEST_P(lifetime, waiters_on_other_contexts_are_told_there) {
  context home;
  process p = child("sleep", "0.1");
  p.on(home).start();
  std::atomic<int> told{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { told += sync_wait(p.wait()).ok() ? 1 : 0; });
  EXPECT_TRUE(sync_wait(home, p.wait()).ok());
  // The end is known on the home loop; their own loops still have to hear of it.
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(told, 4);
}

TEST_P(lifetime, a_dropped_handle_ends_the_process_with_its_context) {
  pid_t pid = 0;
  auto work = [&]() -> task<> {
    process p = child("sleep", "300");
    p.start();
    pid = co_await running_pid(p);
  };
  sync_wait(work());
  EXPECT_GT(pid, 0);
  EXPECT_FALSE(exists(pid));
}

TEST_P(lifetime, a_dropped_handle_of_a_stubborn_process_is_force_in_the_end) {
  pid_t pid = 0;
  auto work = [&]() -> task<> {
    process p = child("ignore-term");
    p.kill_timeout(50ms).start();
    pid = co_await running_pid(p);
  };
  sync_wait(work());
  EXPECT_FALSE(exists(pid));
}

TEST_P(lifetime, a_dropped_handle_ends_the_process_while_the_program_goes_on) {
  pid_t pid = 0;
  bool lived = false;
  auto work = [&]() -> task<> {
    {
      process p = child("sleep", "300");
      p.start();
      pid = co_await running_pid(p);
      lived = exists(pid);
    }
    co_await timeout(until_gone(pid), 30s);
  };
  sync_wait(work());
  EXPECT_TRUE(lived);
  EXPECT_FALSE(exists(pid));
}

TEST_P(lifetime, a_waiter_keeps_a_process_whose_handle_is_gone) {
  auto work = []() -> task<result> {
    std::optional<process::wait_op> waiter;
    {
      process p("sh -c 'sleep 0.05; exit 8'");
      p.start();
      waiter.emplace(p.wait());
    }
    co_return co_await std::move(*waiter);
  };
  EXPECT_EQ(sync_wait(work()).status().code(), 8);
}

TEST_P(lifetime, a_detached_process_goes_on_without_its_handle) {
  auto work = []() -> task<> {
    pid_t pid = 0;
    {
      process p = child("sleep", "0.2");
      p.start();
      pid = co_await running_pid(p);
      std::move(p).detach();
    }
    for (int i = 0; i < 20; ++i) {
      co_await sleep(1ms);
      EXPECT_TRUE(exists(pid));
    }
    co_await until_gone(pid);
  };
  sync_wait(work());
}

TEST_P(lifetime, the_end_of_the_context_ends_detached_processes_too) {
  pid_t pid = 0;
  auto work = [&]() -> task<> {
    process p = child("sleep", "300");
    p.start();
    pid = co_await running_pid(p);
    std::move(p).detach();
  };
  sync_wait(work());
  EXPECT_FALSE(exists(pid));
}

TEST_P(lifetime, the_end_of_the_context_cuts_the_wait_for_an_orphan) {
  std::optional<process> kept;
  auto work = [&]() -> task<> {
    kept.emplace(child("orphan", "300"));
    kept->drain_timeout(1h).start();
    const pid_t pid = co_await running_pid(*kept);
    co_await until_gone(pid);
  };
  sync_wait(work());
  auto r = *kept->try_result();
  EXPECT_EQ(r.how(), end_reason::exited);
  EXPECT_FALSE(r.output_complete());
  if (!r.out.empty()) (void)::kill(static_cast<pid_t>(std::atoi(r.out.c_str())), SIGKILL);
}

TEST_P(lifetime, a_context_ends_what_was_started_on_it_and_never_awaited) {
  process p = child("sleep", "300");
  {
    context c;
    p.on(c).start();
  }
  EXPECT_FALSE(p.running());
  EXPECT_EQ(p.try_result()->how(), end_reason::cancelled);
  process q = child("sleep", "300");
  {
    context c;
    q.on(c).start();
    sync_wait(c, running_pid(q));
  }
  EXPECT_FALSE(exists(q.pid()));
}

TEST_P(lifetime, moved_handles_stay_the_same_process) {
  auto work = []() -> task<> {
    auto p = process("sh -c 'exit 5'").start();
    process q = std::move(p);
    p = process("true");
    auto r = co_await q.wait();
    auto s = co_await p.run();
    EXPECT_EQ(r.status().code(), 5);
    EXPECT_TRUE(s.ok());
  };
  sync_wait(work());
}

TEST_P(lifetime, hundreds_of_processes_at_once) {
  const int count = long_count(5'000);
  auto work = [&]() -> task<int> {
    std::vector<process::owned_run_op> all;
    for (int i = 0; i < count; ++i) all.push_back(child("exit", i % 2 == 0 ? "0" : "3").run());
    auto results = co_await when_all(std::move(all));
    int good = 0;
    for (std::size_t i = 0; i < results.size(); ++i)
      good += results[i].status().code() == (i % 2 == 0 ? 0 : 3) ? 1 : 0;
    co_return good;
  };
  EXPECT_EQ(sync_wait(work()), count);
}

// Trap 6. A handler of the application takes every child there is, ours included.
extern "C" void reap_everything(int) {
  const int saved = errno;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  errno = saved;
}

TEST_P(lifetime, a_foreign_reaper_makes_status_lost_and_no_hang) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = reap_everything;
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGCHLD, &action, &before), 0);
  int lost = 0;
  for (int i = 0; i < 30; ++i) {
    auto r = sync_wait(child("exit", "3").run());
    if (r.how() == end_reason::status_lost) {
      ++lost;
      EXPECT_FALSE(r.ok());
      EXPECT_FALSE(r.status().code());
    } else {
      EXPECT_EQ(r.status().code(), 3) << r.describe();
    }
  }
  auto missing = sync_wait(process("/nonexistent").run());
  EXPECT_EQ(missing.how(), end_reason::spawn_failed);
  auto stopped = sync_wait(child("sleep", "300").timeout(20ms).run());
  EXPECT_EQ(stopped.how(), end_reason::timed_out);
  ASSERT_EQ(::sigaction(SIGCHLD, &before, nullptr), 0);
  EXPECT_GT(lost, 0) << "the handler never came first";
}

TEST_P(lifetime, an_application_that_ignores_sigchld_gets_status_lost) {
  auto before = ::signal(SIGCHLD, SIG_IGN);
  auto r = sync_wait(process("sh -c 'echo out; exit 3'").run());
  auto stopped = sync_wait(child("sleep", "300").timeout(20ms).run());
  (void)::signal(SIGCHLD, before);
  EXPECT_EQ(r.how(), end_reason::status_lost) << r.describe();
  EXPECT_EQ(r.out, "out\n");
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(stopped.how(), end_reason::timed_out);
}

TEST_P(lifetime, an_application_that_forks_meanwhile_is_no_harm) {
  process p("sh -c 'sleep 0.1; echo done'");
  pid_t copy = 0;
  auto work = [&]() -> task<result> {
    p.start();
    co_await running_pid(p);
    // The fork keeps copies of our pipe ends until it ends.
    copy = ::fork();
    if (copy == 0) {
      ::sleep(300);
      ::_exit(0);
    }
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.out, "done\n") << r.describe();
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(::kill(copy, SIGKILL), 0);
  EXPECT_EQ(::waitpid(copy, nullptr, 0), copy);
}

}  // namespace
}  // namespace execo::test
