#include "loop/loop.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "base/contain.hpp"
#include "loop/epoll_backend.hpp"
#include "loop/hold_watch.hpp"

namespace execo::detail {
namespace {

// A deadline that has passed by so much was not waited for in the usual way.
constexpr auto late = std::chrono::milliseconds(10);

// Turns for which nothing needs the time, at most: dump() says since when something waits.
constexpr std::uint64_t timeless_turns = 64;

unique_fd make_wake() {
  unique_fd made(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made) throw std::system_error(errno, std::system_category(), "eventfd");
  return made;
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
}

}  // namespace

void arm_after(loop& l, deadline_timer& t, clock::duration delay) { l.arm_after(t, delay); }
void disarm(loop& l, deadline_timer& t) noexcept { l.disarm(t); }
void enlist(loop& l, live_node& node) noexcept { l.enlist(node); }

loop::loop() : wake_(make_wake()), backend_(make_backend(wake_.get())) { hold_watch::read_limit(); }

loop::~loop() {
  services_.clear();
  // What helpers gave back last frees itself.
  run_posted();
  // What a post brought may have been all this loop was for, while its thread is not out of post().
  while (posters_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

constinit thread_local loop* loop::current_ = nullptr;
constinit thread_local const char* loop::driven_from_ = nullptr;

void loop::post(queue_node& node) noexcept {
  posters_.fetch_add(1, std::memory_order_relaxed);
  // Only the push that finds the inbox empty wakes: the loop takes all of it at once.
  if (inbox_.push(node) && current_ != this) wake();
  posters_.fetch_sub(1, std::memory_order_release);
}

void loop::raise(std::atomic<bool>& flag) noexcept {
  posters_.fetch_add(1, std::memory_order_relaxed);
  flag.store(true, std::memory_order_release);
  wake();
  posters_.fetch_sub(1, std::memory_order_release);
}

void loop::wake() noexcept {
  std::uint64_t one = 1;
  // Fails only when the counter is full, and then a wake-up is already in flight.
  (void)!::write(wake_.get(), &one, sizeof one);
}

// An epoll around the backend's own descriptor: the host keeps its handle when the backend changes.
int loop::native_handle() {
  if (handle_) return handle_.get();
  unique_fd made(::epoll_create1(EPOLL_CLOEXEC));
  if (!made) throw std::system_error(errno, std::system_category(), "epoll_create1");
  watch(made.get(), backend_->readiness());
  // A ring signals completions through an eventfd, and Linux drops (6.18: from the second time on)
  // what one eventfd would signal from inside a write to another one: a wake-up stands for itself.
  watch(made.get(), wake_.get());
  handle_ = std::move(made);
  return handle_.get();
}

// The old one goes first: its descriptor may be the one that the new one needs.
void loop::replace_backend(const std::string& reason) {
  io_request* request = backend_->surrender();
  backend_.reset();
  backend_ = make_epoll_backend(reason, wake_.get(), opened::for_io_uring);
  if (handle_) watch(handle_.get(), backend_->readiness());
  while (request != nullptr) {
    io_request* next = request->next;
    bool cancelling = request->cancelling;
    backend_->start(*request);
    if (cancelling) backend_->cancel(*request);
    request = next;
  }
}

int loop::null_input() noexcept {
  if (!null_input_) null_input_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return null_input_.get();
}

// One loop_member may end others while it is asked: each is looked up when its turn comes.
void loop::shut_down_members() noexcept {
  list_node unasked;
  while (members_.linked()) members_.next()->link_before(unasked);
  while (unasked.linked()) {
    auto& r = static_cast<loop_member&>(*unasked.next());
    r.link_before(members_);
    r.shut_down();
  }
}

// What lives here names frames and objects of others, which an exception would unwind: a loop that
// cannot go on ends the program in words.
[[noreturn]] void give_up(const std::exception_ptr& error) noexcept {
  constexpr const char* told = "execo: an event loop cannot go on: %s%s\n";
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    (void)std::fprintf(stderr, told, e.what(),
                       "; were its descriptors closed, by closefrom() or close_range() say? They "
                       "must stay open while a context lives");
  } catch (const std::exception& e) {
    (void)std::fprintf(stderr, told, e.what(), "");
  } catch (...) {
    (void)std::fprintf(stderr, told, "an exception that is not a std::exception", "");
  }
  std::abort();
}

void loop::turn(std::int64_t wait_limit) noexcept {
  contain([&] { pass(wait_limit); }, give_up);
}

// Waits first: whatever this turn resumes may decide that it was the last one.
void loop::pass(std::int64_t wait_limit) {
  ++turns_;
  if (held_ != nullptr && is_idle() && !timers_.empty()) held_->idle_until(timers_.next());
  const std::int64_t limit = wait_time(wait_limit);
  const clock::time_point before = now_;
  time_is_read_ = false;
  fetch(limit);
  if (limit != 0 || !timers_.empty() || held_ != nullptr || turns_ % timeless_turns == 0)
    notice_delay(before);
  run_posted();
  if (!timers_.empty()) timers_.expire(now());
  run_ready();
}

void loop::notice_delay(clock::time_point before) {
  if (!timers_.overdue(now() - late)) return;
  // A timer may be armed for any time in the past: it was not the loop that was late for that.
  held_up_ += now_ - std::max(before, timers_.next());
  catch_up();
}

void loop::fetch(std::int64_t wait_limit) {
  submitted_ = requests_;
  if (!backend_->wait(wait_limit)) replace_backend(backend_->refusal());
}

// The process was stopped, or the wait was interrupted: what has happened meanwhile came before the
// deadlines that have passed meanwhile. Completions start what only the next wait completes: the
// end of a command, say, is behind its last output.
void loop::catch_up() {
  for (int i = 0; i < 4; ++i) {
    run_posted();
    run_ready();
    fetch(0);
  }
}

void loop::run_posted() noexcept {
  if (inbox_.empty()) return;
  queue_node* node = inbox_.take_all();
  while (node != nullptr) {
    queue_node* next = node->next;
    hold_watch watch;
    node->run();
    node = next;
  }
}

// Runs what is queued now; what that queues waits for the next call, so that I/O is never starved.
void loop::run_ready() noexcept {
  queue_node* node = ready_first_;
  ready_first_ = ready_last_ = nullptr;
  while (node != nullptr) {
    queue_node* next = node->next;
    hold_watch watch;
    node->run();
    node = next;
  }
}

std::int64_t loop::wait_time(std::int64_t limit) const noexcept {
  if (limit == 0 || !is_idle()) return 0;
  if (timers_.empty()) return limit;
  auto until = std::chrono::nanoseconds(timers_.next() - read_clock()).count();
  until = std::max<std::int64_t>(until, 0);
  if (held_ != nullptr && until > 0) return limit;
  return limit < 0 ? until : std::min(until, limit);
}

int loop::poll_timeout_ms() const noexcept {
  // What the last turn began last is not with the kernel yet.
  if (requests_ != submitted_ || !backend_->has_looked()) return 0;
  std::int64_t ns = wait_time(-1);
  if (ns < 0) return -1;
  std::int64_t ms = ns / 1'000'000 + (ns % 1'000'000 != 0 ? 1 : 0);
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

loop::driver::driver(loop& l) : driven_(l), previous_(current_), previous_from_(driven_from_) {
  if (l.is_driven_.exchange(true, std::memory_order_acquire))
    throw std::logic_error(
        "another thread drives this context: run(), sync_wait and poll() drive it, one thread at a "
        "time; give it work with start() or post()");
  current_ = &l;
  driven_from_ = static_cast<const char*>(__builtin_frame_address(0));
  sigset_t pipe_only, before;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  if (pthread_sigmask(SIG_BLOCK, &pipe_only, &before) == 0)
    unblock_sigpipe_ = sigismember(&before, SIGPIPE) == 0;
}

loop::driver::~driver() {
  current_ = previous_;
  driven_from_ = previous_from_;
  driven_.is_driven_.store(false, std::memory_order_release);
  if (!unblock_sigpipe_) return;
  sigset_t pipe_only;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  timespec none{0, 0};
  while (sigtimedwait(&pipe_only, nullptr, &none) > 0) {
  }
  (void)pthread_sigmask(SIG_UNBLOCK, &pipe_only, nullptr);
}

}  // namespace execo::detail
