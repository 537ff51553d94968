// The guard of commands: a program of a few pages, without a library, that waits beside a program
// that uses execo and kills the commands of that one when it is gone.
#include <fcntl.h>
#include <linux/time_types.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/guard_table.hpp"
#include "base/listed_process.hpp"

namespace execo::detail {
namespace {

// A process that exits closes its descriptors first and then is gone, after a while if it was
// large. One that executes another program closes them, too, and stays.
constexpr long exit_seconds = 60;
// Processes of a session may fork while they are looked for.
constexpr int max_looks = 100;

[[noreturn]] void leave() {
  for (;;) (void)call(SYS_exit_group, 0);
}

// Nobody's child: its program may wait for all that it has.
void leave_family() {
  unsigned long all = ~0UL;
  (void)call(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0L, sizeof all);
  if (call(SYS_clone, SIGCHLD, 0L, 0L, 0L) != 0) leave();
  (void)call(SYS_setpgid, 0, 0);
  (void)call(SYS_prctl, PR_SET_NAME, "execo-guard");
}

/// False when there is nothing to kill: all were ended, or the program is another one now.
bool wait_for_end() {
  pollfd either[2];
  either[0].fd = guard_owner_fd;
  either[1].fd = guard_alive_fd;
  either[0].events = either[1].events = POLLIN;
  either[0].revents = either[1].revents = 0;
  __kernel_timespec limit;
  limit.tv_sec = exit_seconds;
  limit.tv_nsec = 0;
  bool closed = false;
  for (;;) {
    long ready = call(SYS_ppoll, either, closed ? 1 : 2, closed ? &limit : nullptr, 0L);
    if (ready == 0) return false;
    if (ready < 0) continue;
    if (either[0].revents != 0) return true;
    char byte = 0;
    if (call(SYS_read, guard_alive_fd, &byte, 1) == 1) return false;
    closed = true;
  }
}

void kill_session(long session) {
  long proc = call(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return;
  for (int look = 0; look < max_looks; ++look)
    if (kill_listed_with(static_cast<int>(proc), stat_field::session, session) == 0) break;
  (void)call(SYS_close, proc);
}

void kill_command(guard_slot one) {
  auto pid = static_cast<long>(one & 0xffffffffU);
  auto reach = static_cast<guarded>(one >> 32);
  if (pid <= 1) return;
  if (reach != guarded::process) (void)call(SYS_kill, -pid, SIGKILL);
  (void)call(SYS_kill, pid, SIGKILL);
  if (reach == guarded::session) kill_session(pid);
}

void kill_commands() {
  guard_slot part[256];
  std::uint64_t left = 0;
  if (call(SYS_read, guard_table_fd, &left, sizeof left) != sizeof left) return;
  while (left > 0) {
    long size = call(SYS_read, guard_table_fd, part, sizeof part);
    if (size <= 0) return;
    for (long i = 0; i < size / static_cast<long>(sizeof part[0]) && left > 0; ++i, --left)
      kill_command(part[i]);
  }
}

}  // namespace
}  // namespace execo::detail

// The kernel enters here, not as a call does.
extern "C" {
#if defined(__x86_64__)
[[noreturn, gnu::force_align_arg_pointer]] void _start() {
#else
[[noreturn]] void _start() {
#endif
  using namespace execo::detail;
  leave_family();
  if (wait_for_end()) kill_commands();
  leave();
}
}
