/// qt_host: a context as a guest of a Qt event loop (Qt 5 or 6), both on one thread.
#pragma once

#include <QCoreApplication>
#include <QEvent>
#include <QSocketNotifier>

#include "execo/context.hpp"

namespace execo {

/// Drives a context from the event loop of a Qt thread, as a guest that never blocks it: polls it
/// when its handle is readable and when its next deadline is due. An operation runs on the guest
/// when it names it: `start(guest, op, callback)`, `p.on(guest)`.
///
/// Pre: made on a thread with a Qt event loop, after its application; both are used from that
/// thread, and the guest outlives this. Not destroyed by what runs on the guest: close() is for
/// that.
class qt_host {
 public:
  /// Throws: std::system_error when the guest has no handle left for it.
  explicit qt_host(context& guest) : watch_(guest) {}
  qt_host(const qt_host&) = delete;
  qt_host& operator=(const qt_host&) = delete;

  /// Lets go of the guest, which is not driven then.
  void close() { watch_.close(); }

 private:
  // By events: without signals it needs no meta-object compiler.
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
