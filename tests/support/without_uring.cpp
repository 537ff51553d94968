// without_uring EPERM|ENOSYS COMMAND...: runs the command where io_uring is denied, as container
// runtimes (EPERM) and kernels without it (ENOSYS) do.
#include <sys/syscall.h>

#include "deny_calls.hpp"

int main(int argc, char** argv) {
  int error = 0;
  if (argc > 2 && strcmp(argv[1], "EPERM") == 0) error = EPERM;
  if (argc > 2 && strcmp(argv[1], "ENOSYS") == 0) error = ENOSYS;
  if (error == 0) {
    fputs("usage: without_uring EPERM|ENOSYS COMMAND...\n", stderr);
    return 126;
  }
  static_assert(SYS_io_uring_enter == SYS_io_uring_setup + 1);
  static_assert(SYS_io_uring_register == SYS_io_uring_setup + 2);
  return execo::test::run_without_calls(SYS_io_uring_setup, SYS_io_uring_register, error, argv + 2);
}
