// The monitor is a copy of a process of several threads, made at any moment: see raw_child.cpp for
// what it may do. The bytes on its socket: one from it when the command runs and one when that has
// ended; may_reap and end_all to it.
#include "process/monitor_process.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/time_types.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/listed_process.hpp"

namespace execo::detail {
namespace {

// Who cannot be killed, in the kernel or because it is another user's, is left after so long.
constexpr long max_report_seconds = 10;
// Between two looks for children, when no end of one comes before.
constexpr long pause_nanoseconds = 50'000'000;

struct watch {
  monitor_page* page;
  int socket;
  int owner;
  int children;  // SIGCHLD, as a descriptor
  int proc;
  bool may_reap;
  bool ending;
  long give_up;  // in seconds of the monotonic clock; 0: not ending yet
};

EXECO_UNINSTRUMENTED long now_in_seconds() {
  __kernel_timespec now;
  (void)call(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return static_cast<long>(now.tv_sec);
}

EXECO_UNINSTRUMENTED void set_up(watch& w) {
  child_frame& frame = w.page->frame;
  // What a terminal sends to our group is not for it, and KILL to our group is not, either.
  (void)call(SYS_setpgid, 0, 0);
  unsigned long all = ~0UL;
  (void)call(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0L, sizeof all);
  // Where SIGCHLD is ignored nothing is there to be reaped.
  reset_dispositions();
  (void)call(SYS_prctl, PR_SET_NAME, "execo-monitor");
  long r = call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
  if (r < 0) fail_child(frame, "become a subreaper", "", r);
  r = call(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (r < 0) fail_child(frame, "open", "/proc for a monitor", r);
  w.proc = static_cast<int>(r);
  unsigned long child = 1UL << (SIGCHLD - 1);
  r = call(SYS_signalfd4, -1, &child, sizeof child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (r < 0) fail_child(frame, "signalfd", "for a monitor", r);
  w.children = static_cast<int>(r);
}

EXECO_UNINSTRUMENTED void start_command(watch& w) {
  child_frame& frame = w.page->frame;
  long pid = clone_child(*w.page->command_plan, &child_main, &frame);
  if (pid < 0) fail_child(frame, "clone", "", pid);
  w.page->command = static_cast<pid_t>(pid);
  if (frame.error == 0) return;
  (void)call(SYS_wait4, pid, 0L, 0L, 0L);
  call(SYS_exit, 127);
  __builtin_unreachable();
}

EXECO_UNINSTRUMENTED void close_between(unsigned first, unsigned last) {
  if (first > last || call(SYS_close_range, first, last, 0) == 0) return;
  // Before Linux 5.9: a pipe that this process kept open would have no end.
  std::uint64_t limit[2];
  if (call(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, 0L, limit) != 0) return;
  for (std::uint64_t fd = first; fd <= last && fd < limit[0]; ++fd) (void)call(SYS_close, fd);
}

EXECO_UNINSTRUMENTED void close_others(const watch& w) {
  int kept[4];
  kept[0] = w.socket;
  kept[1] = w.owner;
  kept[2] = w.children;
  kept[3] = w.proc;
  unsigned next = 0;
  for (;;) {
    unsigned lowest = ~0U;
    for (int fd : kept) {
      auto number = static_cast<unsigned>(fd);
      if (number >= next && number < lowest) lowest = number;
    }
    if (lowest == ~0U) break;
    if (lowest > 0) close_between(next, lowest - 1);
    next = lowest + 1;
  }
  close_between(next, ~0U);
}

// Around what the kernel has sealed, in halves.
EXECO_UNINSTRUMENTED void unmap(long begin, long end, long page) {
  if (begin >= end || call(SYS_munmap, begin, end - begin) != -EPERM || end - begin <= page) return;
  long middle = begin + ((end - begin) / 2 & -page);
  unmap(begin, middle, page);
  unmap(middle, end, page);
}

// A copy that stays would cost its original a page for each one that is written to.
EXECO_UNINSTRUMENTED void release_memory(const monitor_page& shared) {
  long page = shared.page_size;
  if (page == 0) return;
  long next = 0;
  for (const kept_range& one : shared.kept) {
    unmap(next, one.begin, page);
    if (one.end > next) next = one.end;
  }
  // The end of the address space: beyond it not even nothing can be unmapped.
  for (int bits = 56; bits > 32; --bits) {
    long end = (1L << bits) - page;
    if (end > next && call(SYS_munmap, end - page, page) == 0) return unmap(next, end, page);
  }
}

EXECO_UNINSTRUMENTED void notify(const watch& w, unsigned state) {
  __atomic_store_n(&w.page->state, state, __ATOMIC_RELEASE);
  char byte = 1;
  (void)call(SYS_write, w.socket, &byte, 1);
}

/// False when there is no child any more.
EXECO_UNINSTRUMENTED bool reap(watch& w) {
  if (!w.may_reap) return true;
  monitor_page& page = *w.page;
  for (;;) {
    int status = 0;
    rusage usage;
    long pid = call(SYS_wait4, -1, &status, WNOHANG | __WALL, &usage);
    if (pid == -ECHILD) return false;
    if (pid <= 0) return true;
    if (pid != page.command) {
      bool killed = w.give_up != 0 && (status & 0x7f) == SIGKILL;
      if (killed) __atomic_store_n(&page.ended, page.ended + 1, __ATOMIC_RELAXED);
      continue;
    }
    auto* from = reinterpret_cast<const volatile char*>(&usage);
    auto* to = reinterpret_cast<volatile char*>(&page.usage);
    for (std::size_t i = 0; i < sizeof usage; ++i) to[i] = from[i];
    page.status = status;
    notify(w, command_ended);
    w.ending = true;
  }
}

/// False if this kernel keeps no such list.
EXECO_UNINSTRUMENTED bool kill_listed(const watch& w) {
  long list = call(SYS_openat, w.proc, "thread-self/children", O_RDONLY | O_CLOEXEC);
  if (list < 0) return false;
  char text[1024];
  long pid = 0;
  for (long size; (size = call(SYS_read, list, text, sizeof text)) > 0;) {
    for (long i = 0; i < size; ++i) {
      if (text[i] >= '0' && text[i] <= '9') {
        pid = pid * 10 + (text[i] - '0');
      } else if (pid != 0) {
        (void)call(SYS_kill, pid, SIGKILL);
        pid = 0;
      }
    }
  }
  if (pid != 0) (void)call(SYS_kill, pid, SIGKILL);
  (void)call(SYS_close, list);
  return true;
}

EXECO_UNINSTRUMENTED void read_message(watch& w) {
  char bytes[16];
  long size = call(SYS_read, w.socket, bytes, sizeof bytes);
  bool closed = size == 0 || (size < 0 && size != -EINTR);
  for (long i = 0; i < size; ++i) {
    if (bytes[i] == may_reap) w.may_reap = true;
    if (bytes[i] == end_all) w.may_reap = w.ending = true;
  }
  if (!closed) return;
  w.may_reap = w.ending = true;
  (void)call(SYS_close, w.socket);
  w.socket = -1;
}

EXECO_UNINSTRUMENTED void wait_for_change(watch& w) {
  pollfd any[3];
  any[0].fd = w.socket;
  any[1].fd = w.owner;
  any[2].fd = w.children;
  for (pollfd& one : any) {
    one.events = POLLIN;
    one.revents = 0;
  }
  __kernel_timespec pause;
  pause.tv_sec = 0;
  pause.tv_nsec = pause_nanoseconds;
  if (call(SYS_ppoll, any, 3, w.ending ? &pause : nullptr, 0L) <= 0) return;
  if (any[0].revents != 0) read_message(w);
  if (any[1].revents != 0) {
    w.may_reap = w.ending = true;
    w.owner = -1;
  }
  signalfd_siginfo unused;
  if (any[2].revents != 0) (void)call(SYS_read, w.children, &unused, sizeof unused);
}

}  // namespace

EXECO_UNINSTRUMENTED void monitor_main(void* shared) {
  watch w;
  w.page = static_cast<monitor_page*>(shared);
  w.socket = w.page->socket;
  w.owner = w.page->owner;
  w.may_reap = w.ending = false;
  w.give_up = 0;
  set_up(w);
  start_command(w);
  close_others(w);
  (void)call(SYS_chdir, "/");
  notify(w, command_runs);
  release_memory(*w.page);
  while (reap(w)) {
    if (w.ending) {
      long now = now_in_seconds();
      if (w.give_up == 0) w.give_up = now + max_report_seconds;
      if (now > w.give_up) break;
      // Their numbers cannot become others': only this process reaps them.
      if (!kill_listed(w)) (void)kill_listed_with(w.proc, stat_field::parent, call(SYS_getpid));
    }
    wait_for_change(w);
  }
  call(SYS_exit, 0);
  __builtin_unreachable();
}

}  // namespace execo::detail
