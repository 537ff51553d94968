// In a file of its own: the compiler must not look through a call of new to malloc.
#include "memory/failing_new.hpp"

#include <cstdlib>
#include <new>

namespace execo::test {
constinit std::atomic<long> until_failure{0};
constinit std::atomic<bool> has_failed{false};
}  // namespace execo::test

namespace {

using execo::test::has_failed;
using execo::test::until_failure;

bool fails_now() noexcept {
  bool now = until_failure.load(std::memory_order_relaxed) > 0 &&
             until_failure.fetch_sub(1, std::memory_order_relaxed) == 1;
  if (now) has_failed = true;
  return now;
}

}  // namespace

void* operator new(std::size_t size) {
  void* memory = fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
  return ::operator new(size, none);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
