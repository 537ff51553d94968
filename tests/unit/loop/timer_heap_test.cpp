#include "loop/timer_heap.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <set>

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::clock;
using detail::deadline_timer;
using detail::delegate;
using detail::timer_heap;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

clock::time_point at(int n) { return clock::time_point(std::chrono::seconds(n)); }

/// A timer that calls a function.
class called_timer {
 public:
  explicit called_timer(std::function<void()> f) : what_(std::move(f)) {}
  deadline_timer t{delegate<>::to<&called_timer::fire>(this)};

 private:
  void fire() { what_(); }
  std::function<void()> what_;
};

TEST(timers, expire_in_the_order_of_their_deadlines) {
  timer_heap heap;
  std::vector<int> fired;
  std::deque<called_timer> timers;
  for (int n : {5, 3, 9, 1, 7}) {
    timers.emplace_back([&fired, n] { fired.push_back(n); });
    heap.arm(timers.back().t, at(n));
  }
  EXPECT_EQ(heap.next(), at(1));
  heap.expire(at(0));
  EXPECT_THAT(fired, IsEmpty());
  heap.expire(at(6));
  EXPECT_THAT(fired, ElementsAre(1, 3, 5));
  heap.expire(at(9));
  EXPECT_THAT(fired, ElementsAre(1, 3, 5, 7, 9));
  EXPECT_TRUE(heap.empty());
}

TEST(timers, are_disarmed_when_they_expire) {
  timer_heap heap;
  bool armed = true;
  called_timer* self = nullptr;
  called_timer t([&] { armed = self->t.armed(); });
  self = &t;
  heap.arm(t.t, at(1));
  EXPECT_TRUE(t.t.armed());
  heap.expire(at(1));
  EXPECT_FALSE(armed);
}

TEST(timers, arming_an_armed_one_moves_it) {
  timer_heap heap;
  int fired = 0;
  called_timer t([&] { ++fired; });
  heap.arm(t.t, at(1));
  heap.arm(t.t, at(5));
  EXPECT_EQ(heap.size(), 1U);
  heap.expire(at(4));
  EXPECT_EQ(fired, 0);
  heap.arm(t.t, at(2));
  heap.expire(at(4));
  EXPECT_EQ(fired, 1);
}

TEST(timers, one_disarms_others_that_are_due_in_the_same_pass) {
  timer_heap heap;
  int fired = 0;
  called_timer second([&] { ++fired; });
  called_timer third([&] { ++fired; });
  called_timer first([&] {
    heap.disarm(second.t);
    heap.disarm(third.t);
  });
  heap.arm(first.t, at(1));
  heap.arm(second.t, at(2));
  heap.arm(third.t, at(3));
  heap.expire(at(9));
  EXPECT_EQ(fired, 0);
  EXPECT_TRUE(heap.empty());
}

TEST(timers, one_that_arms_itself_again_for_now_does_not_hold_the_loop) {
  timer_heap heap;
  int fired = 0;
  called_timer* self = nullptr;
  called_timer t([&] {
    if (++fired < 1000) heap.arm(self->t, at(1));
  });
  self = &t;
  heap.arm(t.t, at(1));
  heap.expire(at(1));
  EXPECT_LT(fired, 1000) << "nothing else ran in between";
  for (int i = 0; i < 1000; ++i) heap.expire(at(1));
  EXPECT_EQ(fired, 1000);
}

TEST(timers, one_destroys_another_that_is_due) {
  timer_heap heap;
  auto victim = std::make_unique<called_timer>([] { FAIL(); });
  called_timer killer([&] { victim.reset(); });
  heap.arm(killer.t, at(1));
  heap.arm(victim->t, at(2));
  heap.expire(at(5));
  EXPECT_TRUE(heap.empty());
}

TEST(timers, leave_their_heap_when_destroyed_and_survive_it) {
  auto heap = std::make_unique<timer_heap>();
  called_timer outlives([] {});
  {
    called_timer shorter([] {});
    heap->arm(shorter.t, at(1));
    heap->arm(outlives.t, at(2));
  }
  EXPECT_EQ(heap->size(), 1U);
  heap.reset();
  EXPECT_FALSE(outlives.t.armed());
}

TEST(timers, agree_with_a_model_over_random_operations) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  timer_heap heap;
  std::multiset<std::pair<int, int>> model;  // deadline, timer
  std::vector<int> deadline(500, -1);
  std::deque<called_timer> timers;
  int now = 0;
  int latest = 0;
  for (int i = 0; i < 500; ++i) {
    timers.emplace_back([&, i] {
      ASSERT_LE(deadline[static_cast<std::size_t>(i)], now);
      ASSERT_GE(deadline[static_cast<std::size_t>(i)], latest) << "out of order";
      latest = deadline[static_cast<std::size_t>(i)];
      ASSERT_EQ(model.erase({latest, i}), 1U);
      deadline[static_cast<std::size_t>(i)] = -1;
    });
  }
  for (int step = 0; step < 100'000; ++step) {
    auto i = random() % timers.size();
    int id = static_cast<int>(i);
    switch (random() % 4) {
      case 0:
      case 1:
        if (deadline[i] >= 0) model.erase({deadline[i], id});
        deadline[i] = now + static_cast<int>(random() % 100);
        model.insert({deadline[i], id});
        heap.arm(timers[i].t, at(deadline[i]));
        break;
      case 2:
        if (deadline[i] >= 0) model.erase({deadline[i], id});
        deadline[i] = -1;
        heap.disarm(timers[i].t);
        break;
      default:
        now += static_cast<int>(random() % 3);
        latest = 0;
        heap.expire(at(now));
        break;
    }
    ASSERT_EQ(heap.size(), model.size()) << "seed " << seed << " step " << step;
    ASSERT_EQ(timers[i].t.armed(), deadline[i] >= 0);
    if (!model.empty()) {
      ASSERT_EQ(heap.next(), at(model.begin()->first)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace execo::test
