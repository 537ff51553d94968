// A context with several event loops.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "execo/process.hpp"
#include "execo/resume_on.hpp"
#include "execo/scope.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "loop/loop.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class contexts_of_rings : public on_each_backend {};
EXECO_ON_EACH_BACKEND(contexts_of_rings);

TEST_P(contexts_of_rings, have_one_thread_each_beside_the_callers) {
  context c(rings(4));
  ASSERT_EQ(c.ring_count(), 4U);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> told{0};
  for (std::size_t i = 0; i < 4; ++i) {
    c.ring(i).post([&] {
      {
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      if (++told == 4) c.stop();
    });
  }
  c.run();
  EXPECT_EQ(threads.size(), 4U);
  EXPECT_EQ(threads.count(std::this_thread::get_id()), 1U);
}

TEST_P(contexts_of_rings, refuse_counts_that_make_no_sense) {
  EXPECT_THROW(rings(0), std::invalid_argument);
  EXPECT_THROW(rings(1025), std::invalid_argument);
  EXPECT_THROW(spawners(65), std::invalid_argument);
  context c(rings(2));
  EXPECT_THROW(c.ring(2), std::out_of_range);
  EXPECT_TRUE(c.ring(0) == executor(c));
  EXPECT_FALSE(c.ring(1) == executor(c));
}

TEST_P(contexts_of_rings, run_a_process_on_the_ring_that_was_chosen_and_resume_at_home) {
  context c(rings(3));
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<> {
    for (std::size_t i = 0; i < 9; ++i) {
      auto p = process("sh -c 'echo hi; exit 3'");
      p.on(c.ring(i % 3));
      auto r = co_await p.run();
      EXPECT_EQ(r.out, "hi\n");
      EXPECT_EQ(r.status().code(), 3);
      EXPECT_EQ(std::this_thread::get_id(), here);
    }
  };
  sync_wait(c, work());
}

TEST_P(contexts_of_rings, end_what_lives_on_any_ring_with_the_wait) {
  context c(rings(3));
  std::vector<process> left;
  auto work = [&]() -> task<> {
    for (std::size_t i = 0; i < 3; ++i) {
      left.push_back(process("sleep 60"));
      left.back().on(c.ring(i));
      left.back().start();
    }
    co_return;
  };
  sync_wait(c, work());
  for (process& p : left) {
    ASSERT_TRUE(p.try_result());
    EXPECT_EQ(p.try_result()->how(), end_reason::cancelled);
  }
}

TEST_P(contexts_of_rings, end_what_lives_on_any_ring_with_themselves) {
  std::vector<process> left;
  {
    context c(rings(3));
    for (std::size_t i = 0; i < 3; ++i) {
      left.push_back(process("sleep 60"));
      left.back().on(c.ring(i));
      left.back().start();
    }
  }
  for (process& p : left) {
    ASSERT_TRUE(p.try_result());
    EXPECT_EQ(p.try_result()->how(), end_reason::cancelled);
  }
}

TEST_P(contexts_of_rings, stop_what_runs_on_another_ring) {
  context c(rings(2));
  auto work = [&]() -> task<> {
    auto p = process("sleep 60");
    p.on(c.ring(1));
    auto r = co_await timeout(p.run(), 20ms);
    EXPECT_FALSE(r);
    EXPECT_EQ(p.try_result()->how(), end_reason::cancelled);
  };
  sync_wait(c, work());
}

TEST_P(contexts_of_rings, run_a_coroutine_on_any_of_them_and_come_back) {
  context c(rings(3));
  const auto here = std::this_thread::get_id();
  auto where_am_i = []() -> task<std::thread::id> {
    co_await sleep(0ms);
    co_return std::this_thread::get_id();
  };
  auto work = [&]() -> task<> {
    std::set<std::thread::id> threads;
    for (std::size_t i = 0; i < 3; ++i) {
      threads.insert(co_await on(c.ring(i), where_am_i()));
      EXPECT_EQ(std::this_thread::get_id(), here);
    }
    EXPECT_EQ(threads.size(), 3U);
    EXPECT_EQ(threads.count(here), 1U);
    co_await resume_on(sleep(0ms), c.ring(1));
    EXPECT_EQ(threads.count(std::this_thread::get_id()), 1U);
    EXPECT_NE(std::this_thread::get_id(), here);
    co_await sleep(0ms);
    EXPECT_EQ(std::this_thread::get_id(), here);
  };
  sync_wait(c, work());
}

TEST_P(contexts_of_rings, keep_all_signals_from_their_threads) {
  context c(rings(2));
  sigset_t mask;
  sigemptyset(&mask);
  c.ring(1).post([&] {
    (void)pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    c.stop();
  });
  c.run();
  EXPECT_EQ(sigismember(&mask, SIGINT), 1);
  EXPECT_EQ(sigismember(&mask, SIGCHLD), 1);
}

class bursts : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(of, bursts, ::testing::Values(0U, 1U, 2U, 4U));

TEST_P(bursts, of_children_all_start_and_keep_their_output_apart) {
  context c{spawners(GetParam())};
  auto one = [](int n) -> task<bool> {
    auto r = co_await process("sh")
                 .args("-c", "read x; printf \"$x\"; exit 7")
                 .input(std::to_string(n))
                 .run();
    co_return r.status().code() == 7 && r.out == std::to_string(n);
  };
  auto all = [&]() -> task<int> {
    std::vector<task<bool>> runs;
    for (int i = 0; i < 300; ++i) runs.push_back(one(i));
    int good = 0;
    auto results = co_await when_all(std::move(runs));
    for (bool ok : results) good += ok ? 1 : 0;
    co_return good;
  };
  EXPECT_EQ(sync_wait(c, all()), 300);
}

TEST_P(bursts, that_are_stopped_while_they_wait_for_a_thread_leave_nothing) {
  context c{spawners(GetParam())};
  auto all = [&]() -> task<> {
    scope s;
    for (int i = 0; i < 300; ++i) {
      auto run = []() -> task<> {
        auto r = co_await process("sleep 60").run();
        EXPECT_EQ(r.how(), end_reason::cancelled);
      };
      s.spawn(run());
    }
    co_await sleep(5ms);
    s.request_stop();
    co_await s.join();
  };
  sync_wait(c, all());
}

TEST_P(bursts, of_commands_that_cannot_run_say_so_each) {
  context c{spawners(GetParam())};
  auto all = [&]() -> task<> {
    std::vector<process::owned_run_op> runs;
    for (int i = 0; i < 50; ++i) runs.push_back(process("/no/such/program").run());
    auto results = co_await when_all(std::move(runs));
    for (const result& r : results) {
      EXPECT_EQ(r.how(), end_reason::spawn_failed);
      EXPECT_EQ(r.error().value(), ENOENT);
      EXPECT_NE(r.describe().find("/no/such/program"), std::string::npos);
    }
  };
  sync_wait(c, all());
}

}  // namespace
}  // namespace execo::test
