// says: execo would ignore the stop of this coroutine: include <execo/interop/stdexec.hpp>
#include <execo/sleep.hpp>

#include <coroutine>

// In the manner of stdexec, without the header that knows its queries.
struct job {
  struct environment {};
  struct promise_type {
    job get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
    std::coroutine_handle<> unhandled_stopped() { return std::noop_coroutine(); }
    environment get_env() const { return {}; }
  };
};

job wait() { co_await execo::sleep(std::chrono::seconds(1)); }
