// The child runs in our memory on a stack of its own until it executes (CLONE_VM | CLONE_VFORK), so
// it may only make raw system calls: no allocation, no lock, no errno (which is the parent
// thread's), and no sanitizer instrumentation. The frame it shares with the parent brings its
// failure back.
#include "process/spawn.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

extern char** environ;

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

#define EXECO_UNINSTRUMENTED \
  __attribute__((no_sanitize("address", "undefined", "thread"), noinline, no_stack_protector))
#if defined(__GNUC__) && !defined(__clang__)
#undef EXECO_UNINSTRUMENTED
#define EXECO_UNINSTRUMENTED                                                              \
  __attribute__((no_sanitize("address"), no_sanitize("undefined"), no_sanitize("thread"), \
                 noinline, no_stack_protector))
#endif

namespace execo::detail {
namespace {

struct child_frame {
  const char* const* candidates;  // at least one path to try, null-terminated
  char* const* argv;
  char* const* envp;
  const char* directory;
  const child_settings* settings;
  placed_descriptor* places;  // targets in order
  std::size_t place_count;
  const placed_limit* limits;
  std::size_t limit_count;
  const gid_t* groups;  // null, as those below: not changed
  std::size_t group_count;
  const gid_t* group;
  const uid_t* user;
  const char* group_name;
  const char* user_name;
  const mode_t* umask;
  const int* nice;
  int error;
  const char* step;
  const char* object;
};

#if defined(__x86_64__)

EXECO_UNINSTRUMENTED long raw_call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}

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

EXECO_UNINSTRUMENTED long raw_call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

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

template <class... A>
EXECO_UNINSTRUMENTED long call(long number, A... args) {
  long a[4] = {0, 0, 0, 0};
  int i = 0;
  ((a[i++] = (long)(args)), ...);
  return raw_call(number, a[0], a[1], a[2], a[3]);
}

EXECO_UNINSTRUMENTED void fail(child_frame& frame, const char* step, const char* object,
                               long result) {
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

EXECO_UNINSTRUMENTED void reset_signals() {
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
  unsigned long none = 0;
  (void)call(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0L, sizeof none);
}

EXECO_UNINSTRUMENTED void place_descriptors(child_frame& frame) {
  // A source that is itself a target would be overwritten, or keep its close-on-exec flag: such
  // sources move out of the way first.
  int highest = frame.places[frame.place_count - 1].target;
  for (std::size_t i = 0; i < frame.place_count; ++i) {
    placed_descriptor& place = frame.places[i];
    if (place.source > highest) continue;
    long moved = call(SYS_fcntl, place.source, F_DUPFD_CLOEXEC, highest + 1);
    if (moved < 0) fail(frame, "dup", place.name, moved);
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
    if (r < 0) fail(frame, "dup3", place.name, r);
  }
  (void)call(SYS_close_range, next, ~0U, CLOSE_RANGE_CLOEXEC);
}

EXECO_UNINSTRUMENTED void join_group(child_frame& frame) {
  const child_settings& settings = *frame.settings;
  if (settings.new_session) {
    long r = call(SYS_setsid);
    if (r < 0) fail(frame, "setsid", "", r);
  } else {
    long r = call(SYS_setpgid, 0, settings.process_group);
    if (r < 0) fail(frame, "setpgid", "", r);
  }
}

// Limits and niceness while we may still raise them; then the identity, the user last.
EXECO_UNINSTRUMENTED void apply_settings(child_frame& frame) {
  const child_settings& settings = *frame.settings;
  const placed_limit* limits = frame.limits;
  for (std::size_t i = 0; i < frame.limit_count; ++i) {
    long r = call(SYS_prlimit64, 0, limits[i].resource, limits[i].values, 0L);
    if (r < 0) fail(frame, "setrlimit", limits[i].name, r);
  }
  if (frame.nice != nullptr) {
    long r = call(SYS_setpriority, 0, 0, *frame.nice);
    if (r < 0) fail(frame, "setpriority", "", r);
  }
  if (frame.groups != nullptr) {
    long r = call(SYS_setgroups, frame.group_count, frame.groups);
    if (r < 0) fail(frame, "setgroups", "", r);
  }
  if (frame.group != nullptr) {
    long r = call(SYS_setresgid, *frame.group, *frame.group, *frame.group);
    if (r < 0) fail(frame, "setgid", frame.group_name, r);
  }
  if (frame.user != nullptr) {
    long r = call(SYS_setresuid, *frame.user, *frame.user, *frame.user);
    if (r < 0) fail(frame, "setuid", frame.user_name, r);
  }
  if (frame.umask != nullptr) (void)call(SYS_umask, *frame.umask);
  if (settings.terminal) {
    long r = call(SYS_ioctl, 0, TIOCSCTTY, 0);
    if (r < 0) fail(frame, "TIOCSCTTY", "", r);
  }
}

EXECO_UNINSTRUMENTED void child_main(void* shared) {
  child_frame& frame = *static_cast<child_frame*>(shared);
  join_group(frame);
  place_descriptors(frame);
  apply_settings(frame);
  if (frame.directory != nullptr) {
    long r = call(SYS_chdir, frame.directory);
    if (r < 0) fail(frame, "chdir", frame.directory, r);
  }
  reset_signals();
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
  fail(frame, "execve", failed, error);
}

/// One stack per thread, kept: the thread stands still while its child uses it.
class child_stack {
 public:
  static constexpr std::size_t size = 64 * 1024;
  child_stack() noexcept
      : base_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)) {}
  ~child_stack() {
    if (base_ != MAP_FAILED) (void)::munmap(base_, size);
  }
  void* base() const noexcept { return base_ == MAP_FAILED ? nullptr : base_; }

