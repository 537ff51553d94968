// A context inside a libuv loop, on one thread: processes and timers of execo's beside pipes and
// timers of libuv's.
#include "execo/interop/libuv.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "execo/process.hpp"
#include "execo/start.hpp"
#include "leak_check.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// What libuv opens once per process is no leak.
class libuv_hosted : public on_each_backend {
 protected:
  void SetUp() override {
    uv_loop_t first;
    ASSERT_EQ(uv_loop_init(&first), 0);
    ASSERT_EQ(uv_loop_close(&first), 0);
    accept_as_base();
  }
};
EXECO_ON_EACH_BACKEND(libuv_hosted);

TEST_P(libuv_hosted, both_sides_progress_on_one_thread) {
  uv_loop_t loop;
  ASSERT_EQ(uv_loop_init(&loop), 0);
  {
    context guest;
    uv_host host(loop, guest);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct reader {
      uv_poll_t handle{};
      int fd = -1;
      int seen = 0;
    } in;
    in.fd = ends[0];
    uv_poll_init(&loop, &in.handle, in.fd);
    in.handle.data = &in;
    uv_poll_start(&in.handle, UV_READABLE, [](uv_poll_t* h, int, int) {
      reader& r = *static_cast<reader*>(h->data);
      char byte = 0;
      while (::read(r.fd, &byte, 1) == 1) ++r.seen;
    });
    auto work = [&]() -> task<int> {
      for (int i = 0; i < 10; ++i) {
        (void)!::write(ends[1], "x", 1);
        // libuv's turn: its reader has to have been called for the next one.
        while (in.seen <= i) co_await sleep(1ms);
      }
      auto r = co_await process("sh -c 'exit 5'").run();
      co_return r.status().code().value_or(90);
    };
    int code = 0;
    auto running = start(guest, work(), [&](outcome<int> end) {
      code = end.value();
      host.close();
      uv_close(reinterpret_cast<uv_handle_t*>(&in.handle), nullptr);
    });
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(code, 5);
    EXPECT_EQ(in.seen, 10);
    EXPECT_TRUE(running.done());
    ::close(ends[0]);
    ::close(ends[1]);
  }
  EXPECT_EQ(uv_loop_close(&loop), 0);
}

TEST_P(libuv_hosted, takes_work_of_other_threads) {
  uv_loop_t loop;
  ASSERT_EQ(uv_loop_init(&loop), 0);
  {
    context guest;
    uv_host host(loop, guest);
    std::thread other([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(as_future(guest, ready(i)).get(), i);
      guest.post([&] { host.close(); });
    });
    uv_run(&loop, UV_RUN_DEFAULT);
    other.join();
  }
  EXPECT_EQ(uv_loop_close(&loop), 0);
}

}  // namespace
}  // namespace execo::test
