// A context inside a GLib main loop, on one thread.
#include "execo/interop/glib.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "execo/process.hpp"
#include "execo/start.hpp"
#include "leak_check.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class main_loop {
 public:
  main_loop() : context_(g_main_context_new()), loop_(g_main_loop_new(context_, FALSE)) {}
  main_loop(const main_loop&) = delete;
  main_loop& operator=(const main_loop&) = delete;
  ~main_loop() {
    g_main_loop_unref(loop_);
    g_main_context_unref(context_);
  }
  GMainContext* context() const { return context_; }
  void run() { g_main_loop_run(loop_); }
  void quit() { g_main_loop_quit(loop_); }

 private:
  GMainContext* context_;
  GMainLoop* loop_;
};

/// What GLib opens once per process is no leak.
class glib_hosted : public on_each_backend {
 protected:
  void SetUp() override {
    main_loop first;
    accept_as_base();
  }
};
EXECO_ON_EACH_BACKEND(glib_hosted);

TEST_P(glib_hosted, both_sides_progress_on_one_thread) {
  main_loop loop;
  context guest;
  glib_host host(guest, loop.context());
  int ticks = 0;
  GSource* ticker = g_timeout_source_new(1);
  g_source_set_callback(
      ticker,
      [](gpointer count) -> gboolean {
        ++*static_cast<int*>(count);
        return G_SOURCE_CONTINUE;
      },
      &ticks, nullptr);
  g_source_attach(ticker, loop.context());
  auto work = [&]() -> task<int> {
    for (int i = 0; i < 10; ++i) {
      const int before = ticks;
      // GLib's turn: its timer has to have been called for the next one.
      while (ticks == before) co_await sleep(1ms);
    }
    auto r = co_await process("sh -c 'exit 5'").run();
    co_return r.exit_code();
  };
  int code = 0;
  std::thread::id resumed;
  auto running = start(guest, work(), [&](outcome<int> end) {
    code = end.value();
    resumed = std::this_thread::get_id();
    host.close();
    loop.quit();
  });
  loop.run();
  EXPECT_EQ(code, 5);
  EXPECT_EQ(resumed, std::this_thread::get_id());
  EXPECT_GE(ticks, 10);
  g_source_destroy(ticker);
  g_source_unref(ticker);
}

TEST_P(glib_hosted, takes_work_of_other_threads) {
  main_loop loop;
  context guest;
  glib_host host(guest, loop.context());
  std::thread other([&] {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(as_future(guest, ready(i)).get(), i);
    guest.post([&] { loop.quit(); });
  });
  loop.run();
  other.join();
}

TEST_P(glib_hosted, an_idle_guest_wakes_nobody) {
  main_loop loop;
  context guest;
  glib_host host(guest, loop.context());
  while (g_main_context_iteration(loop.context(), FALSE)) {
  }
  EXPECT_FALSE(g_main_context_pending(loop.context()));
}

}  // namespace
}  // namespace execo::test
