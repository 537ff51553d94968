/// uv_host: a context as a guest of a libuv loop, both on one thread.
#pragma once

#include <uv.h>

#include <cstdint>
#include <system_error>

#include "execo/context.hpp"

namespace execo {

/// Drives a context as a guest of a uv_loop_t, which it never blocks: polls it when its handle is
/// readable and when its next deadline is due. To run an operation on the guest, name it:
/// `start(guest, op, callback)`, `p.on(guest)`.
///
/// Until close() it keeps the loop alive, since it waits for the guest's descriptor. After close()
/// the loop must run once more, before uv_loop_close().
/// Pre: both are used from the loop's thread, and the guest outlives this.
class uv_host {
 public:
  /// Throws: std::system_error when the guest's handle cannot be watched.
  uv_host(uv_loop_t& loop, context& guest) : state_(new state(guest)) {
    int failed = uv_poll_init(&loop, &state_->handle, guest.native_handle());
    if (failed != 0) {
      delete state_;
      throw std::system_error(-failed, std::system_category(), "uv_poll_init");
    }
    uv_timer_init(&loop, &state_->timer);
    state_->handle.data = state_->timer.data = state_;
    uv_poll_start(&state_->handle, UV_READABLE,
                  [](uv_poll_t* h, int, int) { static_cast<state*>(h->data)->pump(); });
    state_->pump_in(0);
  }
  uv_host(const uv_host&) = delete;
  uv_host& operator=(const uv_host&) = delete;
  ~uv_host() { close(); }

  /// Detaches the guest, which is then no longer driven, and releases the loop. May be called on
  /// the guest.
  void close() noexcept {
    if (state_ != nullptr) state_->close();
    state_ = nullptr;
  }

 private:
  // libuv frees handles later: they live on the heap until it has released both.
  struct state {
    explicit state(context& c) noexcept : guest(c) {}

    void pump() {
      guest.poll();
      if (closed) return;
      const int wait = guest.poll_timeout();
      if (wait < 0) {
        uv_timer_stop(&timer);
      } else {
        pump_in(static_cast<std::uint64_t>(wait));
      }
    }
    void pump_in(std::uint64_t milliseconds) {
      uv_timer_start(
          &timer, [](uv_timer_t* t) { static_cast<state*>(t->data)->pump(); }, milliseconds, 0);
    }
    void close() noexcept {
      closed = true;
      auto let_go = [](uv_handle_t* h) {
        auto* self = static_cast<state*>(h->data);
        if (--self->open == 0) delete self;
      };
      uv_close(reinterpret_cast<uv_handle_t*>(&handle), let_go);
      uv_close(reinterpret_cast<uv_handle_t*>(&timer), let_go);
    }

    context& guest;
    uv_poll_t handle{};
    uv_timer_t timer{};
    int open = 2;
    bool closed = false;
  };
  state* state_;
};

}  // namespace execo
