// A context inside a plain epoll loop: what another thread posts wakes the loop every time.
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/fd.hpp"
#include "execo/process.hpp"
#include "execo/start.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// A loop of the test's own with a context and another descriptor in it.
class epoll_host {
 public:
  explicit epoll_host(context& guest) : guest_(guest), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    add(guest.native_handle());
  }
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), 0);
  }

  /// Runs until `done()`; false if 30 seconds bring no event where no deadline is due.
  template <class Done>
  bool run_until(Done done) {
    while (!done()) {
      const int due = guest_.poll_timeout();
      epoll_event event{};
      const int n = ::epoll_wait(epoll_.get(), &event, 1, due < 0 ? 30'000 : due);
      if (n < 0 && errno != EINTR) return false;
      if (n == 0 && due < 0) return false;
      if (n == 1 && event.data.fd != guest_.native_handle()) ++other_events;
      guest_.poll();
    }
    return true;
  }
  int other_events = 0;

 private:
  context& guest_;
  detail::unique_fd epoll_;
};

class epoll_hosted : public on_each_backend {};
EXECO_ON_EACH_BACKEND(epoll_hosted);

TEST_P(epoll_hosted, every_post_of_another_thread_wakes_the_host) {
  context guest;
  epoll_host host(guest);
  std::atomic<bool> over{false};
  std::thread other([&] {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(as_future(guest, ready(i)).get(), i);
    guest.post([&] { over = true; });
  });
  EXPECT_TRUE(host.run_until([&] { return over.load(); }));
  other.join();
}

TEST_P(epoll_hosted, work_begun_between_two_polls_wakes_the_host) {
  context guest;
  epoll_host host(guest);
  for (int i = 0; i < 20; ++i) {
    int code = -1;
    auto running = execo::start(guest, process("sh -c 'exit 3'").run(), [&](outcome<result> end) {
      code = end.value().status().code().value_or(90);
    });
    EXPECT_TRUE(host.run_until([&] { return running.done(); }));
    EXPECT_EQ(code, 3);
  }
}

TEST_P(epoll_hosted, both_sides_progress) {
  context guest;
  epoll_host host(guest);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  detail::unique_fd in(ends[0]), out(ends[1]);
  host.add(in.get());
  int ticks = 0;
  auto guest_side = [&]() -> task<> {
    for (; ticks < 10; ++ticks) {
      co_await sleep(1ms);
      (void)!::write(out.get(), "x", 1);
    }
    co_await process("true").run();
  };
  auto running = execo::start(guest, guest_side(), [](outcome<void> end) { end.value(); });
  EXPECT_TRUE(host.run_until([&] { return running.done(); }));
  EXPECT_EQ(ticks, 10);
  EXPECT_GT(host.other_events, 0);
}

}  // namespace
}  // namespace execo::test
