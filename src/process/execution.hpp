// What is in progress on one loop: a command now, anything else that ends in a result later.
#pragma once

#include <sys/types.h>

#include <cassert>
#include <memory>
#include <span>
#include <utility>

#include "base/intrusive_ptr.hpp"
#include "execo/detail/end_observer.hpp"
#include "execo/status.hpp"

namespace execo::detail {

/// Sees output as it comes, in addition to the capture.
class output_tap {
 public:
  virtual void on_output(execution& run, stream which, std::span<const char> bytes) = 0;
  /// False: the command may have an output for itself, which then is not seen here.
  virtual bool wants_output() const noexcept { return true; }
  /// The command is about to begin. False: it must not, and is cancelled.
  virtual bool may_begin(execution&) noexcept { return true; }
  /// It entered a phase. `run` means that the command was started; on_running() follows.
  virtual void on_phase(execution&, phase) noexcept {}
  virtual void on_running(execution&) {}
  /// The next step of its escalation, a signal, follows. Called before each step, whether a stop or
  /// a deadline began the escalation. May end its input.
  virtual void on_stopping(execution&) noexcept {}
  /// The result is final, and no observer was notified yet.
  virtual void on_ending(execution&) noexcept {}

 protected:
  ~output_tap() = default;
};

class lifecycle;

class execution : public ref_counted {
 public:
  /// In place of a signal: the steps of the command's stop policy.
  static constexpr int by_policy = -1;

  // -- on the loop's thread -------------------------------------------------------------------
  virtual void start() = 0;
  /// Ends it: by its own policy, or a signal now. The result says `cancelled`.
  virtual void cancel(int signal = by_policy) noexcept = 0;
  /// Sends a signal on behalf of the user; before it runs this cancels.
  virtual void kill(int signal) noexcept = 0;
  /// Back-pressure for a slow tap; without effect on one that is being ended.
  virtual void pause(stream which, bool paused) = 0;
  /// The final result, moved out by its only user.
  virtual result take_result() noexcept = 0;
  /// Pre: not ended.
  void attach(end_observer& observer) noexcept {
    assert(!ended());
    observer.link_before(observers_);
  }
  /// Null: it is no command.
  virtual lifecycle* as_lifecycle() noexcept { return nullptr; }
  void set_tap(output_tap* tap) noexcept { tap_ = tap; }
  /// A tap that lives as long as the run does.
  void set_tap(std::shared_ptr<output_tap> tap) noexcept {
    kept_tap_ = std::move(tap);
    tap_ = kept_tap_.get();
  }
  /// Its owner logs its end, and better.
  void disable_end_log() noexcept { logs_end_ = false; }

  // -- from any thread ------------------------------------------------------------------------
  virtual pid_t pid() const noexcept = 0;
  virtual bool ended() const noexcept = 0;
  /// Its name and start are fixed from on_running() on, all of it from on_ending() on.
  /// Pre: started.
  virtual const result& result_so_far() const noexcept = 0;

 protected:
  /// Pre: something keeps it, since an observer may drop the last other reference.
  void notify_observers() noexcept {
    while (observers_.linked()) {
      auto& observer = static_cast<end_observer&>(*observers_.next());
      observer.unlink();
      observer.on_end(*this);
    }
  }

  output_tap* tap_ = nullptr;
  bool logs_end_ = true;

 private:
  list_node observers_;
  std::shared_ptr<output_tap> kept_tap_;
};

}  // namespace execo::detail
