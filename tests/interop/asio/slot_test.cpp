// Coroutines as Boost.Cobalt's: an executor to go on with, and a cancellation slot in place of a
// stop token. What emits a cancellation does so on the executor's thread.
#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "execo/execo.hpp"
#include "leak_check.hpp"
#include "net.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// Its coroutines begin on the thread of `io` and end there.
class slotted {
 public:
  class promise_type {
   public:
    template <class... Args>
    explicit promise_type(net::io_context& io, net::cancellation_signal& signal, Args&...)
        : io_(io), signal_(signal) {}
    slotted get_return_object() { return slotted(done_.get_future()); }
    class begin {
     public:
      explicit begin(net::io_context& io) : io_(io) {}
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> h) const {
        net::post(io_, [h] { h.resume(); });
      }
      void await_resume() const noexcept {}

     private:
      net::io_context& io_;
    };
    begin initial_suspend() const { return begin(io_); }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_value(std::string value) { done_.set_value(std::move(value)); }
    void unhandled_exception() { done_.set_exception(std::current_exception()); }
    net::any_io_executor get_executor() const { return io_.get_executor(); }
    net::cancellation_slot get_cancellation_slot() const { return signal_.slot(); }

   private:
    net::io_context& io_;
    net::cancellation_signal& signal_;
    std::promise<std::string> done_;
  };
  std::string get() { return done_.get(); }

 private:
  explicit slotted(std::future<std::string> done) : done_(std::move(done)) {}
  std::future<std::string> done_;
};

class cancellation_slot : public testing::Test {
 protected:
  // The default context keeps its descriptors.
  void SetUp() override { accept_default_context(); }
  // The loop's thread may still be inside the post() with which the last coroutine came here.
  void TearDown() override { as_future(sleep(0ms)).get(); }

  io_thread there;
};

void emit(io_thread& net_thread, net::cancellation_signal& signal) {
  net::post(net_thread.io, [&signal] { signal.emit(net::cancellation_type::terminal); });
}

slotted run_a_process(net::io_context&, net::cancellation_signal&, std::promise<void>& running,
                      std::thread::id& at) {
  process p("sh -c 'echo up; exec sleep 300'");
  p.start();
  auto line = co_await p.out().next_line();
  running.set_value();
  result r = co_await p.run();
  at = std::this_thread::get_id();
  co_return line.value_or("nothing") + ", " + std::string(to_string(r.how()));
}

TEST_F(cancellation_slot, ends_a_process_that_is_awaited_and_goes_on_at_its_executor) {
  net::cancellation_signal signal;
  std::promise<void> running;
  std::thread::id at;
  slotted work = run_a_process(there.io, signal, running, at);
  running.get_future().wait();
  emit(there, signal);
  EXPECT_EQ(work.get(), "up, cancelled");
  EXPECT_EQ(at, there.id());
}

slotted sleep_twice(net::io_context&, net::cancellation_signal&) {
  co_await sleep(1ms);
  try {
    co_await sleep(300s);
  } catch (const operation_cancelled&) {
    co_return "cancelled";
  }
  co_return "slept";
}

TEST_F(cancellation_slot, is_heard_whenever_it_is_emitted) {
  for (int i = 0; i < 200; ++i) {
    net::cancellation_signal signal;
    slotted work = sleep_twice(there.io, signal);
    // One that comes between two waits is nobody's: it is emitted until one is heard.
    std::atomic<bool> over{false};
    std::thread emitter([&] {
      while (!over) {
        emit(there, signal);
        std::this_thread::yield();
      }
    });
    std::string end;
    try {
      end = work.get();
    } catch (const operation_cancelled&) {
      end = "cancelled";  // the first wait was
    }
    over = true;
    emitter.join();
    std::promise<void> drained;
    net::post(there.io, [&drained] { drained.set_value(); });
    drained.get_future().wait();
    EXPECT_EQ(end, "cancelled");
  }
}

slotted run_to_the_end(net::io_context&, net::cancellation_signal& signal) {
  result r = co_await process("echo hi").run();
  // Nothing of the wait is left in the slot.
  bool empty = !signal.slot().has_handler();
  co_return r.out + (empty ? "empty" : "a handler is left");
}

TEST_F(cancellation_slot, is_empty_when_the_wait_is_over) {
  net::cancellation_signal signal;
  EXPECT_EQ(run_to_the_end(there.io, signal).get(), "hi\nempty");
}

task<std::string> a_task() {
  result r = co_await process("sleep 300").run();
  co_return std::string(to_string(r.how()));
}

slotted await_a_task(net::io_context&, net::cancellation_signal&, std::promise<void>& begun) {
  begun.set_value();
  auto [first, second] = co_await when_all(a_task(), a_task());
  co_return first + " " + second;
}

TEST_F(cancellation_slot, goes_down_through_combinators_and_tasks) {
  net::cancellation_signal signal;
  std::promise<void> begun;
  slotted work = await_a_task(there.io, signal, begun);
  begun.get_future().wait();
  emit(there, signal);
  EXPECT_EQ(work.get(), "cancelled cancelled");
}

}  // namespace
}  // namespace execo::test
