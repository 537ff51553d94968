// says: else specialise execo::foreign_env
#include <execo/sleep.hpp>

#include <coroutine>

// In the manner of libunifex, whose token only its own query finds.
struct job {
  struct promise_type {
    job get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
    std::coroutine_handle<> unhandled_done() { return std::noop_coroutine(); }
  };
};

job wait() { co_await execo::sleep(std::chrono::seconds(1)); }
