// Work that other threads bring, and the ready queue.
#include <atomic>
#include <thread>
#include <vector>

#include "loop/post_call.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using detail::post_call;
using detail::queue_node;

class inbox : public on_each_backend {
 protected:
  loop_harness h_;
};
EXECO_ON_EACH_BACKEND(inbox);

TEST_P(inbox, runs_everything_of_eight_threads_in_the_order_of_each) {
  constexpr int posters = 8;
  constexpr int each = 5'000;
  std::vector<int> seen(posters, 0);
  int out_of_order = 0;
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < posters; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        post_call(h_.loop, [&, t, i] {
          auto& next = seen[static_cast<std::size_t>(t)];
          if (next != i) ++out_of_order;
          next = i + 1;
          ++total;
        });
      }
    });
  }
  EXPECT_TRUE(h_.turn_until([&] { return total == posters * each; }));
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(out_of_order, 0);
}

TEST_P(inbox, wakes_a_loop_that_sleeps_without_limit) {
  for (int round = 0; round < 200; ++round) {
    bool arrived = false;
    std::thread poster([&] { post_call(h_.loop, [&] { arrived = true; }); });
    const auto limit = detail::clock::now() + hang;
    while (!arrived && detail::clock::now() < limit) h_.loop.turn(-1);
    poster.join();
    ASSERT_TRUE(arrived);
  }
}

TEST_P(inbox, takes_what_its_own_thread_posts) {
  std::vector<int> order;
  post_call(h_.loop, [&] {
    order.push_back(1);
    post_call(h_.loop, [&] { order.push_back(3); });
    order.push_back(2);
  });
  ASSERT_TRUE(h_.turn_until([&] { return order.size() == 3; }));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_P(inbox, what_is_deferred_while_the_queue_runs_waits_for_the_next_turn) {
  struct repeated {
    explicit repeated(loop_harness& harness) : h(harness) {}
    void run() {
      if (++runs < 5) h.loop.defer(node);
    }
    loop_harness& h;
    int runs = 0;
    queue_node node{detail::delegate<>::to<&repeated::run>(this)};
  };
  repeated n(h_);
  h_.loop.defer(n.node);
  for (int turn = 1; turn <= 5; ++turn) {
    h_.loop.turn(-1);
    EXPECT_EQ(n.runs, turn);
  }
}

TEST_P(inbox, a_loop_may_end_as_soon_as_the_last_post_has_run) {
  for (int round = 0; round < 100; ++round) {
    std::thread poster;
    {
      loop_harness h;
      bool arrived = false;
      poster = std::thread([&h, &arrived] { post_call(h.loop, [&arrived] { arrived = true; }); });
      ASSERT_TRUE(h.turn_until([&] { return arrived; }));
    }
    poster.join();
  }
}

TEST_P(inbox, raising_a_flag_ends_the_wait) {
  std::atomic<bool> flag{false};
  std::thread other([&] { h_.loop.raise(flag); });
  const auto limit = detail::clock::now() + hang;
  while (!flag.load() && detail::clock::now() < limit) h_.loop.turn(60'000'000'000);
  other.join();
  EXPECT_TRUE(flag.load());
  EXPECT_LT(detail::clock::now(), limit) << "the wait went on";
}

}  // namespace
}  // namespace execo::test
