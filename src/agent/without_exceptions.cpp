// The agent catches nothing, and its keeper ends what it leaves. What the libraries have to throw,
// unwind and print exceptions takes 70 KB of each copy of it: here is what they call instead.
#include <cstdlib>
#include <new>
#include <string>

namespace {

[[noreturn]] void end_at_once() noexcept { std::abort(); }

void* allocated(std::size_t size) noexcept {
  void* bytes = std::malloc(size == 0 ? 1 : size);
  if (bytes == nullptr) end_at_once();
  return bytes;
}

}  // namespace

void* operator new(std::size_t size) { return allocated(size); }
void* operator new[](std::size_t size) { return allocated(size); }
void operator delete(void* bytes) noexcept { std::free(bytes); }
void operator delete[](void* bytes) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { std::free(bytes); }
void operator delete[](void* bytes, std::size_t) noexcept { std::free(bytes); }

// A library that has one more of them brings its own in: these give way.
#define EXECO_AGENT_INSTEAD [[gnu::weak]]

// What the C library says before it ends: with it come its messages in all languages.
extern "C" {
[[noreturn]] EXECO_AGENT_INSTEAD void __assert_fail(const char*, const char*, unsigned,
                                                    const char*) noexcept {
  end_at_once();
}

// What it calls where a thread is cancelled in the middle of its functions. None is here.
[[noreturn]] EXECO_AGENT_INSTEAD void _Unwind_Resume(void*) { end_at_once(); }
[[noreturn]] EXECO_AGENT_INSTEAD int __gcc_personality_v0() { end_at_once(); }
}

// Those that libstdc++ has in one file.
namespace std {
EXECO_AGENT_INSTEAD void __throw_bad_exception() { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_bad_alloc() { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_bad_array_new_length() { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_bad_cast() { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_bad_typeid() { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_logic_error(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_domain_error(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_invalid_argument(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_length_error(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_out_of_range(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_out_of_range_fmt(const char*, ...) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_runtime_error(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_range_error(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_overflow_error(const char*) { end_at_once(); }
EXECO_AGENT_INSTEAD void __throw_underflow_error(const char*) { end_at_once(); }
}  // namespace std
