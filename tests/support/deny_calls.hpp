// For programs that run a command line where some system calls are denied. The filter is inherited
// by all that the command starts.
#pragma once

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace execo::test {

/// The calls with these numbers fail with `error`. False, with errno set, if there is no filter.
inline bool deny_calls(unsigned first, unsigned last, int error) {
  const auto deny = SECCOMP_RET_ERRNO | static_cast<unsigned>(error);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, deny),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(sizeof filter / sizeof filter[0]), filter};
  // Root needs no promise about privileges, and a server among the tests may want to change them.
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return true;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// What main() returns if it goes on.
inline int run_without_calls(unsigned first, unsigned last, int error, char** command) {
  const char* failed = "seccomp";
  if (deny_calls(first, last, error)) {
    ::execvp(command[0], command);
    failed = command[0];
  }
  ::fprintf(stderr, "%s: %s\n", failed, ::strerror(errno));
  return 126;
}

}  // namespace execo::test
