#include "process/run_deadlines.hpp"

#include <algorithm>
#include <utility>

namespace execo::detail {

run_deadlines::run_deadlines(loop& on, const deadlines& limits, delegate<> expired,
                             delegate<phase> expired_in)
    : loop_(on),
      limits_(limits),
      expired_(expired),
      expired_in_(expired_in),
      whole_(on, delegate<>::to<&run_deadlines::on_whole>(this), "deadline of a command"),
      phase_(on, delegate<>::to<&run_deadlines::on_phase>(this), "deadline of a phase") {
  if (!limits_.establish) limits_.establish = deadlines::default_establish;
}

void run_deadlines::begin(duration total) {
  if (total.count() <= 0) return;
  total_ = std::make_unique<deadline>(loop_, delegate<>::to<&run_deadlines::on_total>(this),
                                      "deadline of a command and all before it");
  total_->arm(total);
}

void run_deadlines::enter(phase where, duration run_timeout) {
  part now = where < phase::open ? part::establishing : part::command;
  if (now == part_) {
    whole_.go_on();
  } else {
    whole_.arm(now == part::establishing ? *limits_.establish : run_timeout);
  }
  part_ = now;
  phase_.arm(limit_of(where));
}

void run_deadlines::suspend() noexcept {
  whole_.suspend();
  phase_.disarm();
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

void run_deadlines::expect_output(duration first, duration idle, clock::duration unread) {
  if (first.count() <= 0 && idle.count() <= 0) return;
  first_output_ = first;
  idle_ = idle;
  note_reading(unread);
  silence_ = silence::before_output;
  phase_.arm(limit_of_silence());
}

// 0: none.
duration run_deadlines::limit_of_silence() const noexcept {
  bool waits_for_first = silence_ == silence::before_output && first_output_.count() > 0;
  if (!waits_for_first) return idle_;
  return idle_.count() > 0 ? std::min(first_output_, idle_) : first_output_;
}

void run_deadlines::excuse_silence() noexcept {
  silent_since_ = loop_.now();
  phase_.arm(limit_of_silence());
}

// Nobody tells of the end of such a time: while it goes on, it is looked for eight times a limit.
bool run_deadlines::excuse(clock::duration unread) noexcept {
  duration limit = limit_of_silence();
  clock::time_point end = later(later(silent_since_, limit), unread - unread_before_);
  clock::duration left = end - loop_.now();
  if (left.count() <= 0) return false;
  bool goes_on = unread_ != unread_before_ && unread_ != unread;
  unread_ = unread;
  phase_.arm(goes_on ? std::max<clock::duration>(left, limit / 8) : left);
  return true;
}

// Output moves the end of the time without touching the timer.
void run_deadlines::on_silence() {
  duration limit = limit_of_silence();
  if (limit.count() <= 0) return;
  clock::duration left = later(silent_since_, limit) - loop_.now();
  if (left.count() > 0) return phase_.arm(left);
  bool is_first = silence_ == silence::before_output && limit == first_output_;
  expired_in_(is_first ? phase::first_output : phase::idle);
}

void run_deadlines::disarm() noexcept {
  silence_ = silence::unlimited;
  whole_.disarm();
  phase_.disarm();
  if (total_) total_->disarm();
}

// A command has its time, whatever we do meanwhile; to reach it takes answers from us.
void run_deadlines::on_whole() {
  if (part_ == part::establishing && whole_.begins_again()) return;
  expired_();
}

void run_deadlines::on_total() {
  if (!total_->begins_again()) expired_in_(phase::total);
}

void run_deadlines::on_phase() {
  if (silence_ != silence::unlimited) return on_silence();
  if (phase_.begins_again()) return;
  expired_();
}

void run_deadlines::deadline::arm(duration limit) noexcept {
  disarm();
  limit_ = limit;
  left_ = clock::duration(0);
  (void)take_lost();
  if (limit.count() > 0) arm_for(limit);
}

void run_deadlines::deadline::arm_for(clock::duration time) noexcept {
  end_ = later(loop_.read_clock(), time);
  loop_.arm_after(timer_, time);
}

void run_deadlines::deadline::suspend() noexcept {
  if (!timer_.armed()) return;
  left_ = std::max(end_ - loop_.read_clock() + take_lost(), clock::duration(1));
  disarm();
}

void run_deadlines::deadline::go_on() noexcept {
  if (left_.count() <= 0) return;
  (void)take_lost();
  arm_for(std::exchange(left_, clock::duration(0)));
}

// A user who was never asked has taken no time.
clock::duration run_deadlines::deadline::asked_so_far() const noexcept {
  const auto* pause = loop_.find_service<user_pause>();
  return pause != nullptr ? pause->total() : clock::duration(0);
}

// Since it was armed or this was asked: at most its whole time, since a peer that is gone is not
// waited for as long as we were stopped.
clock::duration run_deadlines::deadline::take_lost() noexcept {
  clock::duration held_up = loop_.held_up();
  clock::duration asked = asked_so_far();
  auto lost = std::min<clock::duration>(held_up - std::exchange(held_up_before_, held_up), limit_);
  return lost + (asked - std::exchange(asked_before_, asked));
}

bool run_deadlines::deadline::begins_again() noexcept {
  clock::duration lost = take_lost();
  if (lost.count() <= 0) return false;
  arm_for(lost);
  return true;
}

}  // namespace execo::detail
