/// asio_host: a context as a guest of an io_context, both on one thread.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "execo/context.hpp"
#include "execo/interop/asio_config.hpp"

#if defined(EXECO_USE_BOOST_ASIO)
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#else
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#endif

namespace execo {
inline namespace EXECO_ASIO_ADAPTERS {

/// Drives a context as a guest of an Asio executor, which it never blocks: polls it when its handle
/// is readable and when its next deadline is due. To run an operation on the guest, name it:
/// `async_await(guest, op, token)`, `start(guest, op, callback)`, `p.on(guest)`.
///
/// Until close() the executor has outstanding work, since it waits for the guest's
/// descriptor.
/// Pre: one thread runs the executor; both are used from that thread, and the guest outlives this.
class asio_host {
 public:
  /// Throws: Asio's system_error when the handle cannot be watched.
  asio_host(net::any_io_executor where, context& guest)
      : state_(std::make_shared<state>(std::move(where), guest)) {
    state_->watch();
    state_->pump_soon();
  }
  asio_host(const asio_host&) = delete;
  asio_host& operator=(const asio_host&) = delete;
  ~asio_host() { close(); }

  /// Detaches the guest, which is then no longer driven, and releases the executor.
  void close() noexcept { state_->close(); }

 private:
  class state : public std::enable_shared_from_this<state> {
   public:
    state(net::any_io_executor where, context& guest)
        : guest_(guest), handle_(where, guest.native_handle()), timer_(where) {}
    ~state() { close(); }

    void watch() {
      handle_.async_wait(net::posix::stream_descriptor::wait_read,
                         [self = this->shared_from_this()](net_error_code error) {
                           if (error || self->closed_) return;
                           self->pump();
                           if (!self->closed_) self->watch();
                         });
    }

    void pump_soon() {
      if (pumping_) return;
      pumping_ = true;
      net::post(timer_.get_executor(), [self = this->shared_from_this()] {
        self->pumping_ = false;
        if (!self->closed_) self->pump();
      });
    }

    void close() noexcept {
      if (closed_) return;
      closed_ = true;
      // The descriptor is the guest's.
      handle_.release();
      timer_.cancel();
    }

   private:
    void pump() {
      guest_.poll();
      if (closed_) return;
      const int wait = guest_.poll_timeout();
      if (wait == 0) pump_soon();
      if (wait > 0) arm(std::chrono::milliseconds(wait));
    }

    // A timer that expires too early costs one poll: what is due sooner stays armed.
    void arm(std::chrono::milliseconds wait) {
      const auto due = std::chrono::steady_clock::now() + wait;
      if (armed_ && timer_.expiry() <= due) return;
      armed_ = true;
      timer_.expires_at(due);
      timer_.async_wait([self = this->shared_from_this()](net_error_code error) {
        if (error || self->closed_) return;
        self->armed_ = false;
        self->pump();
      });
    }

    context& guest_;
    net::posix::stream_descriptor handle_;
    net::steady_timer timer_;
    bool armed_ = false;
    bool pumping_ = false;
    bool closed_ = false;
  };

  std::shared_ptr<state> state_;
};

}  // namespace EXECO_ASIO_ADAPTERS
}  // namespace execo
