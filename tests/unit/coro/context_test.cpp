// The executor: driven by a thread of the caller's, by several contexts, or hosted in a foreign
// loop.
#include "execo/context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "base/fd.hpp"
#include "execo/process.hpp"
#include "execo/when_all.hpp"
#include "leak_check.hpp"
#include "unit/coro/foreign.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class contexts : public on_each_backend {};
EXECO_ON_EACH_BACKEND(contexts);

TEST_P(contexts, waiting_inside_one_is_refused) {
  auto work = []() -> task<> {
    sync_wait(nothing());
    co_return;
  };
  EXPECT_THROW(sync_wait(work()), std::logic_error);
  context other;
  auto on_other = [&]() -> task<> {
    sync_wait(other, nothing());
    co_return;
  };
  EXPECT_THROW(sync_wait(on_other()), std::logic_error);
  auto run = [&]() -> task<> {
    other.run();
    co_return;
  };
  EXPECT_THROW(sync_wait(run()), std::logic_error);
}

TEST_P(contexts, waiting_on_the_thread_of_any_is_refused) {
  // Texts cross the threads, exceptions do not: ThreadSanitizer does not see how libstdc++ counts
  // the owners of an exception.
  auto refusal = []() -> std::string {
    try {
      sync_wait(nothing());
    } catch (const std::logic_error& e) {
      return e.what();
    }
    return "";
  };
  // One that another thread drives.
  context c;
  std::string said;
  c.post([&] {
    said = refusal();
    c.stop();
  });
  std::thread drives([&] { c.run(); });
  drives.join();
  EXPECT_THAT(said, ::testing::HasSubstr("co_await instead"));
  // One that is hosted.
  said.clear();
  context hosted;
  hosted.post([&] { said = refusal(); });
  hosted.poll();
  EXPECT_THAT(said, ::testing::HasSubstr("co_await instead"));
  // The default one, which has been made already or is made now.
  auto& common = context::default_instance();
  accept_as_base();
  std::promise<std::string> told;
  common.post([&] { told.set_value(refusal()); });
  EXPECT_THAT(told.get_future().get(), ::testing::HasSubstr("co_await instead"));
}

TEST_P(contexts, polling_one_from_its_own_work_is_refused) {
  context c;
  auto work = [&]() -> task<> {
    c.poll();
    co_return;
  };
  EXPECT_THROW(sync_wait(c, work()), std::logic_error);
}

TEST_P(contexts, are_waited_on_again_and_again) {
  context c;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sync_wait(c, ready(i)), i);
}

TEST_P(contexts, run_posted_work_in_order_until_stopped) {
  context c;
  std::vector<int> order;
  c.post([&] { order.push_back(1); });
  c.post([&] { order.push_back(2); });
  c.post([&] { c.stop(); });
  c.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_P(contexts, a_stop_before_the_run_counts_once) {
  context c;
  int done = 0;
  c.stop();
  c.run();
  // Used up: this run goes on until its own stop.
  c.post([&] { ++done; });
  c.post([&] {
    ++done;
    c.stop();
  });
  c.run();
  EXPECT_EQ(done, 2);
}

TEST_P(contexts, take_posts_of_many_threads) {
  context c;
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i)
        c.post([&] {
          if (++total == 16'000) c.stop();
        });
    });
  }
  c.run();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(total, 16'000);
}

TEST_P(contexts, two_in_two_threads_do_not_meet) {
  std::atomic<int> good{0};
  auto work = [&] {
    for (int i = 0; i < 20; ++i) {
      auto both = []() -> task<bool> {
        auto [a, b] = co_await when_all(process("sh -c 'exit 3'").run(), process("true").run());
        co_return a.status().code() == 3 && b.ok();
      };
      if (sync_wait(both())) ++good;
    }
  };
  std::thread one(work);
  std::thread two(work);
  one.join();
  two.join();
  EXPECT_EQ(good, 40);
}

TEST_P(contexts, an_operation_runs_on_the_context_that_was_chosen_and_resumes_on_its_own) {
  context other;
  std::thread drives([&] { other.run(); });
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<bool> {
    process p("true");
    p.on(other);
    auto r = co_await p.run();
    co_return r.ok() && std::this_thread::get_id() == here;
  };
  EXPECT_TRUE(sync_wait(work()));
  other.stop();
  drives.join();
}

TEST_P(contexts, many_live_at_once) {
  std::vector<std::unique_ptr<context>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(std::make_unique<context>());
    EXPECT_EQ(sync_wait(*all.back(), ready(i)), i);
  }
}

