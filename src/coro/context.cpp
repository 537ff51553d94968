#include "execo/context.hpp"

#include <signal.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "execo/sync_wait.hpp"
#include "loop/post_call.hpp"

namespace execo {

struct context::state {
  detail::loop loop;
  std::atomic<bool> stopping{false};
  std::thread own_thread;
};

namespace {

void refuse_inside_a_loop(const char* what) {
  if (detail::loop::current() != nullptr)
    throw std::logic_error(std::string(what) +
                           " inside a context would wait for itself: co_await instead");
}

// Kill escalation bounds this: what cannot be killed any more is let go by its own deadline.
void join_residents(detail::loop& l) {
  while (l.has_residents()) {
    l.shut_down_residents();
    // Some are gone as soon as they are asked: then there may be nothing to wait for.
    l.turn(l.has_residents() ? -1 : 0);
  }
}

}  // namespace

context::context() : state_(std::make_unique<state>()) {}

context::~context() {
  if (state_->own_thread.joinable()) {
    stop();
    state_->own_thread.join();
    return;
  }
  detail::loop::driver driving(state_->loop);
  state_->loop.turn(0);
  join_residents(state_->loop);
}

void context::run() {
  refuse_inside_a_loop("run");
  detail::loop::driver driving(state_->loop);
  while (!state_->stopping.exchange(false, std::memory_order_acquire)) state_->loop.turn(-1);
}

void context::stop() noexcept { state_->loop.raise(state_->stopping); }

void context::post(std::function<void()> work) { detail::post_call(state_->loop, std::move(work)); }

void context::poll() {
  if (detail::is_current(state_->loop))
    throw std::logic_error("poll() from inside the context that it would drive");
  detail::loop::driver driving(state_->loop);
  // A few turns take what completions start; more would starve the host.
  for (int i = 0; i < 4; ++i) state_->loop.turn(0);
}

int context::native_handle() { return state_->loop.native_handle(); }

int context::poll_timeout() const { return state_->loop.poll_timeout_ms(); }

std::string context::backend() const { return state_->loop.describe(); }

context& context::default_instance() {
  struct with_thread {
    context c;
    with_thread() {
      c.state_->own_thread = std::thread([this] {
        // Signals are the application's: none is ever delivered here.
        sigset_t all;
        sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, nullptr);
        c.run();
        detail::loop::driver driving(c.state_->loop);
        join_residents(c.state_->loop);
      });
    }
  };
  static with_thread instance;
  return instance.c;
}

namespace detail {

loop& loop_of(context& c) noexcept { return c.state_->loop; }

loop& loop_or_default(loop* home) {
  if (home != nullptr) return *home;
  if (loop* here = loop::current()) return *here;
  return loop_of(context::default_instance());
}

bool is_current(const loop& l) noexcept { return loop::current() == &l; }
void post(loop& l, queue_node& node) noexcept { l.post(node); }
void defer(loop& l, queue_node& node) noexcept { l.defer(node); }

void sync_waiter::wait(context& where, std::coroutine_handle<> child, child_promise_base& promise) {
  refuse_inside_a_loop("sync_wait");
  loop& l = loop_of(where);
  loop::driver driving(l);
  child_ = child;
  promise_ = &promise;
  begin(std::noop_coroutine(), env{&l, nullptr});
  while (pending() != 0) l.turn(-1);
  join_residents(l);
}

}  // namespace detail
}  // namespace execo
