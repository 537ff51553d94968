#include "execo/retry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>
#include <vector>

#include "execo/process.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class retries : public on_each_backend {};
EXECO_ON_EACH_BACKEND(retries);

/// Fails so many times, then gives the number of the attempt.
class flaky {
 public:
  explicit flaky(int failures) : failures_(failures) {}
  task<int> attempt() {
    const int n = ++attempts;
    if (n <= failures_) throw std::runtime_error("attempt " + std::to_string(n));
    co_return n;
  }
  int attempts = 0;

 private:
  int failures_;
};

retry_policy quick() {
  retry_policy p;
  p.backoff(1us, 1);
  return p;
}

TEST_P(retries, go_on_until_an_attempt_succeeds) {
  flaky f(3);
  auto policy = quick().attempts(10);
  EXPECT_EQ(sync_wait(retry(policy, [&] { return f.attempt(); })), 4);
  flaky good(0);
  EXPECT_EQ(sync_wait(retry(retry_policy(), [&] { return good.attempt(); })), 1);
}

TEST_P(retries, give_the_last_exception_when_the_attempts_are_used_up) {
  flaky f(100);
  auto policy = quick().attempts(3);
  try {
    sync_wait(retry(policy, [&] { return f.attempt(); }));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "attempt 3");
  }
  EXPECT_EQ(f.attempts, 3);
}

TEST_P(retries, of_results_that_are_not_ok_give_the_last_one) {
  int runs = 0;
  auto run = [&] {
    ++runs;
    return process("sh -c 'exit " + std::to_string(runs) + "'").run();
  };
  auto policy = quick().attempts(3);
  auto r = sync_wait(retry(policy, run));
  EXPECT_EQ(r.status().code(), 3);
  EXPECT_EQ(runs, 3);
  runs = -1;
  auto good = sync_wait(retry(policy, run));
  EXPECT_TRUE(good.ok());
}

TEST_P(retries, of_operations_without_a_value) {
  int runs = 0;
  auto run = [&]() -> task<> {
    if (++runs < 2) throw std::runtime_error("first");
    co_return;
  };
  sync_wait(retry(quick(), run));
  EXPECT_EQ(runs, 2);
}

TEST_P(retries, happen_when_the_predicate_says_so) {
  int runs = 0;
  auto count = [&]() -> task<int> { co_return ++runs; };
  auto small = quick().attempts(10).when([](const int& n) { return n < 4; });
  EXPECT_EQ(sync_wait(retry(small, count)), 4);
  runs = 0;
  auto of_outcome =
      quick().attempts(10).when([](const auto& end) { return end.has_value() && end.value() < 3; });
  EXPECT_EQ(sync_wait(retry(of_outcome, count)), 3);
  flaky f(100);
  auto never = quick().attempts(10).when([](std::exception_ptr) { return false; });
  EXPECT_THROW(sync_wait(retry(never, [&] { return f.attempt(); })), std::runtime_error);
  EXPECT_EQ(f.attempts, 1);
}

TEST_P(retries, do_not_repeat_what_was_cancelled) {
  int runs = 0;
  auto cancelled = [&]() -> task<> {
    ++runs;
    throw operation_cancelled();
    co_return;
  };
  EXPECT_THROW(sync_wait(retry(quick(), cancelled)), operation_cancelled);
  EXPECT_EQ(runs, 1);
}

TEST_P(retries, a_stop_ends_a_backoff_at_once) {
  flaky f(100);
  retry_policy policy;
  policy.backoff(1h).jitter(jitter::none);
  EXPECT_FALSE(sync_wait(timeout(retry(policy, [&] { return f.attempt(); }), 2ms)));
  EXPECT_EQ(f.attempts, 1);
}

TEST_P(retries, a_stop_during_an_attempt_makes_it_the_last_one) {
  std::stop_source source;
  process p("sleep 300");
  int runs = 0;
  auto run = [&] {
    ++runs;
    return p.run();
  };
  auto work = [&]() -> task<> {
    auto stop = [&]() -> task<> {
      while (p.pid() == 0) co_await sleep(1ms);
      source.request_stop();
    };
    auto [r, none] = co_await when_all(with_stop(retry(quick(), run), source.get_token()), stop());
    EXPECT_EQ(r.how(), end_reason::cancelled);
  };
  sync_wait(work());
  EXPECT_EQ(runs, 1);
}