TEST_P(contexts, keep_the_signal_mask_of_their_thread) {
  sigset_t before, after;
  sigemptyset(&before);
  sigemptyset(&after);
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &before), 0);
  sync_wait(process("true").run());
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &after), 0);
  for (int n = 1; n < NSIG; ++n) EXPECT_EQ(sigismember(&before, n), sigismember(&after, n)) << n;
}

/// A host program's own event loop around a context.
class host_loop {
 public:
  explicit host_loop(context& c) : context_(c), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = c.native_handle();
    EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event.data.fd, &event), 0);
  }

  template <class Done>
  bool run_until(Done done) {
    const auto limit = std::chrono::steady_clock::now() + 30s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      // A wait without an end in sight is cut at a second: only a lost wake-up makes it count.
      const int ms = context_.poll_timeout();
      epoll_event event{};
      const int n = ::epoll_wait(epoll_.get(), &event, 1, ms < 0 ? 1'000 : std::min(ms, 1'000));
      if (n == 0 && (ms < 0 || ms > 1'000)) ++lost;
      ++wakes;
      context_.poll();
    }
    return true;
  }

  int lost = 0;
  int wakes = 0;

 private:
  context& context_;
  detail::unique_fd epoll_;
};

eager<result> run_in(process& p) { co_return co_await p.run(); }

TEST_P(contexts, hosted_in_a_plain_loop_they_drive_a_process_to_its_end) {
  context c;
  host_loop host(c);
  process p("sh -c 'echo a; sleep 0.1; echo b; cat; exit 7'");
  p.on(c).input("from the host\n");
  auto running = run_in(p);
  ASSERT_TRUE(host.run_until([&] { return running.ready(); }));
  auto r = running.get();
  EXPECT_EQ(r.status().code(), 7) << r.describe();
  EXPECT_EQ(r.out, "a\nb\nfrom the host\n");
  EXPECT_EQ(host.lost, 0);
  EXPECT_LT(host.wakes, 200) << "the handle stays readable";
}

TEST_P(contexts, hosted_they_take_posts_of_other_threads_before_the_first_poll) {
  for (int round = 0; round < 20; ++round) {
    context c;
    host_loop host(c);
    std::atomic<bool> arrived{false};
    std::thread poster([&, me = ::gettid()] {
      // The host is to be inside its wait.
      while (process_state(me) != 'S') std::this_thread::yield();
      c.post([&] { arrived = true; });
    });
    EXPECT_TRUE(host.run_until([&] { return arrived.load(); }));
    poster.join();
    ASSERT_EQ(host.lost, 0);
  }
}

TEST_P(contexts, hosted_long_chains_of_steps_need_no_event) {
  context c;
  host_loop host(c);
  bool done = false;
  auto chain = [&]() -> eager<int> {
    for (int i = 0; i < 200; ++i) co_await when_all(ready(1), ready(2));
    for (int i = 0; i < 5; ++i) co_await process("true").run();
    for (int i = 0; i < 5; ++i) co_await sleep(1ms);
    done = true;
    co_return 1;
  };
  std::optional<eager<int>> work;
  c.post([&] { work.emplace(chain()); });
  ASSERT_TRUE(host.run_until([&] { return done; }));
  EXPECT_EQ(host.lost, 0);
}

TEST_P(contexts, hosted_an_idle_one_does_not_wake_its_host) {
  context c;
  host_loop host(c);
  sync_wait(c, process("true").run());
  c.poll();
  EXPECT_EQ(c.poll_timeout(), -1);
  c.poll();
  epoll_event event{};
  detail::unique_fd watch(::epoll_create1(EPOLL_CLOEXEC));
  event.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(watch.get(), EPOLL_CTL_ADD, c.native_handle(), &event), 0);
  int n = -1;
  while (n < 0) {
    n = ::epoll_wait(watch.get(), &event, 1, 50);
    ASSERT_TRUE(n >= 0 || errno == EINTR) << errno;
  }
  EXPECT_EQ(n, 0);
}

TEST_P(contexts, poll_timeout_tells_the_next_deadline) {
  context c;
  EXPECT_EQ(c.poll_timeout(), -1);
  detail::deadline_timer far;
  detail::arm_after(detail::loop_of(c), far, std::chrono::hours(24 * 365));
  // A year in milliseconds does not fit into an int: any long time will do, -1 and less do not.
  EXPECT_GT(c.poll_timeout(), 1'000'000);
}

}  // namespace
}  // namespace execo::test
