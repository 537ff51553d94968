// Requests become SQEs whose user_data is the request itself; the CQE of a cancel carries 0 and is
// dropped, because the cancelled request posts its own. Owned and entered by one thread, which is
// what IORING_SETUP_SINGLE_ISSUER promises the kernel; the ring starts disabled, so that this
// thread is the one that first waits on it, not the one that made it.
//
// Requests in flight are in a list, too: when the kernel refuses the ring from some moment on, as
// a sandbox does that an application enters while it runs, another backend takes the list over.
#include "loop/uring_backend.hpp"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "base/fd.hpp"

// liburing maps and unmaps rings with system calls that ThreadSanitizer does not see: without
// this, it takes a ring that comes to lie where another thread's was for the same memory.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EXECO_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(EXECO_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
static char ring_memory;
#define EXECO_RING_MEMORY_TAKEN() __tsan_acquire(&ring_memory)
#define EXECO_RING_MEMORY_RELEASED() __tsan_release(&ring_memory)
#else
#define EXECO_RING_MEMORY_TAKEN() (void)0
#define EXECO_RING_MEMORY_RELEASED() (void)0
#endif

namespace execo::detail {
namespace {

/// Memory that the kernel picks from when bytes arrive: IORING_REGISTER_PBUF_RING, Linux 5.19.
class buffer_ring {
 public:
  static constexpr unsigned count = 16;
  static constexpr int group = 0;

  buffer_ring() = default;
  buffer_ring(const buffer_ring&) = delete;
  buffer_ring& operator=(const buffer_ring&) = delete;
  ~buffer_ring() {
    if (memory_ != MAP_FAILED) (void)::munmap(memory_, size);
  }

  /// Pages are touched when they are used first. False where the kernel has none of it.
  bool open(io_uring& ring) noexcept {
    memory_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) return false;
    io_uring_buf_reg where;
    std::memset(&where, 0, sizeof where);
    where.ring_addr = reinterpret_cast<std::uint64_t>(memory_);
    where.ring_entries = count;
    where.bgid = group;
    io_uring_buf_ring_init(entries());
    if (io_uring_register_buf_ring(&ring, &where, 0) != 0) return false;
    for (unsigned id = 0; id < count; ++id) put(id, static_cast<int>(id));
    io_uring_buf_ring_advance(entries(), count);
    return true;
  }

  char* data(unsigned id) const noexcept {
    return static_cast<char*>(memory_) + entries_bytes + id * receive_bytes;
  }
  void give_back(unsigned id) noexcept {
    put(id, 0);
    io_uring_buf_ring_advance(entries(), 1);
  }

 private:
  static constexpr std::size_t entries_bytes = 4096;
  static constexpr std::size_t size = entries_bytes + count * receive_bytes;

  io_uring_buf_ring* entries() const noexcept { return static_cast<io_uring_buf_ring*>(memory_); }
  void put(unsigned id, int offset) noexcept {
    io_uring_buf_ring_add(entries(), data(id), receive_bytes, static_cast<unsigned short>(id),
                          io_uring_buf_ring_mask(count), offset);
  }

  void* memory_ = MAP_FAILED;
};

/// What the kernel has been seen to do for a ring of this process. What it refuses is asked for
/// again: a filter may have refused it, on one thread alone.
struct kernel_abilities {
  std::atomic<bool> has_operations{false};
  std::atomic<bool> has_buffer_rings{false};
};
constinit kernel_abilities known;

class uring_backend final : public backend {
 public:
  uring_backend(int wake, ring_size size) : wake_(wake), size_(size) {}
  ~uring_backend() override {
    if (!ring_ready_) return;
    EXECO_RING_MEMORY_RELEASED();  // before: the next ring may be mapped as soon as this one is not
    io_uring_queue_exit(&ring_);
  }

  /// Empty, or why there is no ring.
  std::string open() {
    // Linux 6.1; before it a ring without flags does the same work with more interrupts.
    int error = open_ring(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                          IORING_SETUP_TASKRUN_FLAG);
    deferred_ = error == 0;
    if (error == -EINVAL) error = open_ring(0);
    if (error != 0) return std::string("io_uring: ") + std::strerror(-error);
    ring_ready_ = true;
    EXECO_RING_MEMORY_TAKEN();
    if (const char* missing = missing_operation()) return std::string("io_uring: no ") + missing;
    if (!known.has_buffer_rings.load(std::memory_order_relaxed)) (void)open_buffers();
    arm_wake();
    return {};
  }

  void start(io_request& request) noexcept override {
    request.active = true;
    request.cancelling = request.polled = false;
    link(request);
    // Mostly there is room, and then a write of its own is cheaper than one through the queue; and
    // who reads the other end finds the bytes when its read is submitted, without a poll.
    if (request.kind == io_kind::write && refused_ == 0 && write_now(request)) return;
    issue(request);
  }

