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
      deadlines_(on, limits, delegate<>::to<&lifecycle::deadline_expired>(this),
                 delegate<execo::phase>::to<&lifecycle::deadline_expired_in>(this)),
      grace_(delegate<>::to<&lifecycle::grace_ended>(this), "grace period of a signal"),
      drain_(delegate<>::to<&lifecycle::rest_is_silent>(this), "rest of an output"),
      input_(on, *transport_, *command_, *this),
      outputs_(on, *transport_, *this, result_) {
  result_access::charge(result_).bind(on.output_budget());
}

lifecycle::~lifecycle() = default;

void lifecycle::start() {
  if (state() != run_state::idle) return;
  self_ = intrusive_ptr<lifecycle>(this);
  loop_.adopt(*this);
  result_access::started(result_) = std::chrono::system_clock::now();
  begun_ = loop_.read_clock();
  enter(run_state::establishing);
  bool ready = false;
  contain(
      [&] {
        result_access::name(result_) = command_->name();
        // Now: when it is to be ended there may be no memory for them.
        escalation_.set_steps(command_->stop_sequence(), command_->kill_timeout);
        deadlines_.begin(command_->total_timeout);
        ready = set_up_streams();
      },
      [this](const std::exception_ptr& error) {
        decide(end_reason::spawn_failed);
        result_access::error(result_) = error_of(error);
      });
  if (ready && !transport_->tells_before_start() && !may_begin()) {
    decide(end_reason::cancelled);
    ready = false;
  }
  if (ready) {
    transport_->open(*command_, *this);
  } else {
    on_closed({});
  }
}

bool lifecycle::may_begin() noexcept {
  if (std::exchange(asked_to_begin_, true) || tap_ == nullptr) return true;
  return tap_->may_begin(*this);
}

void lifecycle::on_may_begin() {
  if (!may_begin()) end_early(end_reason::cancelled);
}

/// False: a sink or the source cannot be had, and the result says so.
bool lifecycle::set_up_streams() {
  pass_descriptors();
  std::string context;
  bool observed = tap_ != nullptr && tap_->wants_output();
  if (command_->first_output_timeout.count() > 0 || command_->idle_timeout.count() > 0)
    observed = true;
  std::error_code why = outputs_.set_up(stdio_, *command_, observed, context);
  if (!why) why = input_.set_up(stdio_, context);
  if (!why) return true;
  decide(end_reason::spawn_failed);
  result_access::error(result_) = why;
  result_access::set_context(result_, std::move(context));
  return false;
}

// A transport that has no place for them refuses the command: see spawn_attributes::local_only().
void lifecycle::pass_descriptors() {
  for (const taken_stdio::passed& one : stdio_.extra_descriptors()) {
    child_stream from;
    from.what = child_stream::kind::descriptor;
    from.fd = one.ours;
    from.name = one.name;
    (void)transport_->redirect(one.theirs, from);
  }
}

void lifecycle::on_phase(phase entered) {
  if (state() != run_state::establishing) return;
  phase_ = entered;
  deadlines_.enter(entered, command_->run_timeout);
  if (tap_ != nullptr) tap_->on_phase(*this, entered);
  if (entered >= phase::open && !may_begin()) return end_early(end_reason::cancelled);
  if (entered != phase::run) return;
  enter(run_state::running);
  deadlines_.expect_output(command_->first_output_timeout, command_->idle_timeout,
                           transport_->unread_time());
  result_access::started_command(result_) = certainty::yes;
  stdio_.release();
  pid_.store(transport_->pid(), std::memory_order_relaxed);
  input_.begin();
  say(log_level::debug,
      [this] { return "started `" + result_.name() + "`, pid " + std::to_string(this->pid()); });
  notify_tap([this] { tap_->on_running(*this); });
}

