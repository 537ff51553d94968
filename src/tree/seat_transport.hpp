// What commands and copies on a host of a tree have in common: a seat at the root, the wait for
// the host, and the parting from what may still run there.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/intrusive_ptr.hpp"
#include "execo/host.hpp"
#include "process/transport.hpp"
#include "tree/tree_root.hpp"

namespace execo::detail {

class seat_transport : public transport, protected tree_seat {
 public:
  ~seat_transport() override { root_->leave(*this); }

  bool tells_before_start() const noexcept override { return true; }
  void close() final;

 protected:
  // idle -> waiting, for the host -> asked to run -> running -> exited -> over. From each before
  // `exited` to over by a failure. A copy is not asked: it runs.
  enum class stage : std::uint8_t { idle, waiting, asked, running, exited, over };
  // waiting: it is being closed, and the end of what may run is waited for, a while.
  enum class parting : std::uint8_t { none, waiting, left };

  /// `what`: the end that is waited for, for people; it is not copied.
  seat_transport(loop& on, intrusive_ptr<tree_root> root, const host& where, const char* what);

  /// The host is wanted: seat_up() or seat_failed() follows.
  void enter();
  bool may_run() const noexcept { return stage_ == stage::asked || stage_ == stage::running; }
  bool is_parting() const noexcept { return parting_ != parting::none; }
  /// go_on() follows, from the loop.
  void queue_step();
  /// What could not be said from inside a call. It has neither failed nor left.
  virtual void go_on() = 0;
  void leave();
  void fail_soon(failure why);
  /// How long the end of what may run is waited for.
  virtual std::chrono::milliseconds end_limit() const noexcept;

  loop& loop_;
  const intrusive_ptr<tree_root> root_;
  const host where_;
  transport_events* events_ = nullptr;  // from open() on
  std::unique_ptr<failure> failure_;    // to be reported
  stage stage_ = stage::idle;
  certainty started_ = certainty::no;
  leftover_cause leftover_ = leftover_cause::none;

 private:
  void step();
  void report_closed();

  deadline_timer limit_;
  queue_node step_;
  parting parting_ = parting::none;
  bool step_queued_ = false;
};

}  // namespace execo::detail
