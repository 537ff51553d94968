// A context inside a Qt event loop, on one thread.
#include "execo/interop/qt.hpp"

#include <gtest/gtest.h>

#include <QTimer>
#include <thread>

#include "execo/process.hpp"
#include "execo/start.hpp"
#include "leak_check.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// One application for the process; what it opens is no leak.
class qt_hosted : public on_each_backend {
 protected:
  void SetUp() override {
    static int count = 1;
    static char name[] = "test";
    static char* words[] = {name, nullptr};
    static QCoreApplication application(count, words);
    QCoreApplication::processEvents();
    accept_as_base();
  }
};
EXECO_ON_EACH_BACKEND(qt_hosted);

TEST_P(qt_hosted, both_sides_progress_on_one_thread) {
  context guest;
  qt_host host(guest);
  int ticks = 0;
  QTimer ticker;
  QObject::connect(&ticker, &QTimer::timeout, [&] { ++ticks; });
  ticker.start(1);
  auto work = [&]() -> task<int> {
    for (int i = 0; i < 10; ++i) {
      const int before = ticks;
      // Qt's turn: its timer has to have been called for the next one.
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
    QCoreApplication::quit();
  });
  QCoreApplication::exec();
  EXPECT_EQ(code, 5);
  EXPECT_EQ(resumed, std::this_thread::get_id());
  EXPECT_GE(ticks, 10);
}

TEST_P(qt_hosted, takes_work_of_other_threads) {
  context guest;
  qt_host host(guest);
  std::thread other([&] {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(as_future(guest, ready(i)).get(), i);
    guest.post([] { QCoreApplication::quit(); });
  });
  QCoreApplication::exec();
  other.join();
}

}  // namespace
}  // namespace execo::test
