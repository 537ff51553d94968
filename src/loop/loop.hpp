// One event loop: a backend, timers, a ready queue and an inbox. Everything but post() and raise()
// belongs to the thread that drives it.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/mpsc_queue.hpp"
#include "execo/detail/live.hpp"
#include "loop/backend.hpp"
#include "loop/timer_heap.hpp"

namespace execo::detail {

class byte_budget;
class shared_values;

/// `delay` after `from`, at most the end of time.
inline clock::time_point later(clock::time_point from, clock::duration delay) noexcept {
  return delay > clock::time_point::max() - from ? clock::time_point::max() : from + delay;
}

/// Something that lives on a loop and must be ended before it: a process, an ssh session.
class loop_member : public list_node {
 public:
  /// Asks for the end; the loop_member unlinks itself when it has come.
  virtual void shut_down() noexcept = 0;
  /// Adds a line or more on what it is and does, for context::dump().
  virtual void describe(std::vector<std::string>& lines, clock::time_point now) const = 0;

 protected:
  ~loop_member() = default;
};

/// Something that a layer above keeps once for each loop: its helper threads, say.
class loop_service {
 public:
  virtual ~loop_service() = default;
};

class loop {
 public:
  /// Throws: std::system_error if the machine has no descriptor or memory left for it.
  loop();
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop();

  /// The loop that the calling thread drives right now, or null.
  static loop* current() noexcept { return current_; }

  /// How much of the calling thread's stack lies above the call that drives a loop.
  static std::ptrdiff_t stack_depth() noexcept {
    auto* here = static_cast<const char*>(__builtin_frame_address(0));
    return here < driven_from_ ? driven_from_ - here : here - driven_from_;
  }
  /// Where the compiler makes a call of a symmetric transfer (-O0, sanitizers, coverage), in our
  /// code or in that of who uses it, a loop of tasks that complete at once would overflow the
  /// stack: from deep in it a coroutine is resumed through the ready queue.
  static bool stack_is_deep() noexcept { return stack_depth() > 32 * 1024; }

  // -- from the loop's thread ---------------------------------------------------------------
  void start(io_request& request) noexcept {
    ++requests_;
    backend_->start(request);
  }
  void cancel(io_request& request) noexcept {
    ++requests_;
    backend_->cancel(request);
  }
  /// For registered_fd.
  void keep(int fd) noexcept { backend_->keep(fd); }
  void forget(int fd) noexcept { backend_->forget(fd); }
  void arm(deadline_timer& t, clock::time_point when) noexcept { timers_.arm(t, when, now()); }
  /// From now, not from when this turn began: what ran in it may have taken long.
  void arm_after(deadline_timer& t, clock::duration delay) noexcept {
    clock::time_point from = read_clock();
    if (!time_is_read_) take_time(from);
    timers_.arm(t, later(from, delay), from);
  }
  void disarm(deadline_timer& t) noexcept { timers_.disarm(t); }
  /// Runs the node later in this turn, or in the next one.
  void defer(queue_node& node) noexcept {
    node.next = nullptr;
    (ready_last_ != nullptr ? ready_last_->next : ready_first_) = &node;
    ready_last_ = &node;
  }
  void adopt(loop_member& r) noexcept { r.link_before(members_); }
  /// Since about now: as of the last time that the clock was read.
  void enlist(live_node& node) noexcept {
    node.since = now_;
    node.link_before(operations_);
  }
  bool has_members() const noexcept { return members_.linked(); }
  void shut_down_members() noexcept;
  bool wants_nonblocking() const noexcept { return backend_->wants_nonblocking(); }
  std::string describe() const { return backend_->describe(); }
  /// What lives here, a line each.
  std::string dump() const;
  /// For a host: readable when turn(0) has something to do. The same one for life.
  /// Throws: std::system_error if it cannot be made.
  int native_handle();
  /// For a host: milliseconds until turn(0) is due without an event, -1: not before one.
  int poll_timeout_ms() const noexcept;
  /// /dev/null for reading, opened once for all children of this loop; -1 with errno set.
  int null_input() noexcept;
  /// The time of this turn, steady within it: as its first call, or the look for timers that are
  /// due, found it after the wait.
  clock::time_point now() const noexcept {
    if (!time_is_read_) take_time(read_clock());
    return now_;
  }
  /// The time as it is. Delays and deadlines of what runs here are counted from it.
  clock::time_point read_clock() const noexcept {
    return held_ == nullptr ? clock::now() : held_->now();
  }
  /// How long in all it could not look at its events when a deadline passed: the process was
  /// stopped, or the machine did not run it.
  clock::duration held_up() const noexcept { return held_up_; }
  /// For tests. It then waits for events alone, and who moves the clock turns or wakes it.
  /// Pre: `time` outlives this loop's use; no timer is armed.
  void hold_time(held_time* time) noexcept {
    assert(timers_.empty());
    held_ = time;
    take_time(read_clock());
  }
  /// How many threads may start children for this loop; 0: it starts them itself.
  unsigned spawn_threads() const noexcept { return spawn_threads_; }
  void set_spawn_threads(unsigned most) noexcept { spawn_threads_ = most; }
  /// The loops of the same context, in order, this one among them. What has no reason to be on one
  /// of them is spread over all.
  std::span<loop* const> rings() const noexcept { return {rings_, ring_count_}; }
  /// Pre: the array outlives this loop's use.
  void set_rings(std::span<loop* const> all) noexcept {
    rings_ = all.data();
    ring_count_ = all.size();
  }
  /// What the outputs of its commands are charged to; null: nothing.
  byte_budget* output_budget() const noexcept { return output_budget_; }
  /// Pre: it outlives this loop's use.
  void set_output_budget(byte_budget* kept) noexcept { output_budget_ = kept; }
  /// What layers above have set for the whole context; null: it has none.
  shared_values* values() const noexcept { return values_; }
  /// Pre: they outlive this loop's use.
  void set_values(shared_values* of_context) noexcept { values_ = of_context; }
  /// Passes so far.
  std::uint64_t turns() const noexcept { return turns_; }
  /// This loop's own `Service`, made with it on the first call: Service(loop&).
  /// Pre: no other thread drives this loop.
  template <class Service>
  Service& service() {
    assert(current_ == this || !is_driven());
    const char* key = &service_key<Service>;
    for (auto& [k, s] : services_)
      if (k == key) return static_cast<Service&>(*s);
    services_.emplace_back(key, std::make_unique<Service>(*this));
    return static_cast<Service&>(*services_.back().second);
  }

