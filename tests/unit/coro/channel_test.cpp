#include "execo/channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "execo/resume_on.hpp"
#include "execo/scope.hpp"
#include "execo/start.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "unit/coro/driven.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class channels : public on_each_backend {};
EXECO_ON_EACH_BACKEND(channels);

template <class Channel>
task<> send_numbers(Channel& c, int from, int to) {
  for (int i = from; i < to; ++i) {
    const bool sent = co_await c.send(i);
    EXPECT_TRUE(sent);
  }
}

template <class Channel>
task<std::vector<int>> receive_all(Channel& c) {
  std::vector<int> all;
  while (auto v = co_await c.receive()) all.push_back(*v);
  co_return all;
}

template <class Channel>
task<std::vector<int>> through(Channel& c, int count) {
  auto send = [](Channel& to, int n) -> task<> {
    co_await send_numbers(to, 0, n);
    to.close();
  };
  auto [none, all] = co_await when_all(send(c, count), receive_all(c));
  co_return all;
}

std::vector<int> numbers(int to) {
  std::vector<int> all;
  for (int i = 0; i < to; ++i) all.push_back(i);
  return all;
}

TEST_P(channels, pass_elements_on_in_order_whatever_their_capacity) {
  for (std::size_t capacity : {0U, 1U, 2U, 7U, 1'000U}) {
    channel<int> shared(capacity);
    EXPECT_EQ(sync_wait(through(shared, 500)), numbers(500)) << capacity;
    local_channel<int> local(capacity);
    EXPECT_EQ(sync_wait(through(local, 500)), numbers(500)) << capacity;
  }
}

TEST_P(channels, hold_no_more_than_their_capacity) {
  channel<int> c(3);
  EXPECT_EQ(c.capacity(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(c.try_send(int(i)));
  EXPECT_FALSE(c.try_send(3));
  EXPECT_EQ(c.size(), 3U);
  EXPECT_EQ(c.try_receive(), 0);
  EXPECT_TRUE(c.try_send(3));
  for (int i = 1; i < 4; ++i) EXPECT_EQ(c.try_receive(), i);
  EXPECT_FALSE(c.try_receive());
}

TEST_P(channels, give_what_is_left_after_the_close_and_then_nothing) {
  channel<int> c(3);
  EXPECT_TRUE(c.try_send(1));
  EXPECT_TRUE(c.try_send(2));
  EXPECT_FALSE(c.closed());
  c.close();
  c.close();
  EXPECT_TRUE(c.closed());
  EXPECT_FALSE(c.try_send(3));
  auto work = [&]() -> task<> {
    const bool sent = co_await c.send(4);
    EXPECT_FALSE(sent);
    auto all = co_await receive_all(c);
    EXPECT_EQ(all, (std::vector<int>{1, 2}));
  };
  sync_wait(work());
}

TEST_P(channels, a_close_ends_every_wait) {
  channel<int> full(0);
  channel<int> empty(1);
  auto work = [&]() -> task<> {
    auto closer = [&]() -> task<> {
      co_await sleep(1ms);
      full.close();
      empty.close();
    };
    auto [a, b, x, y, none] =
        co_await when_all(full.send(1), full.send(2), empty.receive(), empty.receive(), closer());
    EXPECT_FALSE(a || b || x || y);
  };
  sync_wait(work());
}

TEST_P(channels, who_waits_is_served_in_the_order_of_coming) {
  channel<int> c(0);
  std::vector<std::string> order;
  auto receiver = [&](std::string name) -> task<> {
    auto v = co_await c.receive();
    order.push_back(name + std::to_string(*v));
  };
  auto sender = [&]() -> task<> {
    co_await sleep(1ms);
    for (int i = 0; i < 3; ++i) co_await c.send(i);
  };
  sync_wait(when_all(receiver("a"), receiver("b"), receiver("c"), sender()));
  EXPECT_EQ(order, (std::vector<std::string>{"a0", "b1", "c2"}));
  auto send_one = [&](int n) -> task<> { co_await c.send(n); };
  auto take_three = [&]() -> task<> {
    co_await sleep(1ms);
    for (int i = 0; i < 3; ++i) {
      auto v = co_await c.receive();
      EXPECT_EQ(v, i);
    }
  };
  sync_wait(when_all(send_one(0), send_one(1), send_one(2), take_three()));
}

TEST_P(channels, nobody_overtakes_a_sender_that_waits) {
  channel<int> c(1);
  EXPECT_TRUE(c.try_send(0));
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(c.send(1));
    EXPECT_EQ(c.try_receive(), 0);
    EXPECT_FALSE(c.try_send(2)) << "the sender's element took the place";
    EXPECT_EQ(c.try_receive(), 1);
    co_await s.join();
  };
  sync_wait(work());
}

TEST_P(channels, elements_only_have_to_move) {
  channel<parcel> c(1);
  auto work = [&]() -> task<int> {
    co_await c.send(parcel(1));
    scope s;
    s.spawn(c.send(parcel(2)));
    auto a = co_await c.receive();
    auto b = co_await c.receive();
    co_await s.join();
    co_return a->value() * 10 + b->value();
  };
  EXPECT_EQ(sync_wait(work()), 12);
}

TEST_P(channels, a_stopped_receive_takes_nothing) {
  channel<int> c(1);
  auto work = [&]() -> task<> {
    auto none = co_await timeout(c.receive(), 1ms);
    EXPECT_FALSE(none);
    EXPECT_TRUE(c.try_send(5)) << "nobody waits any more";
    EXPECT_EQ(c.size(), 1U);
    auto v = co_await c.receive();
    EXPECT_EQ(v, 5);
  };
  sync_wait(work());
}

TEST_P(channels, a_stopped_send_puts_nothing_in_and_send_from_keeps_the_value) {
  channel<std::unique_ptr<int>> c(0);
  auto work = [&]() -> task<> {
    auto late = co_await timeout(c.send(std::make_unique<int>(1)), 1ms);
    EXPECT_FALSE(late);
    EXPECT_FALSE(c.try_receive());
    auto mine = std::make_unique<int>(2);
    late = co_await timeout(c.send_from(mine), 1ms);
    EXPECT_FALSE(late);
    EXPECT_TRUE(mine);
    EXPECT_FALSE(c.try_send(std::move(mine)));
    EXPECT_TRUE(mine);
    scope s;
    s.spawn(c.send_from(mine));
    auto taken = co_await c.receive();
    EXPECT_EQ(**taken, 2);
    co_await s.join();
    EXPECT_FALSE(mine);
    mine = std::move(*taken);
    c.close();
    const bool sent = co_await c.send_from(mine);
    EXPECT_FALSE(sent);
    EXPECT_TRUE(mine);
  };
  sync_wait(work());
}

TEST_P(channels, an_element_handed_over_as_the_stop_comes_is_given) {
  channel<int> c(0);
  auto work = [&]() -> task<> {
    std::stop_source source;
    auto hand_and_stop = [&]() -> task<> {
      EXPECT_TRUE(c.try_send(7));
      source.request_stop();
      co_return;
    };
    auto [v, none] = co_await when_all(with_stop(c.receive(), source.get_token()), hand_and_stop());
    EXPECT_EQ(v, 7);
  };
  sync_wait(work());
}

TEST_P(channels, a_loop_that_never_has_to_wait_leaves_room_for_others) {
  channel<int> c(100'000);
  for (int i = 0; i < 100'000; ++i) EXPECT_TRUE(c.try_send(int(i)));
  c.close();
  int ticks = 0;
  int ticks_at_the_end = 0;
  auto ticker = [&]() -> task<> {
    for (; ticks < 50; ++ticks) co_await sleep(0s);
  };
  auto reader = [&]() -> task<> {
    co_await receive_all(c);
    ticks_at_the_end = ticks;
  };
  sync_wait(when_all(reader(), ticker()));
  EXPECT_GT(ticks_at_the_end, 1);
}

TEST_P(channels, cross_from_context_to_context) {
  for (std::size_t capacity : {0U, 1U, 64U}) {
    driven other;
    channel<int> there(capacity);
    channel<int> back(capacity);
    auto echo = [&]() -> task<> {
      while (auto v = co_await there.receive()) co_await back.send(*v);
      back.close();
    };
    auto feed = [&]() -> task<> {
      co_await send_numbers(there, 0, 3'000);
      there.close();
    };
    auto [none, fed, all] = sync_wait(when_all(on(other.get(), echo()), feed(), receive_all(back)));
    EXPECT_EQ(all, numbers(3'000)) << capacity;
  }
}

TEST_P(channels, plain_threads_may_try_and_close) {
  channel<int> c(4);
  std::thread feeder([&] {
    for (int i = 0; i < 2'000;) {
      if (c.try_send(int(i))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
    c.close();
  });
  EXPECT_EQ(sync_wait(receive_all(c)), numbers(2'000));
  feeder.join();
}

// Each request brings the channel for its answer: from threads, which wait in a context of their
// own, and from what is posted, which does not wait.
TEST_P(channels, carry_requests_to_be_answered) {
  struct request {
    int number;
    std::shared_ptr<channel<int>> reply;
  };
  driven other;
  channel<request> requests(2);
  auto answer_all = [&]() -> task<int> {
    int posted = 0;
    while (auto r = co_await requests.receive()) {
      if (r->reply == nullptr) {
        ++posted;
      } else {
        EXPECT_TRUE(r->reply->try_send(r->number * r->number));
      }
    }
    co_return posted;
  };
  auto ask = [&](int number) -> task<std::optional<int>> {
    auto reply = std::make_shared<channel<int>>(1);
    request made{number, reply};
    const bool sent = co_await requests.send_from(made);
    EXPECT_TRUE(sent);
    co_return co_await reply->receive();
  };
  auto answered = as_future(other.get(), answer_all());
  std::vector<std::thread> askers;
  for (int from = 0; from < 4; ++from)
    askers.emplace_back([&, from] {
      for (int n = from; n < 200; n += 4) EXPECT_EQ(sync_wait(ask(n)), n * n);
    });
  for (std::thread& each : askers) each.join();
  std::promise<bool> taken;
  other.get().post([&] { taken.set_value(requests.try_send(request{0, nullptr})); });
  EXPECT_TRUE(taken.get_future().get());
  requests.close();
  EXPECT_EQ(answered.get(), 1);
}

// Any number of senders and receivers on several contexts, each wait with a random deadline, close
// at the end: each element that was sent is received once, and those of one sender in order.
TEST_P(channels, random_waits_and_stops_lose_and_double_nothing) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    driven one;
    driven two;
    channel<std::unique_ptr<int>> c(random() % 5);
    struct party {
      std::uint64_t seed;
      std::vector<int> passed;
    };
    const int each = 60;
    auto sender = [&](party& me, int first) -> task<> {
      std::mt19937_64 mine(me.seed);
      for (int i = 0; i < each; ++i) {
        auto value = std::make_unique<int>(first + i);
        bool sent = false;
        while (!sent) {
          const auto limit = std::chrono::microseconds(mine() % 200);
          auto in_time = co_await timeout(c.send_from(value), limit);
          sent = in_time && *in_time;
          EXPECT_EQ(sent, value == nullptr);
          if (!sent && value == nullptr) co_return;
        }
        me.passed.push_back(first + i);
      }
    };
    auto receiver = [&](party& me) -> task<> {
      std::mt19937_64 mine(me.seed);
      for (;;) {
        const auto limit = std::chrono::microseconds(mine() % 200);
        auto in_time = co_await timeout(c.receive(), limit);
        if (!in_time) continue;
        if (!*in_time) co_return;
        me.passed.push_back(***in_time);
      }
    };
    std::vector<party> senders(4);
    std::vector<party> receivers(3);
    for (party& p : senders) p.seed = random();
    for (party& p : receivers) p.seed = random();
    auto all_senders = [&]() -> task<> {
      co_await when_all(on(one.get(), sender(senders[0], 0)),
                        on(two.get(), sender(senders[1], 1'000)), sender(senders[2], 2'000),
                        sender(senders[3], 3'000));
      c.close();
    };
    sync_wait(when_all(all_senders(), on(one.get(), receiver(receivers[0])),
                       on(two.get(), receiver(receivers[1])), receiver(receivers[2])));
    std::vector<int> sent;
    std::vector<int> received;
    for (const party& p : senders) sent.insert(sent.end(), p.passed.begin(), p.passed.end());
    for (const party& p : receivers) {
      received.insert(received.end(), p.passed.begin(), p.passed.end());
      for (int first = 0; first < 4'000; first += 1'000) {
        std::vector<int> of_one;
        for (int v : p.passed)
          if (v >= first && v < first + 1'000) of_one.push_back(v);
        EXPECT_TRUE(std::is_sorted(of_one.begin(), of_one.end()));
      }
    }
    std::sort(sent.begin(), sent.end());
    std::sort(received.begin(), received.end());
    ASSERT_EQ(sent.size(), 4U * each);
    ASSERT_EQ(received, sent);
  }
}

}  // namespace
}  // namespace execo::test