TEST_P(retries, nothing_begins_after_the_total_time) {
  flaky f(1'000'000);
  auto policy = quick().attempts(1'000'000).budget(3ms);
  EXPECT_THROW(sync_wait(retry(policy, [&] { return f.attempt(); })), std::runtime_error);
  EXPECT_LT(f.attempts, 1'000'000);
  flaky g(100);
  auto no_time = quick().budget(duration(-1));
  EXPECT_THROW(sync_wait(retry(no_time, [&] { return g.attempt(); })), std::runtime_error);
  EXPECT_EQ(g.attempts, 1);
}

TEST_P(retries, a_shared_budget_bounds_those_of_all) {
  retry_budget shared(0.1, 5);
  auto policy = quick().attempts(10).budget(shared);
  int attempts = 0;
  for (int i = 0; i < 100; ++i) {
    flaky f(1'000);
    EXPECT_THROW(sync_wait(retry(policy, [&] { return f.attempt(); })), std::runtime_error);
    attempts += f.attempts;
  }
  // The reserve, and a tenth of the operations; the first one finds the account full.
  EXPECT_GE(attempts, 100 + 5 + 9);
  EXPECT_LE(attempts, 100 + 5 + 10);
}

TEST_P(retries, nonsense_is_refused) {
  EXPECT_THROW(retry_policy().attempts(0), std::invalid_argument);
  EXPECT_THROW(retry_policy().backoff(-1ms), std::invalid_argument);
  EXPECT_THROW(retry_policy().backoff(1ms, 0.5), std::invalid_argument);
  EXPECT_THROW(retry_policy().backoff(1ms, 2, -1s), std::invalid_argument);
  EXPECT_THROW(retry_budget(-1), std::invalid_argument);
}

std::vector<duration> waits_of(detail::retry_plan plan, unsigned n) {
  plan.set_attempts(n + 1);
  plan.begin();
  std::vector<duration> waits;
  while (auto wait = plan.next()) waits.push_back(*wait);
  EXPECT_EQ(waits.size(), n);
  return waits;
}

TEST(retry_plan, backoffs_grow_by_their_factor_up_to_the_longest) {
  detail::retry_plan plan;
  plan.spread = jitter::none;
  plan.set_backoff(10ms, 3, 200ms);
  EXPECT_EQ(waits_of(plan, 5), (std::vector<duration>{10ms, 30ms, 90ms, 200ms, 200ms}));
  plan.set_backoff(1s, 2, 300ms);
  EXPECT_EQ(waits_of(plan, 2), (std::vector<duration>{300ms, 300ms}));
  plan.set_backoff(duration(0), 1e300, duration::max());
  EXPECT_EQ(waits_of(plan, 2), (std::vector<duration>{duration(0), duration(0)}));
  plan.set_backoff(1s, 1e300, duration::max());
  EXPECT_EQ(waits_of(plan, 3), (std::vector<duration>{1s, duration::max(), duration::max()}));
}

TEST(retry_plan, jitter_spreads_over_all_or_half_of_a_backoff_and_repeats_with_its_seed) {
  detail::retry_plan plan;
  plan.seed = 42;
  plan.set_backoff(100ms, 1, 1s);
  plan.spread = jitter::full;
  const auto full = waits_of(plan, 500);
  EXPECT_EQ(full, waits_of(plan, 500));
  EXPECT_LT(*std::min_element(full.begin(), full.end()), 10ms);
  EXPECT_GT(*std::max_element(full.begin(), full.end()), 90ms);
  EXPECT_LT(*std::max_element(full.begin(), full.end()), 100ms);
  plan.spread = jitter::equal;
  const auto equal = waits_of(plan, 500);
  EXPECT_GE(*std::min_element(equal.begin(), equal.end()), 50ms);
  EXPECT_LT(*std::max_element(equal.begin(), equal.end()), 100ms);
  plan.seed.reset();
  EXPECT_NE(waits_of(plan, 50), waits_of(plan, 50));
}

TEST(retry_budget, keeps_its_account_over_many_threads) {
  retry_budget shared(0.5, 100);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        shared.pay_in();
        if (shared.take_out()) ++taken;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_LE(taken, 100 + 2'000);
  EXPECT_GE(taken + shared.left(), 2'000 - 1);
}

}  // namespace
}  // namespace execo::test
