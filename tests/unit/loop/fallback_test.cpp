// Machines that forbid parts of the kernel: a seccomp filter on one thread plays them.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "execo/context.hpp"
#include "execo/process.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// From here on these system calls of the calling thread fail with `error`.
bool deny(std::initializer_list<int> calls, int error) {
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0));  // seccomp_data::nr
  for (int call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void on_a_thread(const std::function<void()>& work) { std::thread(work).join(); }

void run_a_process_on(const std::string& backend_words) {
  context c;
  EXPECT_NE(c.backend().find(backend_words), std::string::npos) << c.backend();
  auto r = sync_wait(c, process("sh -c 'echo hi; sleep 0.05; exit 3'").run());
  EXPECT_EQ(r.status().code(), 3) << r.describe();
  EXPECT_EQ(r.out, "hi\n");
}

TEST(fallback, without_io_uring_it_is_epoll_and_says_why) {
  forced_backend none("");
  for (int error : {EPERM, ENOSYS}) {
    on_a_thread([error] {
      ASSERT_TRUE(deny({SYS_io_uring_setup}, error));
      run_a_process_on(std::string("epoll (io_uring: ") + std::strerror(error));
    });
  }
}

TEST(fallback, a_forced_backend_that_cannot_be_had_is_refused) {
  on_a_thread([] {
    forced_backend uring("uring");
    ASSERT_TRUE(deny({SYS_io_uring_setup}, EPERM));
    EXPECT_THROW(context(), std::invalid_argument);
  });
}

TEST(fallback, an_unknown_backend_is_refused) {
  forced_backend unknown("kqueue");
  EXPECT_THROW(context(), std::invalid_argument);
}

TEST(fallback, epoll_sleeps_on_kernels_and_filters_without_epoll_pwait2) {
  for (int error : {EPERM, ENOSYS}) {
    on_a_thread([error] {
      forced_backend epoll("epoll");
      ASSERT_TRUE(deny({SYS_epoll_pwait2}, error));
      loop_harness h;
      struct flag {
        bool set = false;
        void raise() { set = true; }
      } struck;
      detail::deadline_timer t(detail::delegate<>::to<&flag::raise>(&struck));
      h.loop.arm_after(t, std::chrono::milliseconds(60));
      ASSERT_TRUE(h.turn_until([&] { return struck.set; }));
      EXPECT_LE(h.turns, 20) << "the loop spins";
    });
  }
}

constexpr auto io_uring_calls = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

std::string starts_with_epoll(const context& c, int error) {
  std::string expected =
      std::string("epoll (io_uring was denied while in use: ") + std::strerror(error) + ")";
  return c.backend() == expected ? "" : c.backend();
}

class ring_in_use : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_have("uring")) GTEST_SKIP() << "no uring here";
  }
};

