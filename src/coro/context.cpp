#include "execo/context.hpp"

#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/byte_budget.hpp"
#include "base/end_program.hpp"
#include "base/shared_values.hpp"
#include "base/signal_mask.hpp"
#include "coro/default_context.hpp"
#include "coro/ring_thread.hpp"
#include "execo/detail/driver_wait.hpp"
#include "execo/sync_wait.hpp"
#include "loop/post_call.hpp"

namespace execo {

struct context::state {
  state(execo::rings count, spawners per_ring, output_budget kept);
  /// No thread posts to a ring that is gone.
  ~state() {
    for (auto& other : others) other->join();
  }

  /// For a context that is destroyed while a thread drives it: that one returns first.
  void wait_for_driver();
  /// Ends and joins what lives on any ring, from the thread that drives the first one.
  void join_all();

  detail::intrusive_ptr<detail::byte_budget> kept_output;
  detail::shared_values values;
  detail::loop loop;
  std::vector<std::unique_ptr<detail::ring_thread>> others;
  std::vector<detail::loop*> rings;
  std::atomic<bool> stopping{false};
  std::thread own_thread;
};

context::state::state(execo::rings count, spawners per_ring, output_budget kept)
    : kept_output(new detail::byte_budget(kept.bytes())) {
  rings.push_back(&loop);
  for (unsigned i = 1; i < count.count(); ++i) {
    others.push_back(std::make_unique<detail::ring_thread>());
    rings.push_back(&others.back()->where());
  }
  for (detail::loop* each : rings) {
    each->set_rings(rings);
    each->set_spawn_threads(per_ring.count());
    each->set_output_budget(kept_output.get());
    each->set_values(&values);
  }
  for (auto& other : others) other->start();
}

void context::state::wait_for_driver() {
  if (!loop.is_driven()) return;
  if (detail::is_current(loop))
    detail::end_program(
        "a context was destroyed by what runs on it: destroy it from outside, after run() or "
        "sync_wait");
  detail::warn(
      "a context is destroyed while another thread drives it: stop() it and join that thread "
      "first; waiting for that thread");
  while (loop.is_driven()) {
    loop.raise(stopping);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void context::state::join_all() {
  detail::join_members(loop);
  struct countdown {
    std::size_t left;
    void count() noexcept { --left; }
  } undrained{others.size()};
  std::vector<detail::queue_node> replies(others.size());
  for (std::size_t i = 0; i < others.size(); ++i) {
    replies[i].run = detail::delegate<>::to<&countdown::count>(&undrained);
    others[i]->drain(loop, replies[i]);
  }
  while (undrained.left != 0) loop.turn(-1);
  detail::join_members(loop);
}

namespace {

void refuse_inside_a_loop(const char* what) {
  if (detail::loop::current() != nullptr)
    throw std::logic_error(std::string(what) +
                           " inside a context would wait for itself: co_await instead");
}

// Both sides own it: the one that asked may have stopped waiting.
struct dump_answer {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<std::string> text;
};

std::string dump_of(detail::loop& l) {
  if (detail::is_current(l) || !l.is_driven()) return l.dump();
  auto answer = std::make_shared<dump_answer>();
  detail::post_call(l, [&l, answer] {
    std::lock_guard lock(answer->mutex);
    answer->text = l.dump();
    answer->arrived.notify_one();
  });
  std::unique_lock lock(answer->mutex);
  duration longest = detail::driver_wait();
  if (answer->arrived.wait_for(lock, longest, [&] { return answer->text.has_value(); }))
    return *answer->text;
  return "no answer within " + format_duration(longest) + ": something holds its thread\n";
}

}  // namespace

rings::rings(unsigned count) : count_(count) {
  if (count == 0 || count > 1024)
    throw std::invalid_argument("rings(" + std::to_string(count) + "): expected 1 to 1024");
}

spawners::spawners(unsigned count) : count_(count) {
  if (count > 64)
    throw std::invalid_argument("spawners(" + std::to_string(count) + "): expected 0 to 64");
}

void executor::post(std::function<void()> work) const {
  detail::post_call(*loop_, std::move(work));
}

context::context() : context(rings(1)) {}
context::context(rings count, spawners per_ring, output_budget kept)
    : state_(std::make_unique<state>(count, per_ring, kept)) {}
context::context(rings count, output_budget kept) : context(count, spawners(2), kept) {}
context::context(spawners per_ring, output_budget kept) : context(rings(1), per_ring, kept) {}
context::context(output_budget kept) : context(rings(1), kept) {}

context::~context() {
  if (state_->loop.is_copy()) {
    // The children, the kernel's side of the rings and the threads are the original's, which goes
    // on with them: here nothing is ended. Reachable, so that no leak is reported.
    static auto* abandoned = new std::vector<std::unique_ptr<state>>;
    abandoned->push_back(std::move(state_));
    return;
  }
  if (state_->own_thread.joinable()) {
    stop();
    state_->own_thread.join();
    return;
  }
  state_->wait_for_driver();
  detail::loop::driver driving(state_->loop);
  state_->loop.turn(0);
  state_->join_all();
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

std::size_t context::ring_count() const noexcept { return state_->rings.size(); }
executor context::ring(std::size_t index) { return executor(*state_->rings.at(index)); }

int context::native_handle() { return state_->loop.native_handle(); }

int context::poll_timeout() const { return state_->loop.poll_timeout_ms(); }

std::size_t context::kept_output() const noexcept { return state_->kept_output->used(); }

std::string context::dump() const {
  std::string text;
  for (std::size_t i = 0; i < state_->rings.size(); ++i)
    text += "ring " + std::to_string(i) + ": " + dump_of(*state_->rings[i]);
  return text;
}

std::string context::backend() const { return state_->loop.describe(); }

namespace {

// Ends the default context of this process, if it has one.
constinit std::atomic<void (*)()> end_of_default{nullptr};

}  // namespace

// The thread of one that was made before a fork is not in the copy: there another one is made. A
// guarded static could be in the making by another thread at the fork, and would stay so.
context& context::default_instance() {
  struct with_thread {
    explicit with_thread(with_thread* of_original) : original(of_original) {
      c.state_->own_thread = detail::masked_thread([this] {
        c.run();
        detail::loop::driver driving(c.state_->loop);
        c.state_->join_all();
      });
    }
    bool is_copy() const noexcept { return c.state_->loop.is_copy(); }

    context c;
    with_thread* original;  // of the process that was forked: reachable, and not ended here
  };
  static constinit std::atomic<with_thread*> latest{nullptr};
  for (;;) {
    with_thread* last = latest.load(std::memory_order_acquire);
    if (last != nullptr && !last->is_copy()) return last->c;
    auto made = std::make_unique<with_thread>(last);
    if (!latest.compare_exchange_strong(last, made.get())) continue;
    end_of_default.store([] {
      with_thread* ours = latest.load();
      if (ours != nullptr && !ours->is_copy() && latest.compare_exchange_strong(ours, nullptr))
        delete ours;
    });
    (void)std::atexit(end_of_default.load());
    return made.release()->c;
  }
}

namespace detail {

void end_default_context_first() noexcept {
  if (auto* end = end_of_default.load()) (void)std::atexit(end);
}

loop& loop_of(context& c) noexcept { return c.state_->loop; }

loop& loop_or_default(loop* affinity) {
  if (affinity != nullptr) return *affinity;
  if (loop* here = loop::current()) return *here;
  return loop_of(context::default_instance());
}

bool is_current(const loop& l) noexcept { return loop::current() == &l; }
void post(loop& l, queue_node& node) noexcept { l.post(node); }
void defer(loop& l, queue_node& node) noexcept { l.defer(node); }

void sync_waiter::wait(context& where) {
  refuse_inside_a_loop("sync_wait");
  loop& l = loop_of(where);
  loop::driver driving(l);
  begin(std::noop_coroutine(), env{&l, nullptr});
  while (pending() != 0) l.turn(-1);
  where.state_->join_all();
}

}  // namespace detail
}  // namespace execo