 private:
  void* base_;
};

// The pid, or a negative errno.
long clone_child(const child_stack& stack, int& pidfd, child_frame& frame) {
  if (stack.base() == nullptr) return -ENOMEM;
  const child_settings& settings = *frame.settings;
  // While a child of another user shared our memory, that user could look into it.
  long flags = CLONE_VFORK | CLONE_PIDFD | (settings.changes_identity() ? 0 : CLONE_VM);
  clone_args args;
  std::memset(&args, 0, sizeof args);
  args.flags = static_cast<std::uint64_t>(flags) | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<std::uint64_t>(stack.base());
  args.stack_size = child_stack::size;
  if (settings.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(settings.cgroup);
  }
  long pid =
      raw_clone(SYS_clone3, reinterpret_cast<long>(&args), sizeof args, 0, &child_main, &frame);
  if (settings.cgroup >= 0 || (pid != -ENOSYS && pid != -EPERM && pid != -EINVAL)) return pid;
  // Filters of container runtimes refuse clone3, whose arguments they cannot look into.
  return raw_clone(SYS_clone, flags | SIGCHLD,
                   reinterpret_cast<long>(stack.base()) + static_cast<long>(child_stack::size),
                   reinterpret_cast<long>(&pidfd), &child_main, &frame);
}

std::vector<std::string> search_path(const std::string& program, const spawn_request& what) {
  std::vector<std::string> candidates;
  if (program.find('/') != std::string::npos) {
    candidates.push_back(program);
    return candidates;
  }
  const char* path = ::getenv("PATH");
  std::string directories = path != nullptr ? path : "/bin:/usr/bin";
  for (const std::string& variable : what.environment)
    if (variable.starts_with("PATH=")) directories = variable.substr(5);
  std::size_t start = 0;
  for (;;) {
    std::size_t end = directories.find(':', start);
    std::string directory = directories.substr(start, end - start);
    candidates.push_back((directory.empty() ? "." : directory) + "/" + program);
    if (end == std::string::npos) return candidates;
    start = end + 1;
  }
}