// A sandbox that an application enters while children run and write.
TEST_F(ring_in_use, io_uring_denied_while_children_run_loses_none_of_their_output) {
  for (int error : {EPERM, ENOSYS}) {
    on_a_thread([error] {
      forced_backend uring("uring");
      context c;
      const std::string input(300'000, 'x');
      auto work = [&]() -> task<> {
        auto talks = process("sh -c 'echo one; sleep 0.2; echo two; exit 3'");
        auto reads = process("sh -c 'sleep 0.2; wc -c'").input(input);
        auto lives = process("sleep 60");
        talks.start();
        reads.start();
        lives.start();
        while (!reads.running() || reads.pid() == 0 || lives.pid() == 0) co_await sleep(1ms);
        co_await sleep(50ms);
        EXPECT_TRUE(deny(io_uring_calls, error));
        auto r = co_await talks.wait();
        EXPECT_EQ(r.out, "one\ntwo\n") << r.describe();
        EXPECT_EQ(r.status().code(), 3);
        auto counted = co_await reads.wait();
        EXPECT_EQ(counted.out, "300000\n") << counted.describe();
        lives.kill();
        auto killed = co_await lives.wait();
        EXPECT_EQ(killed.status().signal(), SIGTERM) << killed.describe();
        auto later = co_await process("echo later").run();
        EXPECT_EQ(later.out, "later\n");
      };
      sync_wait(c, work());
      EXPECT_EQ(starts_with_epoll(c, error), "");
    });
  }
}

TEST_F(ring_in_use, io_uring_denied_before_the_first_wait_is_epoll_from_there_on) {
  on_a_thread([] {
    forced_backend uring("uring");
    context c;
    ASSERT_TRUE(deny(io_uring_calls, EPERM));
    auto r = sync_wait(c, process("sh -c 'echo hi; exit 3'").run());
    EXPECT_EQ(r.out, "hi\n");
    EXPECT_EQ(starts_with_epoll(c, EPERM), "");
  });
}

TEST_F(ring_in_use, a_host_keeps_its_handle_when_io_uring_is_denied) {
  on_a_thread([] {
    forced_backend uring("uring");
    context c;
    const int handle = c.native_handle();
    auto p = process("sh -c 'sleep 0.1; echo hi'");
    p.on(c);
    p.start();
    c.poll();
    ASSERT_TRUE(deny(io_uring_calls, EPERM));
    while (!p.try_result()) {
      pollfd watched{handle, POLLIN, 0};
      ASSERT_NE(::poll(&watched, 1, c.poll_timeout()), -1);
      c.poll();
    }
    EXPECT_EQ(p.try_result()->out, "hi\n");
    EXPECT_EQ(c.native_handle(), handle);
    EXPECT_EQ(starts_with_epoll(c, EPERM), "");
  });
}

TEST_F(ring_in_use, more_requests_than_the_queue_holds_survive_the_denial) {
  on_a_thread([] {
    forced_backend uring("uring");
    loop_harness h;
    h.run_until_quiet();
    constexpr std::size_t count = 1'500;
    std::vector<detail::unique_fd> readable;
    std::vector<std::unique_ptr<recorded>> polls;
    for (std::size_t i = 0; i < count; ++i) {
      readable.emplace_back(::eventfd(1, EFD_CLOEXEC));
      ASSERT_TRUE(readable.back());
      polls.push_back(std::make_unique<recorded>());
      polls.back()->request.prepare_poll(readable.back().get(), POLLIN);
    }
    ASSERT_TRUE(deny(io_uring_calls, EPERM));
    for (auto& p : polls) h.loop.start(p->request);
    h.loop.cancel(polls.front()->request);
    auto all_told = [&] {
      return std::ranges::all_of(polls, [](auto& p) { return p->times == 1; });
    };
    ASSERT_TRUE(h.turn_until(all_told));
    EXPECT_EQ(polls.front()->result, -ECANCELED);
    for (std::size_t i = 1; i < count; ++i) EXPECT_EQ(polls[i]->result, POLLIN);
  });
}

// The kernel lets one thread alone enter a ring: the next one goes on with epoll.
TEST_F(ring_in_use, a_context_whose_thread_has_ended_is_driven_and_ended_by_another_one) {
  forced_backend uring("uring");
  context c;
  auto lives = process("sleep 60");
  lives.on(c);
  std::thread first([&] { c.run(); });
  lives.start();
  while (lives.pid() == 0) std::this_thread::yield();
  c.stop();
  first.join();
  auto r = sync_wait(c, process("echo hi").run());
  EXPECT_EQ(r.out, "hi\n");
  EXPECT_EQ(c.backend(), "epoll (io_uring: its thread is gone)");
}

TEST(fallback, a_context_whose_thread_has_ended_still_ends_its_processes) {
  auto lives = process("sleep 60");
  {
    context c;
    lives.on(c);
    std::thread first([&] { c.run(); });
    lives.start();
    while (lives.pid() == 0) std::this_thread::yield();
    c.stop();
    first.join();
  }
  EXPECT_EQ(lives.try_result()->how(), end_reason::cancelled);
}

// Container runtimes answer clone3 with ENOSYS, because a filter cannot look into its arguments.
TEST(fallback, children_start_without_clone3) {
  on_a_thread([] {
    ASSERT_TRUE(deny({SYS_clone3}, ENOSYS));
    auto r = sync_wait(process("sh -c 'echo hi; exit 3'").run());
    EXPECT_EQ(r.status().code(), 3) << r.describe();
    EXPECT_EQ(r.out, "hi\n");
  });
}

}  // namespace
}  // namespace execo::test
