// A child runs in the memory of its parent on a stack of its own until it executes (CLONE_VM |
// CLONE_VFORK), or in a copy of it that may have been made in the middle of anything. So it makes
// raw system calls only: no allocation, no lock, no errno (which is the parent thread's), and no
// sanitizer instrumentation.
#include "process/raw_child.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

namespace execo::detail {

#if defined(__x86_64__)

// clone3 or clone. The child starts on its own empty stack, so it cannot return from here: it calls
// `child`.
EXECO_UNINSTRUMENTED long raw_clone(long number, long a, long b, long c, void (*child)(void*),
                                    void* frame) {
  long result;
  register long r10 __asm__("r10") = 0;
  register long r8 __asm__("r8") = 0;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %[frame], %%rdi\n\t"
      "call *%[child]\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
        "r"(r8), [child] "r"(child), [frame] "r"(frame)
      : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

EXECO_UNINSTRUMENTED long raw_clone(long number, long a, long b, long c, void (*child)(void*),
                                    void* frame) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = 0;
  register void (*x5)(void*) __asm__("x5") = child;
  register void* x6 __asm__("x6") = frame;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x6\n\t"
      "blr x5\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x6)
      : "x30", "memory");
  return x0;
}

#else
#error "execo spawns with clone3 by hand: this architecture needs its few lines of assembly"
#endif

EXECO_UNINSTRUMENTED void fail_child(child_frame& frame, const char* step, const char* object,
                                     long result) {
  // The number may be another's as soon as this one is reaped.
  guard_slot* known = frame.settings->guard;
  if (known != nullptr) __atomic_store_n(known, guard_slot{0}, __ATOMIC_RELEASE);
  frame.error = static_cast<int>(-result);
  frame.step = step;
  frame.object = object;
  call(SYS_exit, 127);
  __builtin_unreachable();
}

// What the kernel calls sigaction: not the C library's layout.
struct kernel_sigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  unsigned long mask;
};

EXECO_UNINSTRUMENTED void reset_dispositions() {
  // CLONE_CLEAR_SIGHAND resets handlers, where there is clone3; an ignored signal stays ignored
  // through it and execve.
  kernel_sigaction by_default;
  by_default.handler = nullptr;
  by_default.flags = 0;
  by_default.restorer = nullptr;
  by_default.mask = 0;
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    (void)call(SYS_rt_sigaction, signal, &by_default, 0L, sizeof(unsigned long));
  }
}

namespace {

// The guard kills who is known when our parent is gone; who comes to be known later sees that
// itself. 0: a parent outside of our namespace of processes, of which no more is seen.
EXECO_UNINSTRUMENTED void end_with_parent(child_frame& frame) {
  long parent = call(SYS_getppid);
  if (parent == frame.parent || parent == 0) return;
  call(SYS_exit, 127);
  __builtin_unreachable();
}

EXECO_UNINSTRUMENTED void enter_guard(child_frame& frame) {
  const child_settings& settings = *frame.settings;
  if (settings.guard == nullptr) return;
  auto pid = static_cast<guard_slot>(call(SYS_getpid));
  guard_slot known = (static_cast<guard_slot>(settings.reach) << 32) | pid;
  __atomic_store_n(settings.guard, known, __ATOMIC_SEQ_CST);
  end_with_parent(frame);
}

// After the identity, whose change would undo it.
EXECO_UNINSTRUMENTED void follow_starter(child_frame& frame) {
  if (!frame.settings->dies_with_its_starter) return;
  (void)call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  end_with_parent(frame);
}

// Before the descriptors are placed, which may take that number, and before the identity changes:
// who may not enter a directory may still be in it.
EXECO_UNINSTRUMENTED void enter_start(child_frame& frame) {
  long r = 0;
  if (frame.start_descriptor >= 0) {
    r = call(SYS_fchdir, frame.start_descriptor);
  } else if (frame.start_path != nullptr) {
    r = call(SYS_chdir, frame.start_path);
  }
  if (r < 0) fail_child(frame, "enter the directory of the start", "", r);
}

EXECO_UNINSTRUMENTED void place_descriptors(child_frame& frame) {
  // A source that is itself a target would be overwritten, or keep its close-on-exec flag: such
  // sources move out of the way first.
  int highest = frame.places[frame.place_count - 1].target;
  for (std::size_t i = 0; i < frame.place_count; ++i) {
    placed_descriptor& place = frame.places[i];
    if (place.source > highest) continue;
    long moved = call(SYS_fcntl, place.source, F_DUPFD_CLOEXEC, highest + 1);
    if (moved < 0) fail_child(frame, "dup", place.name, moved);
    place.source = static_cast<int>(moved);
  }
  // What is between the targets and behind them: descriptors that other libraries opened without
  // O_CLOEXEC; old kernels lack the call (5.11).
  unsigned next = 0;
  for (std::size_t i = 0; i < frame.place_count; ++i) {
    const placed_descriptor& place = frame.places[i];
    auto target = static_cast<unsigned>(place.target);
    if (target > next) (void)call(SYS_close_range, next, target - 1, CLOSE_RANGE_CLOEXEC);
    next = target + 1;
    long r = call(SYS_dup3, place.source, place.target, 0);
    if (r < 0) fail_child(frame, "dup3", place.name, r);
  }
  (void)call(SYS_close_range, next, ~0U, CLOSE_RANGE_CLOEXEC);
}

EXECO_UNINSTRUMENTED void join_group(child_frame& frame) {
  const child_settings& settings = *frame.settings;
  if (settings.new_session) {
    long r = call(SYS_setsid);
    if (r < 0) fail_child(frame, "setsid", "", r);
  } else {
    long r = call(SYS_setpgid, 0, settings.process_group);
    if (r < 0) fail_child(frame, "setpgid", "", r);
  }
}

// Limits and niceness while we may still raise them; then the identity, the user last.
EXECO_UNINSTRUMENTED void apply_settings(child_frame& frame) {
  const child_settings& settings = *frame.settings;
  const placed_limit* limits = frame.limits;
  for (std::size_t i = 0; i < frame.limit_count; ++i) {
    long r = call(SYS_prlimit64, 0, limits[i].resource, limits[i].values, 0L);
    if (r < 0) fail_child(frame, "setrlimit", limits[i].name, r);
  }
  if (frame.nice != nullptr) {
    long r = call(SYS_setpriority, 0, 0, *frame.nice);
    if (r < 0) fail_child(frame, "setpriority", "", r);
  }
  if (frame.groups != nullptr) {
    long r = call(SYS_setgroups, frame.group_count, frame.groups);
    if (r < 0) fail_child(frame, "setgroups", "", r);
  }
  if (frame.group != nullptr) {
    long r = call(SYS_setresgid, *frame.group, *frame.group, *frame.group);
    if (r < 0) fail_child(frame, "setgid", frame.group_name, r);
  }
  if (frame.user != nullptr) {
    long r = call(SYS_setresuid, *frame.user, *frame.user, *frame.user);
    if (r < 0) fail_child(frame, "setuid", frame.user_name, r);
  }
  if (frame.umask != nullptr) (void)call(SYS_umask, *frame.umask);
  if (settings.terminal) {
    long r = call(SYS_ioctl, 0, TIOCSCTTY, 0);
    if (r < 0) fail_child(frame, "TIOCSCTTY", "", r);
  }
}

}  // namespace