std::vector<const char*> pointers(const std::vector<std::string>& strings) {
  std::vector<const char*> list;
  list.reserve(strings.size() + 1);
  for (const std::string& s : strings) list.push_back(s.c_str());
  list.push_back(nullptr);
  return list;
}

/// The frame, in memory that a child without CLONE_VM shares as well.
class frame_memory {
 public:
  explicit frame_memory(bool own_page) noexcept {
    if (!own_page) return;
    page_ = ::mmap(nullptr, sizeof(child_frame), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
  }
  frame_memory(const frame_memory&) = delete;
  frame_memory& operator=(const frame_memory&) = delete;
  ~frame_memory() {
    if (page_ != nullptr && page_ != MAP_FAILED) (void)::munmap(page_, sizeof(child_frame));
  }
  /// Null when there is no memory.
  child_frame* frame() noexcept {
    if (page_ == nullptr) return &local_;
    return page_ == MAP_FAILED ? nullptr : static_cast<child_frame*>(page_);
  }

 private:
  child_frame local_{};
  void* page_ = nullptr;
};

void point_to(child_frame& frame, const child_settings& settings) noexcept {
  frame.settings = &settings;
  frame.limits = settings.limits.data();
  frame.limit_count = settings.limits.size();
  static constexpr gid_t no_group = 0;
  if (settings.groups) {
    frame.group_count = settings.groups->size();
    frame.groups = frame.group_count == 0 ? &no_group : settings.groups->data();
  }
  if (settings.group) frame.group = &*settings.group;
  if (settings.user) frame.user = &*settings.user;
  frame.group_name = settings.group_name.c_str();
  frame.user_name = settings.user_name.c_str();
  if (settings.umask) frame.umask = &*settings.umask;
  if (settings.nice) frame.nice = &*settings.nice;
}

// The child failed and is a zombie or about to be one: it has to be reaped here.
void reap_failed(int pidfd) {
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

}  // namespace

spawn_result spawn(const spawn_request& what) {
  static thread_local child_stack stack;
  spawn_result made;
  std::vector<std::string> candidates = search_path(what.argv.front(), what);
  std::vector<const char*> paths = pointers(candidates);
  std::vector<const char*> argv = pointers(what.argv);
  std::vector<const char*> envp;
  if (!what.inherit_environment) envp = pointers(what.environment);
  std::vector<placed_descriptor> places = what.descriptors;
  std::ranges::sort(places, {}, &placed_descriptor::target);

  frame_memory memory(what.settings.changes_identity());
  if (memory.frame() == nullptr) {
    (void)made.fail("mmap", "", ENOMEM);
    return made;
  }
  child_frame& frame = *memory.frame();
  frame.candidates = paths.data();
  frame.argv = const_cast<char* const*>(argv.data());
  frame.envp = what.inherit_environment ? environ : const_cast<char* const*>(envp.data());
  frame.directory = what.directory.empty() ? nullptr : what.directory.c_str();
  frame.places = places.data();
  frame.place_count = places.size();
  point_to(frame, what.settings);

  int pidfd = -1;
  // A signal that reached the child before its handlers are gone would run them in our memory.
  sigset_t all, before;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  long pid = clone_child(stack, pidfd, frame);
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (pid < 0) {
    int error = static_cast<int>(-pid);
    made.unsupported = what.settings.cgroup >= 0 && error != EAGAIN && error != ENOMEM;
    if (made.unsupported) {
      (void)made.fail("clone into cgroup", what.settings.cgroup_name, error);
    } else {
      (void)made.fail("clone", "", error);
    }
    return made;
  }
  made.pidfd.reset(pidfd);
  if (frame.error != 0) {
    reap_failed(pidfd);
    (void)made.fail(frame.step, frame.object, frame.error);
    made.pidfd.reset();
    return made;
  }
  made.pid = static_cast<pid_t>(pid);
  return made;
}

}  // namespace execo::detail
