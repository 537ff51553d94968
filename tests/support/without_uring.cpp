// without_uring EPERM|ENOSYS COMMAND...: runs the command where io_uring is denied, as container
// runtimes (EPERM) and kernels without it (ENOSYS) do. The filter is inherited by all that the
// command starts.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

bool deny_uring(int error) {
  const auto deny = SECCOMP_RET_ERRNO | static_cast<unsigned>(error);
  static_assert(SYS_io_uring_enter == SYS_io_uring_setup + 1);
  static_assert(SYS_io_uring_register == SYS_io_uring_setup + 2);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, deny),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(sizeof filter / sizeof filter[0]), filter};
  // Root needs no promise about privileges, and a server among the tests may want to change them.
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return true;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int fail(const char* what) {
  fprintf(stderr, "without_uring: %s: %s\n", what, strerror(errno));
  return 126;
}

}  // namespace

int main(int argc, char** argv) {
  int error = 0;
  if (argc > 2 && strcmp(argv[1], "EPERM") == 0) error = EPERM;
  if (argc > 2 && strcmp(argv[1], "ENOSYS") == 0) error = ENOSYS;
  if (error == 0) {
    fputs("usage: without_uring EPERM|ENOSYS COMMAND...\n", stderr);
    return 126;
  }
  if (!deny_uring(error)) return fail("seccomp");
  execvp(argv[2], argv + 2);
  return fail(argv[2]);
}