EXECO_UNINSTRUMENTED void child_main(void* shared) {
  child_frame& frame = *static_cast<child_frame*>(shared);
  join_group(frame);
  enter_guard(frame);
  enter_start(frame);
  place_descriptors(frame);
  apply_settings(frame);
  follow_starter(frame);
  if (frame.directory != nullptr) {
    long r = call(SYS_chdir, frame.directory);
    if (r < 0) fail_child(frame, "chdir", frame.directory, r);
  }
  reset_dispositions();
  unsigned long none = 0;
  (void)call(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0L, sizeof none);
  long error = -ENOENT;
  bool searches = frame.candidates[1] != nullptr;
  const char* failed = frame.argv[0];
  for (const char* const* path = frame.candidates; *path != nullptr; ++path) {
    long r = call(SYS_execve, *path, frame.argv, frame.envp);
    // As execvp(3): a directory without the program, or without access, does not end the search.
    bool search_on = r == -ENOENT || r == -ENOTDIR || r == -EACCES;
    if (!search_on || r == -EACCES || !searches) {
      error = r;
      failed = *path;
    }
    if (!search_on) break;
  }
  fail_child(frame, "execve", failed, error);
}

child_stack::child_stack() noexcept
    : base_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)) {}

child_stack::~child_stack() {
  if (base_ != MAP_FAILED) (void)::munmap(base_, size);
}

clone_plan::clone_plan(long how, const child_stack& stack, int* pidfd, int cgroup) noexcept
    : flags(how), top(reinterpret_cast<long>(stack.base()) + static_cast<long>(child_stack::size)) {
  ::memset(&args, 0, sizeof args);
  args.flags = static_cast<std::uint64_t>(flags) | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<std::uint64_t>(pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<std::uint64_t>(stack.base());
  args.stack_size = child_stack::size;
  if (cgroup < 0) return;
  args.flags |= CLONE_INTO_CGROUP;
  args.cgroup = static_cast<std::uint64_t>(cgroup);
}

EXECO_UNINSTRUMENTED long clone_child(const clone_plan& plan, void (*child)(void*), void* shared) {
  long pid =
      raw_clone(SYS_clone3, reinterpret_cast<long>(&plan.args), sizeof plan.args, 0, child, shared);
  bool only_new = (plan.args.flags & CLONE_INTO_CGROUP) != 0;
  if (only_new || (pid != -ENOSYS && pid != -EPERM && pid != -EINVAL)) return pid;
  // Filters of container runtimes refuse clone3, whose arguments they cannot look into.
  return raw_clone(SYS_clone, plan.flags | SIGCHLD, plan.top, static_cast<long>(plan.args.pidfd),
                   child, shared);
}

}  // namespace execo::detail
