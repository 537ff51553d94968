// The guard of commands: a program of a few pages, without a library, that waits beside a program
// that uses execo. When that one is gone, it kills its commands and removes their directory.
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
// Processes of a session may fork while they are looked for, and one that is being killed may make
// a file meanwhile.
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

void unlink_all(long directory) {
  alignas(directory_entry) char entries[1024];
  (void)call(SYS_lseek, directory, 0, SEEK_SET);
  for (long size; (size = call(SYS_getdents64, directory, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < size;) {
      auto* entry = reinterpret_cast<const directory_entry*>(entries + at);
      at += entry->size;
      (void)call(SYS_unlinkat, directory, entry->name, 0);
    }
  }
}

void remove_directory(const guarded_directory& which) {
  if (which.path[0] != '/') return;
  constexpr int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  long directory = call(SYS_openat, AT_FDCWD, which.path, how);
  if (directory < 0) return;
  for (int look = 0; look < max_looks; ++look) {
    unlink_all(directory);
    if (call(SYS_unlinkat, AT_FDCWD, which.path, AT_REMOVEDIR) == 0) break;
  }
  (void)call(SYS_close, directory);
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
  if (wait_for_end()) {
    guarded_directory directory;
    const bool is_known =
        call(SYS_read, guard_table_fd, &directory, sizeof directory) == sizeof directory;
    kill_commands();
    if (is_known) remove_directory(directory);
  }
  leave();
}
}
