// Each wait first tries what was started since the last one, then sleeps in epoll_wait for the
// rest. A descriptor has one waiter to read and one to write.
//
// Of a descriptor that just comes with a request there is no word of its close. Interest in it is
// armed for one event (EPOLLONESHOT) and carries a generation: when a descriptor is closed while a
// copy of it lives on, in a fork of the application for instance, the kernel keeps the registration
// (epoll(7), Q6), and neither can it wake us more than once, nor is it taken for the next owner of
// the number.
//
// One that is kept stays registered, edge-triggered, until it is forgotten: a read that has to wait
// is epoll_wait and read, and no call to arm it. An edge comes once, so what is known of the
// descriptor is remembered with it. A read that brought less than it had room for has mostly
// emptied it, and the next one waits without trying; not so if the other end has gone, and not of a
// pipe that keeps packets apart (O_DIRECT). What was not seen to be empty is therefore tried when
// nothing else is to be done, and every now and then when something is.
#include "loop/epoll_backend.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace execo::detail {
namespace {

// POLL* and EPOLL* have the same values.
constexpr std::uint32_t askable = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP;
constexpr std::uint32_t always_reported = EPOLLERR | EPOLLHUP;
constexpr std::uint64_t wake_tag = ~std::uint64_t{0};
// Busy waits until what looks empty is tried all the same.
constexpr unsigned trusting_waits = 64;

class epoll_backend final : public backend {
 public:
  epoll_backend(std::string reason, int wake, opened how)
      : reason_(std::move(reason)), wake_(wake), may_block_(how == opened::for_io_uring) {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = wake_tag;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_, &event) != 0)
      throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }

  void start(io_request& request) noexcept override {
    request.active = true;
    request.cancelling = false;
    push(request);
  }

  void cancel(io_request& request) noexcept override {
    if (!request.active || request.cancelling) return;
    request.cancelling = true;
    // A waiter leaves its slot for the queue; one still in the queue is seen there as cancelled.
    if (unseat(request)) push(request);
  }

  void keep(int fd) noexcept override {
    if (!make_slot(fd)) return;
    slot& s = slot_of(fd);
    assert(s.in == nullptr && s.out == nullptr);
    s.kept = true;
    s.interest = 0;
    s.content = filling::unknown;
    s.ends = 0;
  }

  void forget(int fd) noexcept override {
    if (!has_slot(fd) || !slot_of(fd).kept) return;
    slot& s = slot_of(fd);
    assert(s.in == nullptr && s.out == nullptr);
    s.kept = false;
    ++s.generation;
    // Closing it is not enough if there is a copy of it. After a HUP a copy reports nothing more.
    if (std::exchange(s.registered, false) && (s.ends & EPOLLHUP) == 0)
      (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }

  bool wait(std::int64_t timeout_ns) override {
    try_started();
    if (is_idle() || ++waits_ % trusting_waits == 0) try_doubtful();
    bool idle = is_idle();
    completed_ = 0;
    std::array<epoll_event, 256> events;
    int n = 0;
    if (idle && timeout_ns != 0) {
      n = sleep(events.data(), static_cast<int>(events.size()), timeout_ns);
    } else {
      n = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
    }
    if (n < 0) n = after_failure(events.data(), static_cast<int>(events.size()));
    for (int i = 0; i < n; ++i) dispatch(events[static_cast<std::size_t>(i)]);
    try_started();
    completed_ = 0;
    return true;
  }

  int readiness() override { return epoll_.get(); }
  bool has_looked() const noexcept override { return doubtful_ < 0; }
  bool wants_nonblocking() const noexcept override { return true; }
  std::string describe() const override { return "epoll (" + reason_ + ")"; }

 private:
  enum class filling : std::uint8_t { unknown, looks_empty, empty };

  struct slot {
    io_request* in = nullptr;
    io_request* out = nullptr;
    std::uint32_t generation = 0;
    bool registered = false;
    // Of one that is kept:
    bool kept = false;
    bool doubtful = false;  // in the list of those that wait though they only look empty
    filling content = filling::unknown;
    std::uint32_t interest = 0;  // what it is registered for
    std::uint32_t ends = 0;      // what was reported of its end
    int next_doubtful = -1;
  };

  bool is_idle() const noexcept { return first_ == nullptr && completed_ == 0; }

  int sleep(epoll_event* events, int room, std::int64_t timeout_ns) noexcept {
    if (has_pwait2_) {
      timespec ts{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
      int n = ::epoll_pwait2(epoll_.get(), events, room, timeout_ns < 0 ? nullptr : &ts, nullptr);
      // Since Linux 5.11; filters that do not know it answer either.
      if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
      has_pwait2_ = false;
    }
    constexpr std::int64_t longest = 3'600'000;  // milliseconds: the loop just comes round
    std::int64_t ms = timeout_ns < 0 ? -1 : std::min(timeout_ns / 1'000'000 + 1, longest);
    return ::epoll_wait(epoll_.get(), events, room, static_cast<int>(ms));
  }

  // A signal, or a stop of the process: what has happened meanwhile is fetched all the same.
  int after_failure(epoll_event* events, int room) {
    int n = errno == EINTR ? ::epoll_wait(epoll_.get(), events, room, 0) : -1;
    if (n < 0 && errno != EINTR)
      throw std::system_error(errno, std::system_category(), "epoll_wait");
    return n;
  }

  static bool reads(const io_request& r) noexcept {
    return r.kind == io_kind::read || r.kind == io_kind::receive ||
           (r.kind == io_kind::poll && (r.events & (POLLIN | POLLPRI)) != 0);
  }

  void push(io_request& request) noexcept {
    request.next = nullptr;
    if (last_ != nullptr) {
      last_->next = &request;
    } else {
      first_ = &request;
    }
    last_ = &request;
  }

  bool make_slot(int fd) noexcept {
    auto index = static_cast<std::size_t>(fd);
    if (index < slots_.size()) return true;
    try {
      slots_.resize(index + 64);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  slot& slot_of(int fd) noexcept { return slots_[static_cast<std::size_t>(fd)]; }

  bool has_slot(int fd) const noexcept {
    return fd >= 0 && static_cast<std::size_t>(fd) < slots_.size();
  }
  bool is_kept(int fd) noexcept { return has_slot(fd) && slot_of(fd).kept; }

  bool unseat(io_request& request) noexcept {
    if (!has_slot(request.fd)) return false;
    slot& s = slot_of(request.fd);
    bool seated = s.in == &request || s.out == &request;
    if (s.in == &request) s.in = nullptr;
    if (s.out == &request) s.out = nullptr;
    return seated;
  }

  void complete(io_request& request, int result) {
    ++completed_;
    request.active = false;
    request.done(result);
  }

  // Takes the queue as it is now: what `done` starts is tried in the next round.
  void try_started() {
    io_request* request = std::exchange(first_, nullptr);
    last_ = nullptr;
    while (request != nullptr) {
      io_request* next = request->next;
      attempt(*request);
      request = next;
    }
  }

  void attempt(io_request& r) {
    if (r.cancelling) return complete(r, -ECANCELED);
    if (r.kind == io_kind::none) return complete(r, 0);
    int result = is_kept(r.fd) ? attempt_kept(r, slot_of(r.fd)) : attempt_other(r);
    if (result != -EAGAIN) return complete(r, result);
    seat(r);
  }

  int attempt_other(io_request& r) { return r.kind == io_kind::poll ? -EAGAIN : transfer(r); }

  int attempt_kept(io_request& r, slot& s) {
    if (r.kind == io_kind::poll) return poll_now(r);
    if (r.kind == io_kind::write) return transfer(r);
    if (s.content != filling::unknown) return -EAGAIN;
    int result = transfer(r);
    if (result == -EAGAIN) s.content = filling::empty;
    bool room_left = result > 0 && static_cast<std::uint32_t>(result) < r.size;
    if (room_left && s.ends == 0) s.content = filling::looks_empty;
    return result;
  }

  // It shares the registration, whose edges are not meant for it alone.
  static int poll_now(const io_request& r) noexcept {
    pollfd asked{r.fd, static_cast<short>(r.events), 0};
    return ::poll(&asked, 1, 0) == 1 ? asked.revents : -EAGAIN;
  }

  void doubt(slot& s, int fd) noexcept {
    if (s.content != filling::looks_empty || s.doubtful) return;
    s.doubtful = true;
    s.next_doubtful = std::exchange(doubtful_, fd);
  }

  void try_doubtful() {
    int fd = std::exchange(doubtful_, -1);
    while (fd >= 0) {
      slot& s = slot_of(fd);
      fd = std::exchange(s.next_doubtful, -1);
      s.doubtful = false;
      if (!s.kept || s.content != filling::looks_empty) continue;
      s.content = filling::unknown;
      if (s.in == nullptr) continue;
      io_request& waiting = *s.in;
      (void)unseat(waiting);
      push(waiting);
    }
    try_started();
  }

  int transfer(io_request& r) {
    if (may_block_) refuse_to_block(r.fd);
    if (r.kind == io_kind::receive) {
      r.buffer = received_.get();
      r.size = receive_bytes;
    }
    for (;;) {
      ssize_t n = r.kind == io_kind::write ? ::write(r.fd, r.buffer, r.size)
                                           : ::read(r.fd, r.buffer, r.size);
      if (n >= 0) return static_cast<int>(n);
      if (errno != EINTR) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
  }

  void seat(io_request& r) {
    if (r.fd < 0) return complete(r, -EBADF);
    if (!make_slot(r.fd)) return complete(r, -ENOMEM);
    slot& s = slot_of(r.fd);
    bool both = r.kind == io_kind::poll && reads(r) && (r.events & POLLOUT) != 0;
    assert(!reads(r) || s.in == nullptr);
    assert((reads(r) && !both) || s.out == nullptr);
    if (reads(r)) s.in = &r;
    if (!reads(r) || both) s.out = &r;
    int error = s.kept ? watch(s, r.fd) : arm(s, r.fd);
    if (error == 0) return;
    (void)unseat(r);
    // Regular files cannot be polled and are always ready: epoll_ctl(2), EPERM.
    complete(r, error == EPERM && r.kind == io_kind::poll ? static_cast<int>(r.events) : -error);
  }

  static std::uint32_t wanted_by(const io_request* r) noexcept {
    if (r == nullptr) return 0;
    if (r->kind == io_kind::poll) return r->events & askable;
    return r->kind == io_kind::write ? EPOLLOUT : EPOLLIN;
  }

  // What waits there now is waited for.
  int watch(slot& s, int fd) noexcept {
    if (s.in != nullptr) doubt(s, fd);
    std::uint32_t wanted = s.interest | wanted_by(s.in) | wanted_by(s.out);
    if (s.interest != 0 && wanted == s.interest) return 0;
    // The kernel looks at the descriptor when it is asked: nothing that came before is missed.
    int error = set_interest(s, fd, wanted | EPOLLET | EPOLLRDHUP);
    if (error == 0) s.interest = wanted;
    return error;
  }

  int arm(slot& s, int fd) noexcept {
    return set_interest(s, fd, wanted_by(s.in) | wanted_by(s.out) | EPOLLONESHOT);
  }

  int set_interest(slot& s, int fd, std::uint32_t events) noexcept {
    ++s.generation;
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag_of(s, fd);
    // The number may have been closed and reused since: the kernel then forgot the registration.
    int op = s.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int r = ::epoll_ctl(epoll_.get(), op, fd, &event);
    if (r != 0 && errno == ENOENT) r = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    if (r != 0 && errno == EEXIST) r = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
    s.registered = r == 0;
    return r == 0 ? 0 : errno;
  }

  static std::uint64_t tag_of(const slot& s, int fd) noexcept {
    return std::uint64_t{s.generation} << 32 | static_cast<std::uint32_t>(fd);
  }

  void dispatch(const epoll_event& event) {
    if (event.data.u64 == wake_tag) {
      std::uint64_t count = 0;
      (void)!::read(wake_, &count, sizeof count);
      return;
    }
    int fd = static_cast<int>(event.data.u64 & 0xffff'ffff);
    slot& s = slot_of(fd);
    if (tag_of(s, fd) != event.data.u64) return;
    io_request* in = (event.events & (wanted_by(s.in) | always_reported)) != 0 ? s.in : nullptr;
    io_request* out = (event.events & (wanted_by(s.out) | always_reported)) != 0 ? s.out : nullptr;
    if (in != nullptr) (void)unseat(*in);
    if (out != nullptr) (void)unseat(*out);
    if (s.kept) return dispatch_kept(s, in, out, event.events);
    // The registration is used up: who still waits needs another one.
    io_request* rest = s.in != nullptr ? s.in : s.out;
    if (rest != nullptr && arm(s, fd) != 0) push(*rest);
    if (in != nullptr) ready(*in, event.events);
    if (out != nullptr && out != in) ready(*out, event.events);
  }

  // An edge says that something has changed: each request that waits for it looks.
  void dispatch_kept(slot& s, io_request* in, io_request* out, std::uint32_t events) noexcept {
    if ((events & ~std::uint32_t{EPOLLOUT}) != 0) s.content = filling::unknown;
    s.ends |= events & (always_reported | EPOLLRDHUP);
    if (in != nullptr) push(*in);
    if (out != nullptr && out != in) push(*out);
  }

  void ready(io_request& r, std::uint32_t events) {
    if (r.kind == io_kind::poll) {
      complete(r, static_cast<int>(events & (r.events | always_reported)));
    } else {
      push(r);
    }
  }

  std::string reason_;
  int wake_;
  bool may_block_;
  unique_fd epoll_;
  std::vector<slot> slots_;
  const std::unique_ptr<char[]> received_ = std::make_unique_for_overwrite<char[]>(receive_bytes);
  io_request* first_ = nullptr;
  io_request* last_ = nullptr;
  unsigned completed_ = 0;
  unsigned waits_ = 0;
  int doubtful_ = -1;  // the first of a list of descriptors
  bool has_pwait2_ = true;
};

}  // namespace

std::unique_ptr<backend> make_epoll_backend(std::string reason, int wake, opened how) {
  return std::make_unique<epoll_backend>(std::move(reason), wake, how);
}

}  // namespace execo::detail
