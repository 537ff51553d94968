#include "process/run_deadlines.hpp"

#include <algorithm>

namespace execo::detail {

run_deadlines::run_deadlines(loop& on, const deadlines& limits, delegate<> expired)
    : limits_(limits),
      expired_(expired),
      whole_(on, delegate<>::to<&run_deadlines::on_whole>(this), "deadline of a command"),
      phase_(on, delegate<>::to<&run_deadlines::on_phase>(this), "deadline of a phase") {
  if (!limits_.establish) limits_.establish = deadlines::default_establish;
}

void run_deadlines::enter(phase where, duration run_timeout) {
  part now = where < phase::open ? part::establishing : part::command;
  if (now != part_) whole_.arm(now == part::establishing ? *limits_.establish : run_timeout);
  part_ = now;
  phase_.arm(limit_of(where));
}

duration run_deadlines::limit_of(phase where) const noexcept {
  switch (where) {
    case phase::resolve:
      return limits_.resolve;
    case phase::connect:
      return limits_.connect;
    case phase::kex:
      return limits_.kex;
    case phase::auth:
      return limits_.auth;
    case phase::open:
      return limits_.open.count() > 0 ? limits_.open : *limits_.establish;
    default:
      return duration(0);
  }
}

void run_deadlines::disarm() noexcept {
  whole_.disarm();
  phase_.disarm();
}

// A command has its time, whatever we do meanwhile; to reach it takes answers from us.
void run_deadlines::on_whole() {
  if (part_ == part::establishing && whole_.begins_again()) return;
  expired_();
}

void run_deadlines::on_phase() {
  if (phase_.begins_again()) return;
  expired_();
}

void run_deadlines::deadline::arm(duration limit) noexcept {
  disarm();
  limit_ = limit;
  held_up_before_ = loop_.held_up();
  if (limit.count() > 0) loop_.arm_after(timer_, limit);
}

// At most for its whole time: a peer that is gone is not waited for as long as we were stopped.
bool run_deadlines::deadline::begins_again() noexcept {
  auto lost = std::min<clock::duration>(loop_.held_up() - held_up_before_, limit_);
  if (lost.count() <= 0) return false;
  held_up_before_ = loop_.held_up();
  loop_.arm_after(timer_, lost);
  return true;
}

}  // namespace execo::detail