  /// The same, if it was made. Pre: no other thread drives this loop.
  template <class Service>
  const Service* find_service() const noexcept {
    assert(current_ == this || !is_driven());
    for (const auto& [k, s] : services_)
      if (k == &service_key<Service>) return static_cast<const Service*>(s.get());
    return nullptr;
  }

  /// One pass: waits for completions until the next deadline or `wait_limit` (nanoseconds, 0 does
  /// not wait, -1 no limit), dispatches them, then the inbox, due timers and the ready queue.
  /// What cannot go on, because the program closed its descriptors say, ends the program.
  void turn(std::int64_t wait_limit) noexcept;

  // -- from any thread ----------------------------------------------------------------------
  /// Whether this process is a fork of the one that made it: what lives here is the original's.
  bool is_copy() const noexcept { return made_by_ != ::getpid(); }
  /// Whether a thread is in the middle of turning it.
  bool is_driven() const noexcept { return is_driven_.load(std::memory_order_acquire); }
  /// Runs the node on the loop's thread. The node must stay alive until it has run.
  void post(queue_node& node) noexcept;
  /// Sets the flag and ends the present wait.
  void raise(std::atomic<bool>& flag) noexcept;

  /// Makes the loop the current one of this thread, and keeps SIGPIPE from it: io_uring raises it
  /// for a write into a broken pipe.
  class driver {
   public:
    /// Throws: std::logic_error if a thread drives it already.
    explicit driver(loop& l);
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    ~driver();

   private:
    loop& driven_;
    loop* previous_;
    const char* previous_from_;
    bool unblock_sigpipe_ = false;
  };

 private:
  template <class Service>
  static constexpr char service_key = 0;

  // Constant-initialised: read without asking whether it is there yet.
  static constinit thread_local loop* current_;
  static constinit thread_local const char* driven_from_;

  void pass(std::int64_t wait_limit);
  void take_time(clock::time_point as) const noexcept {
    now_ = as;
    time_is_read_ = true;
  }
  void notice_delay(clock::time_point before);
  void fetch(std::int64_t wait_limit);
  void catch_up();
  void run_posted() noexcept;
  void run_ready() noexcept;
  bool is_idle() const noexcept { return ready_first_ == nullptr && inbox_.empty(); }
  std::int64_t wait_time(std::int64_t limit) const noexcept;

  void replace_backend(const std::string& reason);
  void wake() noexcept;

  unique_fd wake_;
  unique_fd handle_;
  std::unique_ptr<backend> backend_;
  timer_heap timers_;
  mpsc_queue inbox_;
  std::atomic<unsigned> posters_{0};
  queue_node* ready_first_ = nullptr;
  queue_node* ready_last_ = nullptr;
  list_node members_;
  list_node operations_;  // of live_node
  unique_fd null_input_;
  std::vector<std::pair<const void*, std::unique_ptr<loop_service>>> services_;
  std::uint64_t turns_ = 0;
  unsigned spawn_threads_ = 2;
  const pid_t made_by_ = ::getpid();
  std::atomic<bool> is_driven_{false};
  loop* self_ = this;
  loop* const* rings_ = &self_;
  std::size_t ring_count_ = 1;
  byte_budget* output_budget_ = nullptr;
  shared_values* values_ = nullptr;
  std::uint64_t requests_ = 0;   // calls that the backend hands to the kernel in its next wait
  std::uint64_t submitted_ = 0;  // those before the last wait
  held_time* held_ = nullptr;
  clock::duration held_up_{};
  mutable clock::time_point now_ = clock::now();
  mutable bool time_is_read_ = true;  // in this turn
};

}  // namespace execo::detail