void lifecycle::on_waiting() {
  if (state() == run_state::establishing) deadlines_.suspend();
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

// A run does not depend on the log: a line that cannot be made is dropped.
template <class Make>
void lifecycle::say(log_level level, Make&& make) const noexcept {
  contain([&] { log(level, std::forward<Make>(make)); }, [](const std::exception_ptr&) {});
}

void lifecycle::on_output(stream which, std::span<const char> bytes) {
  if (!active()) return;
  if (deadlines_.expects_output()) deadlines_.note_output(transport_->unread_time());
  outputs_.take(which, bytes);
  if (!active()) return;
  if (state() == run_state::draining) await_rest();
  update_flow();
  notify_tap([&] { tap_->on_output(*this, which, bytes); });
}

void lifecycle::on_eof(stream which) {
  outputs_.end(which);
  if (state() != run_state::draining) return;
  if (outputs_.through()) return finish();
  await_rest();
}

void lifecycle::on_exit(exit_status status) {
  if (!active() || state() == run_state::draining) return;
  result_access::status(result_) = status;
  stamp_end();
  if (!decided() && end_of(status) == end_reason::status_lost)
    contain([this] { result_access::set_context(result_, "other code of this program reaped it"); },
            [](const std::exception_ptr&) {});
  decide(end_of(status));
  enter(run_state::draining);
  disarm();
  if (outputs_.through()) return finish();
  outputs_.drain_now();
  clock::duration in_all =
      std::min(command_->drain_timeout, duration::max() / max_drains) * max_drains;
  drain_end_ = later(loop_.now(), std::max(in_all, transport_->max_output_delay()));
  unread_ = transport_->unread_time();
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
  clock::duration unread = transport_->unread_time();
  clock::duration held = unread - std::exchange(unread_, unread);
  if (drain_end_ != unwanted && (outputs_.paused() || held.count() > 0)) {
    drain_end_ = later(drain_end_, std::max<clock::duration>(held, command_->drain_timeout));
    return await_rest();
  }
  bool may_come = outputs_.open() && ended_by_itself() && loop_.now() < drain_end_;
  if (!may_come || !transport_->query_pending_output()) cut_output();
}

void lifecycle::on_no_output_pending() {
  if (state() == run_state::draining) cut_output();
}

void lifecycle::cut_output() {
  result_access::output_complete(result_) = false;
  finish();
}

void lifecycle::on_failed(failure why) {
  if (!active()) return;
  if (!decided()) {
    decide(why.how);
    result_access::error(result_) = why.why;
    result_access::reason(result_) = why.reason;
    result_access::set_context(result_, std::move(why.context));
  } else if (state() == run_state::draining && ended_by_itself()) {
    lose_output(why.why, std::move(why.context));
    result_access::where(result_) = phase::drain;
  }
  finish();
}

void lifecycle::on_closed(end_report found) {
  enter(run_state::flushing);
  take_over(std::move(found));
  try_end();
}

void lifecycle::take_over(end_report found) noexcept {
  result_access::usage(result_) = found.usage;
  result_access::scope(result_) = found.scope;
  result_access::set_ended_with_it(result_, found.ended_with_it);
  result_access::set_escaped(result_, std::move(found.escaped));
  result_access::leftover(result_) = found.leftover;
  result_access::connection(result_) = found.connection;
  result_access::transport(result_) = found.transport;
  result_access::set_transport_why(result_, std::move(found.transport_why));
  if (was_started() && !found.real_end) found.started = certainty::yes;
  result_access::started_command(result_) = found.started;
  if (result_.how() == end_reason::timed_out) result_access::reason(result_) = found.reason;
  bool may_be_another = result_.how() == end_reason::timed_out ||
                        (result_.how() == end_reason::exited && result_.status().code() != 0);
  if (found.real_end && may_be_another) end_as(std::move(*found.real_end));
  if (found.why && !result_.error()) result_access::error(result_) = found.why;
  bool has_room = result_.error_context().empty() || result_.how() == end_reason::status_lost;
  if (!found.note.empty() && has_room) result_access::set_context(result_, std::move(found.note));
}

// The time was over between two tries, or soon after the last one began: the peer has not let it
// pass. Or the server has run something else in place of the command.
void lifecycle::end_as(failed_try last) noexcept {
  result_access::how(result_) = last.why.how;
  result_access::status(result_) = {};
  result_access::where(result_) = last.where;
  result_access::error(result_) = last.why.why;
  result_access::reason(result_) = last.why.reason;
  result_access::set_context(result_, std::move(last.why.context));
}

void lifecycle::try_end() {
  if (state() != run_state::flushing || outputs_.busy() || input_.busy()) return;
  if (!decided()) decide(end_reason::cancelled);
  stdio_.release();
  outputs_.finalize(ended_by_itself(), *this);
  input_.finalize();
  demand_output();
  disarm();
  classify();
  stamp_end();
  unlink();
  if (logs_end_) say(end_level(result_), [this] { return result_.describe(); });
  if (tap_ != nullptr) tap_->on_ending(*this);
  enter(run_state::ended);
  // An observer may drop the last outside reference.
  intrusive_ptr<lifecycle> alive = std::move(self_);
  notify_observers();
}

void lifecycle::demand_output() {
  if (!command_->requires_output || result_.output_complete() || !ended_by_itself()) return;
  if (!result_access::output_complete(result_)) return lose_output({}, "the output did not end");
  lose_output({}, result_.dropped_by() == output_limit::context
                      ? "the output budget of the context was spent"
                      : "a cap left out some of the output");
}

// Whether it counts as success, and whether a log should mention it.
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
      ok = what.ignores_exit_code;
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
  if (decided()) return;
  result_access::how(result_) = how;
  result_access::where(result_) = phase_;
}

void lifecycle::end_early(end_reason how, int signal) noexcept {
  if (state() != run_state::establishing && state() != run_state::running) return;
  decide(how);
  if (state() == run_state::establishing) return finish();
  enter(run_state::stopping);
  follow(escalation_.begin(signal));
}