  void cancel(io_request& request) noexcept override {
    if (!request.active || request.cancelling) return;
    request.cancelling = true;
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) return;
    io_uring_prep_cancel(sqe, &request, 0);
    io_uring_sqe_set_data(sqe, nullptr);
  }

  bool wait(std::int64_t timeout_ns) override {
    drain_readiness();
    if (enable()) enter(timeout_ns);
    reap();
    return refused_ == 0;
  }

  int readiness() override {
    if (readiness_) return readiness_.get();
    readiness_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!readiness_) throw std::system_error(errno, std::system_category(), "eventfd");
    // Polling the ring's own descriptor loses wake-ups under DEFER_TASKRUN; an eventfd does not.
    if (int r = io_uring_register_eventfd(&ring_, readiness_.get()); r != 0)
      throw std::system_error(-r, std::system_category(), "io_uring_register_eventfd");
    // From here on a wake-up has to reach it, even before the first wait.
    if (enable()) check(io_uring_submit(&ring_));
    return readiness_.get();
  }

  bool wants_nonblocking() const noexcept override { return false; }

  std::string describe() const override {
    std::string text = deferred_ ? "uring (SINGLE_ISSUER, DEFER_TASKRUN" : "uring (plain";
    return text + (buffers_are_ != supply::none ? ", buffer ring)" : ", no buffer ring)");
  }

  std::string refusal() const override {
    // Another thread than the first one waits: only one may under SINGLE_ISSUER.
    if (refused_ == -EEXIST) return "io_uring: its thread is gone";
    return std::string("io_uring was denied while in use: ") + std::strerror(-refused_);
  }

  // The kernel gives up what it holds when the ring is closed: nothing of it is carried out then,
  // so no byte is taken twice or lost.
  io_request* surrender() noexcept override {
    io_request* chain = std::exchange(newest_, nullptr);
    io_request* oldest_first = nullptr;
    while (chain != nullptr) {
      io_request* older = std::exchange(chain->previous, nullptr);
      chain->next = oldest_first;
      oldest_first = chain;
      chain = older;
    }
    return oldest_first;
  }

 private:
  enum class supply : std::uint8_t { unopened, there, none };

  struct completion {
    io_request* request;
    int result;
    unsigned flags;
  };

  int open_ring(unsigned flags) noexcept {
    io_uring_params params;
    std::memset(&params, 0, sizeof params);
    params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
    params.cq_entries = size_.completions;
    int error = io_uring_queue_init_params(size_.submissions, &ring_, &params);
    if (error != 0) return error;
    ring_.ring_fd = ring_.enter_ring_fd = above_standard_streams(ring_.ring_fd);
    if (ring_.ring_fd >= 0) return 0;
    error = -errno;
    io_uring_queue_exit(&ring_);
    return error;
  }

  /// What all requests are made of, or null.
  const char* missing_operation() noexcept {
    if (known.has_operations.load(std::memory_order_relaxed)) return nullptr;
    io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
    if (probe == nullptr) return "IORING_REGISTER_PROBE";
    const char* missing = nullptr;
    if (io_uring_opcode_supported(probe, IORING_OP_READ) == 0) missing = "IORING_OP_READ";
    if (io_uring_opcode_supported(probe, IORING_OP_WRITE) == 0) missing = "IORING_OP_WRITE";
    if (io_uring_opcode_supported(probe, IORING_OP_POLL_ADD) == 0) missing = "IORING_OP_POLL_ADD";
    if (io_uring_opcode_supported(probe, IORING_OP_ASYNC_CANCEL) == 0)
      missing = "IORING_OP_ASYNC_CANCEL";
    io_uring_free_probe(probe);
    if (missing == nullptr) known.has_operations.store(true, std::memory_order_relaxed);
    return missing;
  }

  bool open_buffers() noexcept {
    const bool there = buffers_.open(ring_);
    buffers_are_ = there ? supply::there : supply::none;
    if (there) known.has_buffer_rings.store(true, std::memory_order_relaxed);
    return there;
  }
  // Most contexts of a program that has many receive nothing.
  bool has_buffers() noexcept {
    return buffers_are_ == supply::unopened ? open_buffers() : buffers_are_ == supply::there;
  }

  bool enable() noexcept {
    if (refused_ != 0) return false;
    if (enabled_) return true;
    // liburing 2.3 declares io_uring_enable_rings but its shared object does not export it.
    enabled_ = ::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS,
                         nullptr, 0) == 0;
    if (!enabled_) refused_ = -errno;
    return enabled_;
  }

  void enter(std::int64_t timeout_ns) noexcept {
    int r = 0;
    if (timeout_ns == 0 || early_ != nullptr || woken_early_) {
      // A turn that only resumes coroutines does not enter the kernel.
      if (has_business()) r = io_uring_submit_and_get_events(&ring_);
    } else {
      __kernel_timespec ts{};
      ts.tv_sec = timeout_ns / 1'000'000'000;
      ts.tv_nsec = timeout_ns % 1'000'000'000;
      io_uring_cqe* unused = nullptr;
      r = io_uring_submit_and_wait_timeout(&ring_, &unused, 1, timeout_ns < 0 ? nullptr : &ts,
                                           nullptr);
    }
    check(r);
  }

  bool has_business() noexcept {
    if (!deferred_ || io_uring_sq_ready(&ring_) != 0) return true;
    unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  }

  void check(int r) noexcept {
    // EBUSY and EAGAIN: the CQ overflowed or the kernel is short of memory; reaping makes room.
    if (r < 0 && r != -ETIME && r != -EINTR && r != -EBUSY && r != -EAGAIN) refused_ = r;
  }

  void issue(io_request& request) noexcept {
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) return;
    switch (request.kind) {
      case io_kind::read:
        io_uring_prep_read(sqe, request.fd, request.buffer, request.size, -1ULL);
        break;
      case io_kind::receive:
        if (has_buffers()) {
          io_uring_prep_read(sqe, request.fd, nullptr, receive_bytes, -1ULL);
          sqe->flags |= IOSQE_BUFFER_SELECT;
          sqe->buf_group = buffer_ring::group;
        } else {
          io_uring_prep_poll_add(sqe, request.fd, POLLIN);
        }
        break;
      case io_kind::write:
        io_uring_prep_write(sqe, request.fd, request.buffer, request.size, -1ULL);
        break;
      case io_kind::poll:
        io_uring_prep_poll_add(sqe, request.fd, request.events);
        break;
      case io_kind::none:
        io_uring_prep_nop(sqe);
        break;
    }
    io_uring_sqe_set_data(sqe, &request);
  }

  // Of a descriptor that is O_NONBLOCK, or where there is no buffer.
  void poll_instead(io_request& request) noexcept {
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) return;
    request.polled = true;
    io_uring_prep_poll_add(sqe, request.fd, request.kind == io_kind::write ? POLLOUT : POLLIN);
    io_uring_sqe_set_data(sqe, &request);
  }

  /// Null when the ring is refused: what is in flight then waits in the list.
  io_uring_sqe* next_sqe() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr && enable()) {
      // The SQ is full: hand it over now. A kernel whose CQ overflowed may refuse (EBUSY) until
      // completions are taken; their turn comes with the next wait.
      int r = io_uring_submit(&ring_);
      check(r);
      if (r == -EBUSY || r == -EAGAIN) take_early();
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  void take_early() noexcept {
    completion c;
    while (next_completion(c))
      if (c.request != nullptr) keep_for_later(c);
    (void)io_uring_get_events(&ring_);
  }

  bool next_completion(completion& c) noexcept {
    io_uring_cqe* cqe = nullptr;
    if (io_uring_peek_cqe(&ring_, &cqe) != 0 || cqe == nullptr) return false;
    c.request = static_cast<io_request*>(io_uring_cqe_get_data(cqe));
    c.result = cqe->res;
    c.flags = cqe->flags;
    // Seen before its `done` runs: `done` may start requests and so submit.
    io_uring_cqe_seen(&ring_, cqe);
    return true;
  }

  void reap() {
    io_request* early = std::exchange(early_, nullptr);
    last_early_ = nullptr;
    while (early != nullptr) {
      io_request& r = *early;
      early = std::exchange(r.next_early, nullptr);
      dispatch(completion{&r, r.result, r.flags});
    }
    if (std::exchange(woken_early_, false))
      woken(completion{&wake_request_, wake_request_.result, wake_request_.flags});
    for (;;) {
      completion c;
      while (next_completion(c)) dispatch(c);
      if (!io_uring_cq_has_overflow(&ring_) || refused_ != 0) return;
      check(io_uring_get_events(&ring_));
    }
  }

  void dispatch(const completion& c) {
    if (c.request == nullptr) return;
    if (c.request == &wake_request_) return woken(c);
    io_request& r = *c.request;
    // No caller asked for this: the thread that had started it has ended.
    if (c.result == -ECANCELED && !r.cancelling) return issue(r);
    if (r.kind == io_kind::receive) return received(r, c);
    if (std::exchange(r.polled, false) && c.result >= 0)
      return r.cancelling ? finish(r, -ECANCELED) : issue(r);
    bool transfers = r.kind == io_kind::read || r.kind == io_kind::write;
    if (c.result == -EAGAIN && transfers && !r.cancelling) return poll_instead(r);
    finish(r, c.result);
  }

  void received(io_request& r, const completion& c) {
    r.buffer = nullptr;
    if ((c.flags & IORING_CQE_F_BUFFER) != 0) {
      unsigned id = c.flags >> IORING_CQE_BUFFER_SHIFT;
      r.buffer = buffers_.data(id);
      finish(r, c.result);
      buffers_.give_back(id);
    } else if (c.result == -EAGAIN && !r.cancelling) {
      poll_instead(r);
    } else if (c.result == -ENOBUFS) {
      // Others have them all, and have asked for the next ones already: asked for again, this one
      // would come last again, for as long as they have bytes. A poll needs none, see read_now().
      if (r.cancelling) return finish(r, -ECANCELED);
      poll_instead(r);
    } else if (c.result > 0) {
      read_now(r);
    } else {
      finish(r, c.result);
    }
  }

  // Without waiting, as IOCB_NOWAIT promises (pipes: Linux 6.4); `done` comes from the next wait.
  bool write_now(io_request& r) noexcept {
    iovec bytes{r.buffer, r.size};
    ssize_t n = ::pwritev2(r.fd, &bytes, 1, -1, RWF_NOWAIT);
    // The kernel would wait for such a one inside io_uring_enter, and everything else with it.
    if (n < 0 && errno == EOPNOTSUPP) refuse_to_block(r.fd);
    if (n < 0) return false;
    keep_for_later(completion{&r, static_cast<int>(n), 0});
    return true;
  }

  // In the request itself: there may be no memory to note it elsewhere.
  void keep_for_later(const completion& c) noexcept {
    io_request& r = *c.request;
    r.result = c.result;
    r.flags = c.flags;
    // This one completes again and again, and means the same.
    woken_early_ = woken_early_ || &r == &wake_request_;
    if (&r == &wake_request_) return;
    (last_early_ != nullptr ? last_early_->next_early : early_) = &r;
    last_early_ = &r;
  }

  // Without a buffer of the ring: the descriptor was polled readable, so this does not wait.
  void read_now(io_request& r) {
    ssize_t n = ::read(r.fd, received_.get(), receive_bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && !r.cancelling) return issue(r);
    r.buffer = received_.get();
    finish(r, n >= 0 ? static_cast<int>(n) : -errno);
  }

  void finish(io_request& r, int result) {
    unlink(r);
    r.active = false;
    r.done(result);
  }

  void link(io_request& r) noexcept {
    r.next = nullptr;
    r.previous = newest_;
    if (newest_ != nullptr) newest_->next = &r;
    newest_ = &r;
  }
  void unlink(io_request& r) noexcept {
    if (r.previous != nullptr) r.previous->next = r.next;
    if (r.next != nullptr) r.next->previous = r.previous;
    if (newest_ == &r) newest_ = r.previous;
    r.next = r.previous = nullptr;
  }

  // Notified of each write to the wake descriptor, which needs no read then (poll is edge-triggered
  // unless asked otherwise); before Linux 5.13 notified once, and armed again.
  void arm_wake() noexcept {
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) return;
    if (has_multishot_) {
      io_uring_prep_poll_multishot(sqe, wake_, POLLIN);
    } else {
      io_uring_prep_poll_add(sqe, wake_, POLLIN);
    }
    io_uring_sqe_set_data(sqe, &wake_request_);
  }

  void woken(const completion& c) {
    if (c.result == -EINVAL) has_multishot_ = false;
    if ((c.flags & IORING_CQE_F_MORE) != 0) return;
    drain(wake_);
    arm_wake();
  }

  static void drain(int event) noexcept {
    std::uint64_t count = 0;
    (void)!::read(event, &count, sizeof count);
  }

  // A host looks at both.
  void drain_readiness() noexcept {
    if (!readiness_) return;
    drain(readiness_.get());
    drain(wake_);
  }

  const int wake_;
  const ring_size size_;
  io_uring ring_{};
  bool ring_ready_ = false;
  bool deferred_ = false;
  bool enabled_ = false;
  supply buffers_are_ = supply::unopened;
  bool has_multishot_ = true;
  int refused_ = 0;  // the errno that ended it
  buffer_ring buffers_;
  const std::unique_ptr<char[]> received_ = std::make_unique_for_overwrite<char[]>(receive_bytes);
  io_request* newest_ = nullptr;
  io_request* early_ = nullptr;  // oldest first
  io_request* last_early_ = nullptr;
  bool woken_early_ = false;
  unique_fd readiness_;
  io_request wake_request_;  // whom completions of the wake descriptor name
};

}  // namespace

std::unique_ptr<backend> make_uring_backend(std::string& why, int wake, ring_size size) {
  auto made = std::make_unique<uring_backend>(wake, size);
  why = made->open();
  if (why.empty()) return made;
  return nullptr;
}

}  // namespace execo::detail
