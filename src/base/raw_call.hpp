// System calls without the C library, for code that must not use it: a child before its exec, and
// a program without a C library.
#pragma once

#include <sys/syscall.h>

// Hidden as well: a call through the table of a shared library may enter the dynamic linker.
// With Clang, no_sanitize leaves calls that notify the runtime of each function and each atomic.
#if defined(__clang__)
#define EXECO_UNINSTRUMENTED                                                                       \
  __attribute__((disable_sanitizer_instrumentation, no_sanitize("address", "undefined", "thread"), \
                 noinline, no_stack_protector, visibility("hidden")))
#else
#define EXECO_UNINSTRUMENTED                                                              \
  __attribute__((no_sanitize("address"), no_sanitize("undefined"), no_sanitize("thread"), \
                 noinline, no_stack_protector, visibility("hidden")))
#endif

namespace execo::detail {

#if defined(__x86_64__)

EXECO_UNINSTRUMENTED inline long raw_call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

EXECO_UNINSTRUMENTED inline long raw_call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

#else
#error "execo spawns with clone3 by hand: this architecture needs its few lines of assembly"
#endif

/// The result, or a negative errno.
template <class... A>
EXECO_UNINSTRUMENTED inline long call(long number, A... args) {
  long a[4] = {0, 0, 0, 0};
  int i = 0;
  ((a[i++] = (long)(args)), ...);
  return raw_call(number, a[0], a[1], a[2], a[3]);
}

}  // namespace execo::detail
