// A budget that is shared, and the charges of results that draw on it.
#include "base/byte_budget.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <type_traits>
#include <vector>

#include "execo/host_result.hpp"
#include "long_count.hpp"
#include "process/result_access.hpp"

namespace execo::test {
namespace {

using detail::byte_budget;
using detail::intrusive_ptr;
using detail::output_charge;
using detail::result_access;

using shared_budget = intrusive_ptr<byte_budget>;

shared_budget budget_of(std::size_t bytes) { return shared_budget(new byte_budget(bytes)); }

result charged(const shared_budget& to, std::size_t bytes) {
  result r;
  r.out = std::string(bytes, 'x');
  result_access::charge(r).bind(to.get());
  EXPECT_EQ(result_access::charge(r).take(0, bytes), bytes);
  return r;
}

TEST(budget_of_bytes, gives_what_is_left_and_then_no_more_than_has_to_be) {
  auto budget = budget_of(100);
  EXPECT_EQ(budget->take(0, 60), 60U);
  EXPECT_EQ(budget->take(10, 60), 40U);
  EXPECT_EQ(budget->take(0, 1), 0U);
  EXPECT_EQ(budget->take(10, 60), 10U) << "beyond the limit";
  EXPECT_EQ(budget->used(), 110U);
  budget->give_back(30);
  EXPECT_EQ(budget->take(0, 60), 20U);
  EXPECT_EQ(budget->limit(), 100U);
}

TEST(budget_of_bytes, is_never_exceeded_by_threads_that_race_for_it) {
  auto budget = budget_of(10'000);
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  std::latch all_there(4);
  const std::size_t rounds = static_cast<std::size_t>(long_count(1'500'000));
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      all_there.arrive_and_wait();
      for (std::size_t i = 0; i < rounds; ++i) {
        output_charge mine;
        mine.bind(budget.get());
        (void)mine.take(0, 700 * (t + 1));
        (void)mine.take(0, i % 2000);
        if (budget->used() > budget->limit()) exceeded = true;
        output_charge moved = std::move(mine);
        moved.give_back(moved.bytes() / 2);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(budget->used(), 0U);
}

TEST(charge_of_a_result, is_given_back_when_the_result_is_destroyed) {
  auto budget = budget_of(1000);
  {
    result r = charged(budget, 300);
    EXPECT_EQ(budget->used(), 300U);
    std::string text = std::move(r.out);
    EXPECT_EQ(budget->used(), 300U) << "the text lives elsewhere now, but so does the result";
  }
  EXPECT_EQ(budget->used(), 0U);
}

TEST(charge_of_a_result, moves_with_it) {
  static_assert(std::is_nothrow_move_constructible_v<result>);
  static_assert(std::is_nothrow_move_assignable_v<result>);
  auto budget = budget_of(1000);
  std::vector<host_result> kept;
  for (std::size_t i = 0; i < 3; ++i) kept.emplace_back(host("n"), i, charged(budget, 100));
  EXPECT_EQ(budget->used(), 300U);
  host_result taken = std::move(kept.front());
  kept.clear();
  EXPECT_EQ(budget->used(), 100U);
  taken = host_result(host("n"), 9, charged(budget, 50));
  EXPECT_EQ(budget->used(), 50U) << "what was there before is gone";
  taken = host_result();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(charge_of_a_result, does_not_grow_with_copies) {
  auto budget = budget_of(1000);
  result first = charged(budget, 100);
  {
    result copy = first;
    EXPECT_EQ(copy.out, first.out);
    EXPECT_EQ(budget->used(), 100U);
  }
  EXPECT_EQ(budget->used(), 100U) << "a copy gives nothing back";
  result second = charged(budget, 30);
  second = first;
  EXPECT_EQ(budget->used(), 100U) << "its own text is gone";
  const result& same = first;
  first = same;
  EXPECT_EQ(budget->used(), 100U);
  EXPECT_EQ(first.out.size(), 100U);
  first = result();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(charge_of_a_result, outlives_whoever_made_the_budget) {
  auto budget = budget_of(1000);
  byte_budget& seen = *budget;
  auto r = std::make_unique<result>(charged(budget, 100));
  auto other = std::make_unique<result>(charged(budget, 10));
  budget = {};
  EXPECT_EQ(seen.used(), 110U);
  r.reset();
  EXPECT_EQ(seen.used(), 10U);
  other.reset();  // and the budget with it, as the sanitizers see
}

TEST(charge_of_a_result, without_a_budget_gives_all) {
  output_charge free;
  EXPECT_EQ(free.take(0, 1000), 1000U);
  free.give_back(1000);
  EXPECT_EQ(free.bytes(), 0U);
}

}  // namespace
}  // namespace execo::test
