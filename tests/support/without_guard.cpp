// without_guard COMMAND...: runs the command where there can be no guard of commands, since there
// is no memfd, as on hardened machines.
#include <sys/syscall.h>

#include "deny_calls.hpp"

int main(int argc, char** argv) {
  if (argc < 2) {
    fputs("usage: without_guard COMMAND...\n", stderr);
    return 126;
  }
  return execo::test::run_without_calls(SYS_memfd_create, SYS_memfd_create, ENOSYS, argv + 1);
}
