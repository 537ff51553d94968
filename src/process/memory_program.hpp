// A program of ours that is part of the library, to be executed: it needs no file of its own, and
// no folder that may be executed from.
#pragma once

#include "base/fd.hpp"

// Defines NAME and NAME_end, the bytes of a file (a string literal) as the compiler finds it.
// Outside of namespaces, in one source file.
#define EXECO_EMBEDDED_PROGRAM(name, file)                                             \
  __asm__(".pushsection .rodata\n.balign 16\n" #name ":\n.incbin \"" file "\"\n" #name \
          "_end:\n.popsection\n");                                                     \
  extern "C" {                                                                         \
  extern const char name[] __attribute__((visibility("hidden")));                      \
  extern const char name##_end[] __attribute__((visibility("hidden")));                \
  }                                                                                    \
  static_assert(true)

namespace execo::detail {

/// A copy of the program [begin, end) in memory, open for reading. None, with errno set, where
/// memory may not be executed.
unique_fd program_in_memory(const char* name, const char* begin, const char* end) noexcept;

}  // namespace execo::detail
