// Which sanitizer this build has: GCC says so in macros, clang through __has_feature.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define EXECO_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXECO_TEST_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define EXECO_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EXECO_TEST_TSAN 1
#endif
#endif

namespace execo::test {

#ifdef EXECO_TEST_ASAN
constexpr bool address_sanitizer = true;
#else
constexpr bool address_sanitizer = false;
#endif

#ifdef EXECO_TEST_TSAN
constexpr bool thread_sanitizer = true;
#else
constexpr bool thread_sanitizer = false;
#endif

}  // namespace execo::test
