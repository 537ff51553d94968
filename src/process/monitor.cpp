#include "process/monitor.hpp"

#include <errno.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <new>

#include "base/signal_mask.hpp"
#include "process/monitor_process.hpp"

// The kernel writes where a thread's restartable sequences are registered, also for a copy of it.
// Weak: the C library that we meet need not be the one we were built with (glibc 2.35).
extern "C" [[gnu::weak]] const std::ptrdiff_t __rseq_offset;

namespace execo::detail {
namespace {

int open_pidfd(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

unsigned state_of(const monitor_page& page) noexcept {
  return __atomic_load_n(&page.state, __ATOMIC_ACQUIRE);
}

int find_our_object(dl_phdr_info* info, std::size_t, void* into) {
  kept_range whole{0, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    auto begin = static_cast<long>(info->dlpi_addr + segment.p_vaddr);
    if (whole.end == 0) whole.begin = begin;
    whole.begin = std::min(whole.begin, begin);
    whole.end = std::max(whole.end, begin + static_cast<long>(segment.p_memsz));
  }
  auto code = reinterpret_cast<long>(&monitor_main);
  if (code < whole.begin || code >= whole.end) return 0;
  *static_cast<kept_range*>(into) = whole;
  return 1;
}

bool has_shadow_stack() noexcept {
#if defined(__x86_64__)
  long top = 0;
  __asm__ volatile("rdsspq %0" : "+r"(top));  // does nothing where there is none
  return top != 0;
#else
  return false;
#endif
}

// What the monitor goes on with: its code, its stack, the page it shares with us, and what the
// kernel writes to.
void keep(monitor_page& page, const child_stack& stack) noexcept {
  static const kept_range code = [] {
    kept_range found{0, 0};
    (void)::dl_iterate_phdr(&find_our_object, &found);
    return found;
  }();
  if (code.end == 0 || has_shadow_stack()) return;
  page.page_size = ::sysconf(_SC_PAGESIZE);
  auto base = reinterpret_cast<long>(stack.base());
  auto shared = reinterpret_cast<long>(&page);
  auto thread = reinterpret_cast<long>(__builtin_thread_pointer());
  if (&__rseq_offset != nullptr) thread += __rseq_offset;
  constexpr long registered_bytes = 1024;  // 32 as yet
  page.kept[0] = code;
  page.kept[1] = kept_range{base, base + static_cast<long>(child_stack::size)};
  page.kept[2] = kept_range{shared, shared + static_cast<long>(sizeof page)};
  page.kept[3] = kept_range{thread, thread + registered_bytes};
  for (kept_range& one : page.kept) {
    one.begin &= -page.page_size;
    one.end = (one.end + page.page_size - 1) & -page.page_size;
  }
  std::ranges::sort(page.kept, {}, &kept_range::begin);
}

}  // namespace

command_monitor::~command_monitor() {
  if (page_ != nullptr) (void)::munmap(page_, sizeof(monitor_page));
}

child_frame* command_monitor::prepare() noexcept {
  void* memory = ::mmap(nullptr, sizeof(monitor_page), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  page_ = ::new (memory) monitor_page();
  return &page_->frame;
}

bool command_monitor::start(const clone_plan& of_command, spawn_result& made) {
  // In addition to that of the command, which the monitor starts while it is on this one.
  static thread_local child_stack stack;
  if (stack.base() == nullptr) return made.fail("mmap", "", ENOMEM);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return made.fail("socketpair", "for a monitor", errno);
  socket_.reset(ends[0]);
  unique_fd theirs(ends[1]);
  // Not the end of the stream: a copy that the application forks meanwhile may keep that away.
  unique_fd ourselves(open_pidfd(::getpid()));
  if (!ourselves) return made.fail("pidfd_open", "for a monitor", errno);
  page_->command_plan = &of_command;
  page_->socket = theirs.get();
  page_->owner = ourselves.get();
  keep(*page_, stack);

  int pidfd = -1;
  clone_plan plan(CLONE_PIDFD, stack, &pidfd, -1);
  long pid = 0;
  {
    signals_blocked meanwhile;
    pid = clone_child(plan, &monitor_main, page_);
  }
  if (pid < 0) return made.fail("clone", "a monitor", static_cast<int>(-pid));
  pid_ = static_cast<pid_t>(pid);
  pidfd_.reset(pidfd);
  theirs.reset();

  if (!wait_for_start()) {
    reap_at_once();
    const child_frame& frame = page_->frame;
    if (frame.error != 0) return made.fail(frame.step, frame.object, frame.error);
    return made.fail("start", "under a monitor that was killed", ECHILD);
  }
  // The number is the command's: until it may, the monitor does not reap.
  made.pidfd.reset(open_pidfd(page_->command));
  int error = errno;
  if (!made.pidfd) {
    end();
    reap_at_once();
    return made.fail("pidfd_open", "", error);
  }
  made.pid = page_->command;
  (void)::send(socket_.get(), &may_reap, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  return true;
}

bool command_monitor::wait_for_start() noexcept {
  pollfd either[2] = {{socket_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}};
  while (::poll(either, 2, -1) < 0) {
  }
  char byte = 0;
  if (either[1].revents == 0 && state_of(*page_) != starting)
    return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) == 1;
  return false;
}

void command_monitor::reap_at_once() noexcept {
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

bool command_monitor::command_ended() const noexcept {
  return state_of(*page_) == detail::command_ended;
}

int command_monitor::status() const noexcept {
  assert(command_ended());
  return page_->status;
}
const rusage& command_monitor::usage() const noexcept {
  assert(command_ended());
  return page_->usage;
}

std::size_t command_monitor::ended_with_it() const noexcept {
  return __atomic_load_n(&page_->ended, __ATOMIC_RELAXED);
}

void command_monitor::end() noexcept {
  (void)::send(socket_.get(), &end_all, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  // One that was stopped would never notice.
  (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGCONT, nullptr, 0);
}

bool command_monitor::reap() noexcept {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0)
    return errno == ECHILD;
  return info.si_pid != 0;
}

}  // namespace execo::detail
