// Requests become SQEs whose user_data is the request itself; the CQE of a cancel carries 0 and is
// dropped, because the cancelled request posts its own. Owned and entered by one thread, which is
// what IORING_SETUP_SINGLE_ISSUER promises the kernel; the ring starts disabled, so that this
// thread is the one that first waits on it, not the one that made it.
#include "loop/uring_backend.hpp"

#include <errno.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <system_error>

#include "base/fd.hpp"

// liburing maps and unmaps rings with system calls that ThreadSanitizer does not see: without being
// told, it takes a ring that comes to lie where another thread's was for the same memory.
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

constexpr unsigned sq_entries = 512;
// The CQ holds 8 completions for each SQ slot; more still arrive through the overflow list
// (IORING_FEAT_NODROP), only slower.
constexpr unsigned cq_entries = 4096;

class uring_backend final : public backend {
 public:
  uring_backend() = default;
  ~uring_backend() override {
    if (!ring_ready_) return;
    io_uring_queue_exit(&ring_);
    EXECO_RING_MEMORY_RELEASED();
  }

  /// 0 or a negative errno.
  int open() noexcept {
    // Blocking: the ring waits for it. Only its counter at the limit could block a writer.
    wake_fd_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!wake_fd_) return -errno;
    int error = open_ring(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    deferred_ = error == 0;
    if (error == -EINVAL) error = open_ring(0);
    if (error != 0) return error;
    ring_ready_ = true;
    EXECO_RING_MEMORY_TAKEN();
    arm_wake();
    return 0;
  }

  void start(io_request& request) noexcept override {
    request.active = true;
    request.cancelling = false;
    io_uring_sqe* sqe = next_sqe();
    switch (request.kind) {
      case io_kind::read:
        io_uring_prep_read(sqe, request.fd, request.buffer, request.size, -1ULL);
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

  void cancel(io_request& request) noexcept override {
    if (!request.active || request.cancelling) return;
    request.cancelling = true;
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_cancel(sqe, &request, 0);
    io_uring_sqe_set_data(sqe, nullptr);
  }

  void wait(std::int64_t timeout_ns) override {
    enable();
    drain_handle();
    int r = 0;
    if (timeout_ns == 0) {
      r = io_uring_submit_and_get_events(&ring_);
    } else {
      __kernel_timespec ts{};
      ts.tv_sec = timeout_ns / 1'000'000'000;
      ts.tv_nsec = timeout_ns % 1'000'000'000;
      io_uring_cqe* unused = nullptr;
      r = io_uring_submit_and_wait_timeout(&ring_, &unused, 1, timeout_ns < 0 ? nullptr : &ts,
                                           nullptr);
    }
    // EBUSY and EAGAIN: the CQ overflowed or the kernel is short of memory; reaping makes room.
    if (r < 0 && r != -ETIME && r != -EINTR && r != -EBUSY && r != -EAGAIN)
      throw std::system_error(-r, std::system_category(), "io_uring_enter");
    reap();
  }

  void wake() noexcept override {
    std::uint64_t one = 1;
    // Fails only when the counter is full, and then a wake-up is already on its way.
    (void)!::write(wake_fd_.get(), &one, sizeof one);
    // The ring tells its handle of a completion that an eventfd brought once only: from the second
    // one on Linux 6.18 drops what it cannot signal from inside a write to an eventfd.
    int handle = hosted_.load(std::memory_order_acquire);
    if (handle >= 0) (void)!::write(handle, &one, sizeof one);
  }

  int native_handle() override {
    if (handle_) return handle_.get();
    handle_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!handle_) throw std::system_error(errno, std::system_category(), "eventfd");
    // Polling the ring's own descriptor loses wake-ups under DEFER_TASKRUN; an eventfd does not.
    if (int r = io_uring_register_eventfd(&ring_, handle_.get()); r != 0)
      throw std::system_error(-r, std::system_category(), "io_uring_register_eventfd");
    // From here on wake() has to reach the handle, even before the first wait.
    enable();
    (void)io_uring_submit(&ring_);
    hosted_.store(handle_.get(), std::memory_order_release);
    return handle_.get();
  }

  bool wants_nonblocking() const noexcept override { return false; }

  std::string describe() const override {
    return deferred_ ? "uring (SINGLE_ISSUER, DEFER_TASKRUN)" : "uring (plain)";
  }

 private:
  int open_ring(unsigned flags) noexcept {
    io_uring_params params;
    std::memset(&params, 0, sizeof params);
    params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
    params.cq_entries = cq_entries;
    return io_uring_queue_init_params(sq_entries, &ring_, &params);
  }

  void enable() noexcept {
    if (enabled_) return;
    // liburing 2.3 declares io_uring_enable_rings but its shared object does not export it.
    enabled_ = ::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS,
                         nullptr, 0) == 0;
  }

  io_uring_sqe* next_sqe() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) enable();
    while (sqe == nullptr) {
      // The SQ is full: hand it over now. The kernel consumes all it is given, except when the CQ
      // overflowed (EBUSY), which get_events clears; completions stay queued for reap().
      if (io_uring_submit(&ring_) < 0) (void)io_uring_get_events(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  void reap() {
    for (;;) {
      io_uring_cqe* cqe = nullptr;
      while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
        auto* request = static_cast<io_request*>(io_uring_cqe_get_data(cqe));
        int result = cqe->res;
        // Seen before its `done` runs: `done` may start requests and so submit.
        io_uring_cqe_seen(&ring_, cqe);
        if (request == nullptr) continue;
        request->active = false;
        request->done(result);
      }
      if (!io_uring_cq_has_overflow(&ring_)) return;
      (void)io_uring_get_events(&ring_);
    }
  }

  void arm_wake() noexcept {
    wake_request_.prepare_read(wake_fd_.get(), &wake_count_, sizeof wake_count_);
    start(wake_request_);
  }
  void on_wake(int) { arm_wake(); }

  void drain_handle() noexcept {
    std::uint64_t count = 0;
    if (handle_) (void)!::read(handle_.get(), &count, sizeof count);
  }

  io_uring ring_{};
  bool ring_ready_ = false;
  bool deferred_ = false;
  bool enabled_ = false;
  unique_fd wake_fd_;
  unique_fd handle_;
  std::atomic<int> hosted_{-1};  // handle_, for wake()
  std::uint64_t wake_count_ = 0;
  io_request wake_request_{callback<int>::to<&uring_backend::on_wake>(this)};
};

}  // namespace

std::unique_ptr<backend> make_uring_backend(std::string& why) {
  auto made = std::make_unique<uring_backend>();
  int error = made->open();
  if (error == 0) return made;
  why = std::string("io_uring: ") + std::strerror(-error);
  return nullptr;
}

}  // namespace execo::detail
