// The compilers that this library is for. Included before anything that an older one stumbles over.
#pragma once

#if defined(__clang__)
#if !defined(__apple_build_version__) && __clang_major__ < 17
#error "execo needs clang 17 or later, or GCC 12 or later: this clang is too old for its coroutines"
#endif
#elif defined(__GNUC__)
#if __GNUC__ < 12
#error "execo needs GCC 12 or later, or clang 17 or later: this GCC is too old for its coroutines"
#endif
#endif
#if __cplusplus < 202002L
#error "execo needs C++20: compile with -std=c++20"
#endif

// A deleted function that says why, in the error itself where the compiler can; a parameter type
// named after the cure says it elsewhere.
#if defined(__clang__) && __clang_major__ >= 19
#define EXECO_DELETED(reason)                                                                   \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wc++26-extensions\"") = \
      delete (reason);                                                                          \
  _Pragma("clang diagnostic pop") static_assert(true)
#else
#define EXECO_DELETED(reason) = delete
#endif

namespace execo::detail {

/// Stands in the signature of deleted copies, where a compiler prints it.
struct moved_only_so_pass_it_with_std_move {};

}  // namespace execo::detail