void lifecycle::follow(const stop_escalation::order& order) noexcept {
  if (order.forced) result_access::forced_kill(result_) = true;
  if (order.until_kill && tap_ != nullptr) tap_->on_stopping(*this);
  if (!active()) return;
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
  // The end may be ordered after output that is not taken.
  for (stream which : {stream::out, stream::err}) outputs_.hold(which, false);
  outputs_.drain_now();
  loop_.arm_after(grace_, grace);
}

void lifecycle::cancel(int signal) noexcept {
  if (state() == run_state::idle) {
    contain([this] { result_access::set_not_started(result_, command_->name()); },
            [](const std::exception_ptr&) {});
    result_access::started(result_) = std::chrono::system_clock::now();
    begun_ = loop_.read_clock();
    decide(end_reason::cancelled);
    return on_closed({});
  }
  if (state() == run_state::draining) {
    // Only its output is still waited for. Not from here: this may be inside on_output.
    drain_end_ = unwanted;
    return await_rest();
  }
  end_early(end_reason::cancelled, signal);
}

void lifecycle::kill(int signal) noexcept {
  if (state() == run_state::establishing) return end_early(end_reason::cancelled);
  if (state() == run_state::running || state() == run_state::stopping)
    follow(escalation_.begin(signal));
}

void lifecycle::pause(stream which, bool paused) {
  if (escalation_.in_flight() && paused) return;
  outputs_.hold(which, paused);
  if (active()) update_flow();
}

// What the command writes is read again: it was not silent meanwhile.
void lifecycle::update_flow() {
  bool was_paused = outputs_.paused();
  outputs_.update_flow();
  bool reads_again = was_paused && !outputs_.paused();
  if (reads_again && deadlines_.expects_output())
    deadlines_.note_reading(transport_->unread_time());
}

void lifecycle::deadline_expired() { end_early(end_reason::timed_out); }

void lifecycle::deadline_expired_in(execo::phase where) {
  bool of_silence = where != phase::total;
  bool counts =
      state() == run_state::running || (state() == run_state::establishing && !of_silence);
  if (!counts) return;
  if (of_silence && outputs_.paused()) return deadlines_.excuse_silence();
  if (of_silence && deadlines_.excuse(transport_->unread_time())) return;
  phase_ = where;
  end_early(end_reason::timed_out);
}

void lifecycle::disarm() noexcept {
  deadlines_.disarm();
  loop_.disarm(grace_);
  loop_.disarm(drain_);
}

void lifecycle::grace_ended() {
  if (auto order = escalation_.next()) return follow(*order);
  decide(end_reason::cancelled);
  finish();
}

void lifecycle::finish() {
  if (!active()) return;
  enter(run_state::closing);
  // Given up, or lost, before its end came.
  if (was_started() && outputs_.open()) result_access::output_complete(result_) = false;
  disarm();
  outputs_.give_up();
  input_.close();
  transport_->close();
}

void lifecycle::describe(std::vector<std::string>& lines, clock::time_point now) const {
  std::string line = "process `" + command_->name() + "`";
  if (pid_t number = pid(); number > 0) line += ", pid " + std::to_string(number);
  line += ", " + std::string(to_string(phase_)) + ", for " + format_duration(now - begun_);
  if (state() == run_state::stopping) line += ", being ended";
  if (state() == run_state::draining) line += ", ended, waiting for the rest of its output";
  lines.push_back(std::move(line));
  transport_->describe(lines);
}

void lifecycle::shut_down() noexcept {
  if (state() == run_state::draining) return cut_output();
  end_early(end_reason::cancelled);
}

// -- streams -------------------------------------------------------------------------------------

void lifecycle::on_written(std::size_t count) { input_.on_written(count); }
void lifecycle::on_input_closed() { input_.on_refused(); }
void lifecycle::on_input_idle() noexcept { try_end(); }

void lifecycle::on_input_failed(std::error_code why, std::string context) noexcept {
  if (!active() || decided()) return;
  result_access::error(result_) = why;
  result_access::set_context(result_, std::move(context));
  end_early(end_reason::spawn_failed);
}

void lifecycle::on_stream_moved() noexcept {
  if (active()) update_flow();
  if (state() == run_state::flushing) return try_end();
  if (state() == run_state::draining && outputs_.through()) finish();
}

void lifecycle::on_stream_failed(std::error_code why, std::string context) noexcept {
  lose_output(why, std::move(context));
}

// The command may have ended well: its output is as much a part of what it did.
void lifecycle::lose_output(std::error_code why, std::string context) noexcept {
  bool own_end = result_.how() == end_reason::exited || result_.how() == end_reason::signaled;
  if (state() == run_state::ended || (decided() && !own_end)) return;
  result_access::error(result_) = why;
  result_access::set_context(result_, std::move(context));
  if (decided()) {
    result_access::how(result_) = end_reason::output_failed;
  } else {
    end_early(end_reason::output_failed);
  }
}

}  // namespace execo::detail
