/// qt_host: a context as a guest of a Qt event loop (Qt 5 or 6), both on one thread.
#pragma once

#include <QCoreApplication>
#include <QEvent>
#include <QSocketNotifier>

#include "execo/context.hpp"

namespace execo {

/// Drives a context as a guest of the event loop of a Qt thread, which it never blocks: polls it
/// when its handle is readable and when its next deadline is due. To run an operation on the guest,
/// name it: `start(guest, op, callback)`, `p.on(guest)`.
///
/// Pre: made on a thread with a Qt event loop, after its application; both are used from that
/// thread, and the guest outlives this. Code that runs on the guest must not destroy it, but may
/// call close().
class qt_host {
 public:
  /// Throws: std::system_error when the guest has no handle left for it.
  explicit qt_host(context& guest) : watch_(guest) {}
  qt_host(const qt_host&) = delete;
  qt_host& operator=(const qt_host&) = delete;

  /// Detaches the guest, which is then no longer driven.
  void close() { watch_.close(); }

 private:
  // With events instead of signals it needs no meta-object compiler.
  class watch final : public QSocketNotifier {
   public:
    explicit watch(context& guest)
        : QSocketNotifier(guest.native_handle(), QSocketNotifier::Read), guest_(guest) {
      pump_in(0);
    }
    void close() {
      closed_ = true;
      setEnabled(false);
      stop_timer();
    }

   protected:
    bool event(QEvent* what) override {
      const bool ours = what->type() == QEvent::SockAct || what->type() == QEvent::Timer;
      if (!ours) return QSocketNotifier::event(what);
      if (!closed_) pump();
      return true;
    }

   private:
    void pump() {
      guest_.poll();
      if (closed_) return;
      const int wait = guest_.poll_timeout();
      if (wait < 0) {
        stop_timer();
      } else {
        pump_in(wait);
      }
    }
    void pump_in(int milliseconds) {
      stop_timer();
      timer_ = startTimer(milliseconds, Qt::PreciseTimer);
    }
    void stop_timer() {
      if (timer_ != 0) killTimer(timer_);
      timer_ = 0;
    }

    context& guest_;
    int timer_ = 0;
    bool closed_ = false;
  };
  watch watch_;
};

}  // namespace execo
