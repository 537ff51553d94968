#include "process/lifecycle.hpp"

#include <signal.h>

#include <algorithm>

#include "base/contain.hpp"
#include "execo/time.hpp"

namespace execo::detail {
namespace {

// Output that goes on after the end is waited for this many drain timeouts in all.
constexpr int max_drains = 10;
// The end of the wait for the rest of an output that nothing waits for any more.
constexpr auto unwanted = clock::time_point::min();

end_reason end_of(const exit_status& status) noexcept {
  if (status.signal()) return end_reason::signaled;
  return status.code() ? end_reason::exited : end_reason::status_lost;
}

}  // namespace

log_level end_level(const result& r) noexcept {
  return r.notable() ? log_level::warning : log_level::debug;
}

lifecycle::lifecycle(loop& on, std::shared_ptr<const command> what, taken_stdio stdio,
                     std::unique_ptr<transport> how, const deadlines& limits)
    : loop_(on),
      command_(std::move(what)),
      stdio_(std::move(stdio)),
      transport_(std::move(how)),
      limits_(limits),
      deadline_(on, callback<>::to<&lifecycle::deadline_expired>(this), "deadline of a command"),
      phase_deadline_(on, callback<>::to<&lifecycle::phase_deadline_expired>(this),
                      "deadline of a phase"),
      grace_(callback<>::to<&lifecycle::grace_ended>(this), "grace period of a signal"),
      drain_(callback<>::to<&lifecycle::rest_is_silent>(this), "rest of an output"),
      out_(on, *this, result_.out),
      err_(on, *this, result_.err) {}

lifecycle::~lifecycle() = default;

void lifecycle::start() {
  if (state() != run_state::idle) return;
  self_ = intrusive_ptr<lifecycle>(this);
  loop_.adopt(*this);
  result_access::started(result_) = std::chrono::system_clock::now();
  begun_ = loop_.read_clock();
  state_.store(run_state::active, std::memory_order_release);
  bool ready = false;
  contain(
      [&] {
        result_access::name(result_) = command_->name();
        // Now: when it is to be ended there may be no memory for them.
        escalation_.set_steps(command_->stop_sequence(), command_->kill_timeout);
        ready = set_up_streams();
      },
      [this](const std::exception_ptr& error) {
        decide(end_reason::spawn_failed);
        result_access::error(result_) = error_of(error);
      });
  if (ready) {
    transport_->open(*command_, *this);
  } else {
    state_.store(run_state::closing, std::memory_order_release);
    on_closed({});
  }
}

void lifecycle::on_phase(phase entered) {
  if (state() != run_state::active || decided_) return;
  phase_ = entered;
  arm_deadlines();
  if (entered != phase::run) return;
  running_ = true;
  stdio_.let_go();
  pid_.store(transport_->pid(), std::memory_order_relaxed);
  feed_input();
  say(log_level::debug,
      [this] { return "started `" + result_.name() + "`, pid " + std::to_string(this->pid()); });
  notify_tap([this] { tap_->on_running(*this); });
}

// What a tap cannot take is output that is lost.
template <class Call>
void lifecycle::notify_tap(Call&& call) noexcept {
  if (tap_ == nullptr) return;
  contain(std::forward<Call>(call), [this](const std::exception_ptr& error) {
    result_access::output_complete(result_) = false;
    on_stream_failed(error_of(error), {});
  });
}

// A line that cannot be made is not missed by the run that it tells of.
template <class Make>
void lifecycle::say(log_level level, Make&& make) const noexcept {
  contain([&] { log(level, std::forward<Make>(make)); }, [](const std::exception_ptr&) {});
}

// One deadline spans resolve to auth, one the command from open on, and each phase before run may
// have its own.
void lifecycle::arm_deadlines() {
  bool establishing = phase_ < phase::open;
  if (establishing && timing_ != timed::establishing) {
    timing_ = timed::establishing;
    deadline_.arm(limits_.establish);
  } else if (!establishing && timing_ != timed::command) {
    timing_ = timed::command;
    deadline_.arm(command_->run_timeout);
  }
  duration limit{0};
  if (phase_ == phase::resolve) limit = limits_.resolve;
  if (phase_ == phase::connect) limit = limits_.connect;
  if (phase_ == phase::kex) limit = limits_.kex;
  if (phase_ == phase::auth) limit = limits_.auth;
  if (phase_ == phase::open) limit = limits_.open.count() > 0 ? limits_.open : limits_.establish;
  phase_deadline_.arm(limit);
}

void lifecycle::deadline::arm(duration limit) noexcept {
  disarm();
  limit_ = limit;
  held_up_before_ = loop_.held_up();
  if (limit.count() > 0) loop_.arm_after(timer_, limit);
}

// At most for its whole time: a peer that is gone is not waited for as long as we were stopped.
bool lifecycle::deadline::begins_again() noexcept {
  auto lost = std::min<clock::duration>(loop_.held_up() - held_up_before_, limit_);
  if (lost.count() <= 0) return false;
  held_up_before_ = loop_.held_up();
  loop_.arm_after(timer_, lost);
  return true;
}

void lifecycle::on_output(stream which, std::span<const char> bytes) {
  if (state() != run_state::active) return;
  sink_of(which).take(bytes);
  if (state() != run_state::active) return;
  if (exit_seen_) await_rest();
  update_flow();
  notify_tap([&] { tap_->on_output(*this, which, bytes); });
}

void lifecycle::on_eof(stream which) {
  (which == stream::out ? out_open_ : err_open_) = false;
  if (!merged_ || (!out_open_ && !err_open_)) sink_of(which).end();
  if (state() != run_state::active || !exit_seen_) return;
  if (all_through()) return finish();
  await_rest();
}

void lifecycle::on_exit(exit_status status) {
  if (state() != run_state::active || exit_seen_) return;
  exit_seen_ = true;
  result_access::status(result_) = status;
  stamp_end();
  if (!decided_ && end_of(status) == end_reason::status_lost)
    contain([this] { result_access::context(result_) = "somebody else reaped it"; },
            [](const std::exception_ptr&) {});
  decide(end_of(status));
  deadline_.disarm();
  phase_deadline_.disarm();
  loop_.disarm(grace_);
  if (all_through()) {
    finish();
    return;
  }
  hurry_streams();
  clock::duration in_all =
      std::min(command_->drain_timeout, duration::max() / max_drains) * max_drains;
  drain_end_ = later(loop_.now(), std::max(in_all, transport_->slowest_rest()));
  await_rest();
}

// What still flows after the end is the command's own on a slow line, or what a process that it
// left behind writes, without end.
void lifecycle::await_rest() {
  auto silent = std::min(later(loop_.read_clock(), command_->drain_timeout), drain_end_);
  loop_.arm(drain_, std::max(silent, loop_.now()));
}

void lifecycle::rest_is_silent() {
  // While nothing is read here, that says nothing about the other side.
  if (drain_end_ != unwanted && (paused_[0] || paused_[1])) {
    drain_end_ = later(drain_end_, command_->drain_timeout);
    return await_rest();
  }
  bool may_come = (out_open_ || err_open_) && ended_by_itself() && loop_.now() < drain_end_;
  if (!may_come || !transport_->seek_rest()) cut_output();
}

void lifecycle::on_output_held() {
  if (state() == run_state::active && exit_seen_) cut_output();
}

void lifecycle::cut_output() {
  result_access::output_complete(result_) = false;
  finish();
}

void lifecycle::on_failed(end_reason how, std::error_code why, std::string context) {
  if (state() != run_state::active) return;
  if (!decided_) {
    decide(how);
    result_access::error(result_) = why;
    result_access::context(result_) = std::move(context);
  } else if (exit_seen_ && ended_by_itself()) {
    lose_output(why, std::move(context));
    result_access::where(result_) = phase::drain;
  }
  finish();
}

void lifecycle::on_closed(end_report found) {
  transport_closed_ = true;
  take_over(std::move(found));
  try_end();
}

void lifecycle::take_over(end_report found) noexcept {
  result_access::usage(result_) = found.usage;
  result_access::scope(result_) = found.scope;
  result_access::ended_with_it(result_) = found.ended_with_it;
  result_access::escaped(result_) = std::move(found.escaped);
  result_access::leftover(result_) = found.leftover;
  result_access::connection(result_) = found.connection;
  if (running_) found.started = certainty::yes;
  result_access::started_command(result_) = found.started;
  if (found.why && !result_.error()) result_access::error(result_) = found.why;
  std::string& context = result_access::context(result_);
  if (!found.note.empty() && (context.empty() || result_.how() == end_reason::status_lost))
    context = std::move(found.note);
}

void lifecycle::try_end() {
  if (state() == run_state::ended || !transport_closed_ || out_.busy() || err_.busy()) return;
  if (input_file_ && input_file_->busy()) return;
  if (!decided_) decide(end_reason::cancelled);
  stdio_.let_go();
  finalize_streams();
  demand_output();
  deadline_.disarm();
  phase_deadline_.disarm();
  loop_.disarm(grace_);
  loop_.disarm(drain_);
  classify();
  stamp_end();
  unlink();
  if (logs_end_) say(end_level(result_), [this] { return result_.describe(); });
  if (tap_ != nullptr) tap_->on_ending(*this);
  state_.store(run_state::ended, std::memory_order_release);
  // An observer may drop the last outside reference.
  intrusive_ptr<lifecycle> alive = std::move(self_);
  while (observers_.linked()) {
    auto& observer = static_cast<end_observer&>(*observers_.next());
    observer.unlink();
    observer.on_end(*this);
  }
}

void lifecycle::demand_output() {
  if (!command_->requires_output || result_.output_complete() || !ended_by_itself()) return;
  bool capped = result_access::output_complete(result_);
  lose_output({}, capped ? "a cap left out some of the output" : "the output did not end");
}

// Whether it counts as success, and whether a log should tell of it.
void lifecycle::classify() noexcept {
  const command& what = *command_;
  bool ok = false;
  bool hidden = false;
  switch (result_.how()) {
    case end_reason::exited: {
      int code = result_.status().code().value_or(-1);
      const std::vector<int>& codes = what.accepted_codes;
      bool accepted = codes.empty() ? code == 0 : std::ranges::find(codes, code) != codes.end();
      ok = accepted || what.ignores_exit_code;
      hidden = accepted || what.hides_exit_code || result_.killed();
      break;
    }
    case end_reason::signaled:
      ok = what.ignores_exit_code && !result_.killed();
      hidden = what.hides_exit_code || result_.killed();
      break;
    case end_reason::timed_out:
      ok = what.ignores_timeout;
      hidden = what.hides_timeout;
      break;
    case end_reason::cancelled:
    case end_reason::not_started:
      hidden = true;
      break;
    default:
      ok = what.ignores_error;
      hidden = what.hides_error;
      break;
  }
  result_access::ok(result_) = ok;
  result_access::notable(result_) = !hidden;
}

void lifecycle::stamp_end() noexcept {
  if (result_.elapsed().count() == 0)
    result_access::elapsed(result_) = std::max(loop_.read_clock() - begun_, clock::duration(1));
}

void lifecycle::decide(end_reason how) noexcept {
  if (decided_) return;
  decided_ = true;
  result_access::how(result_) = how;
  result_access::where(result_) = phase_;
}

void lifecycle::end_early(end_reason how, int signal) noexcept {
  if (state() != run_state::active || decided_) return;
  decide(how);
  if (running_) {
    follow(escalation_.begin(signal));
  } else {
    finish();
  }
}

void lifecycle::follow(const stop_escalation::order& order) noexcept {
  if (order.forced) result_access::forced_kill(result_) = true;
  if (order.until_kill) transport_->end_scope(*order.until_kill);
  if (order.signal != 0) send_signal(order.signal);
  if (order.grace) wait_for_end(*order.grace);
}

void lifecycle::send_signal(int signal) noexcept {
  result_access::killed(result_) = true;
  // What cannot be sent for want of memory is followed by the next step.
  contain([&] { transport_->signal(signal); }, [](const std::exception_ptr&) {});
}

void lifecycle::wait_for_end(duration grace) noexcept {
  // The end may stand behind output that nobody takes.
  tap_holds_.fill(false);
  hurry_streams();
  loop_.arm_after(grace_, grace);
}

void lifecycle::cancel(int signal) noexcept {
  if (state() == run_state::idle) {
    contain([this] { result_access::set_not_started(result_, command_->name()); },
            [](const std::exception_ptr&) {});
    result_access::started(result_) = std::chrono::system_clock::now();
    begun_ = loop_.read_clock();
    decide(end_reason::cancelled);
    state_.store(run_state::closing, std::memory_order_release);
    on_closed({});
    return;
  }
  if (state() == run_state::active && exit_seen_) {
    // Only its output is still waited for. Not from here: this may be inside on_output.
    drain_end_ = unwanted;
    return await_rest();
  }
  end_early(end_reason::cancelled, signal);
}

void lifecycle::kill(int signal) noexcept {
  if (state() != run_state::active || exit_seen_) return;
  if (!running_) {
    end_early(end_reason::cancelled);
  } else {
    follow(escalation_.begin(signal));
  }
}

void lifecycle::pause(stream which, bool paused) {
  if (escalation_.in_flight() && paused) return;
  tap_holds_[which == stream::out ? 0 : 1] = paused;
  update_flow();
}

// A command has its time, whatever we do meanwhile; to reach it takes answers from us.
void lifecycle::deadline_expired() {
  if (timing_ == timed::establishing && deadline_.begins_again()) return;
  end_early(end_reason::timed_out);
}

void lifecycle::phase_deadline_expired() {
  if (phase_deadline_.begins_again()) return;
  end_early(end_reason::timed_out);
}

void lifecycle::grace_ended() {
  if (auto order = escalation_.next()) return follow(*order);
  decide(end_reason::cancelled);
  finish();
}

void lifecycle::finish() {
  if (state() != run_state::active) return;
  state_.store(run_state::closing, std::memory_order_release);
  // Given up, or lost, before its end came.
  if (running_ && (out_open_ || err_open_)) result_access::output_complete(result_) = false;
  deadline_.disarm();
  phase_deadline_.disarm();
  loop_.disarm(grace_);
  loop_.disarm(drain_);
  out_.give_up();
  err_.give_up();
  if (input_file_) input_file_->close();
  transport_->close();
}

void lifecycle::describe(std::vector<std::string>& lines, clock::time_point now) const {
  std::string line = "process `" + command_->name() + "`";
  if (pid_t number = pid(); number > 0) line += ", pid " + std::to_string(number);
  line += ", " + std::string(to_string(phase_)) + ", for " + format_duration(now - begun_);
  if (decided_ && !exit_seen_) line += ", being ended";
  if (exit_seen_) line += ", ended, waiting for the rest of its output";
  lines.push_back(std::move(line));
  transport_->describe(lines);
}

void lifecycle::shut_down() noexcept {
  if (state() == run_state::active && !exit_seen_) {
    if (!decided_) end_early(end_reason::cancelled);
  } else if (state() == run_state::active) {
    cut_output();
  }
}

}  // namespace execo::detail
