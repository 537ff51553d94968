#include "process/lifecycle.hpp"

#include <signal.h>

#include <algorithm>

#include "execo/time.hpp"

namespace execo::detail {
namespace {

// After KILL only the kernel, or a peer that does not answer any more, can keep a command: the run
// is given up then.
constexpr auto after_kill = std::chrono::seconds(1);

// Output that goes on after the end is waited for this many drain timeouts in all.
constexpr int most_drains = 10;

void keep(std::string& kept, std::uint64_t& dropped, std::size_t cap, std::span<const char> bytes) {
  std::size_t room = cap - std::min(cap, kept.size());
  std::size_t taken = std::min(room, bytes.size());
  kept.append(bytes.data(), taken);
  dropped += bytes.size() - taken;
}

end_reason end_of(const exit_status& status) noexcept {
  if (status.signal()) return end_reason::signaled;
  return status.code() ? end_reason::exited : end_reason::status_lost;
}

}  // namespace

log_level end_level(const result& r) noexcept {
  bool by_us = r.how() == end_reason::cancelled || r.how() == end_reason::not_started ||
               (r.killed() && r.how() != end_reason::timed_out);
  return r.ok() || by_us ? log_level::debug : log_level::warning;
}

lifecycle::lifecycle(loop& on, std::shared_ptr<const command> what, std::unique_ptr<transport> how,
                     const deadlines& limits)
    : loop_(on),
      command_(std::move(what)),
      transport_(std::move(how)),
      limits_(limits),
      deadline_(callback<>::to<&lifecycle::deadline_struck>(this), "deadline of a command"),
      phase_deadline_(callback<>::to<&lifecycle::phase_deadline_struck>(this),
                      "deadline of a phase"),
      patience_(callback<>::to<&lifecycle::patience_ended>(this), "kill or drain") {}

lifecycle::~lifecycle() = default;

void lifecycle::start() {
  if (state() != run_state::idle) return;
  self_ = intrusive_ptr<lifecycle>(this);
  loop_.adopt(*this);
  result_access::name(result_) = command_->name();
  result_access::started(result_) = std::chrono::system_clock::now();
  begun_ = clock::now();
  state_.store(run_state::active, std::memory_order_release);
  transport_->open(*command_, *this);
}

void lifecycle::on_phase(phase entered) {
  if (state() != run_state::active || decided_) return;
  phase_ = entered;
  arm_deadlines();
  if (entered != phase::run) return;
  running_ = true;
  pid_.store(transport_->pid(), std::memory_order_relaxed);
  feed_input();
  log(log_level::debug,
      [this] { return "started `" + result_.name() + "`, pid " + std::to_string(this->pid()); });
  if (tap_ != nullptr) tap_->on_running(*this);
}

// One deadline spans resolve to auth, one the command from open on, and each phase before run may
// have its own.
void lifecycle::arm_deadlines() {
  bool establishing = phase_ < phase::open;
  if (establishing && timing_ == timed::nothing) {
    timing_ = timed::establishing;
    if (limits_.establish.count() > 0) loop_.arm_after(deadline_, limits_.establish);
  } else if (!establishing && timing_ != timed::command) {
    timing_ = timed::command;
    loop_.disarm(deadline_);
    if (command_->run_timeout.count() > 0) loop_.arm_after(deadline_, command_->run_timeout);
  }
  loop_.disarm(phase_deadline_);
  duration limit{0};
  if (phase_ == phase::resolve) limit = limits_.resolve;
  if (phase_ == phase::connect) limit = limits_.connect;
  if (phase_ == phase::kex) limit = limits_.kex;
  if (phase_ == phase::auth) limit = limits_.auth;
  if (phase_ == phase::open) limit = limits_.open;
  if (limit.count() > 0) loop_.arm_after(phase_deadline_, limit);
}

void lifecycle::feed_input() {
  if (!command_->has_input) return;
  std::span<const char> rest(command_->input);
  rest = rest.subspan(written_);
  if (rest.empty()) {
    transport_->close_input();
  } else {
    transport_->write(rest);
  }
}

void lifecycle::on_written(std::size_t count) {
  written_ += count;
  if (state() == run_state::active) feed_input();
}

void lifecycle::on_output(stream which, std::span<const char> bytes) {
  if (state() != run_state::active) return;
  if (which == stream::out) {
    keep(result_.out, result_access::out_dropped(result_), command_->output_cap, bytes);
  } else {
    keep(result_.err, result_access::err_dropped(result_), command_->output_cap, bytes);
  }
  // What still flows after the end is the command's own on a slow line, or a grandchild's for ever.
  if (exit_seen_) loop_.arm(patience_, std::min(loop_.now() + command_->drain_timeout, drain_end_));
  if (tap_ != nullptr) tap_->on_output(*this, which, bytes);
}

void lifecycle::on_eof(stream which) {
  (which == stream::out ? out_open_ : err_open_) = false;
  if (state() == run_state::active && exit_seen_ && !out_open_ && !err_open_) finish();
}

void lifecycle::on_exit(exit_status status) {
  if (state() != run_state::active || exit_seen_) return;
  exit_seen_ = true;
  result_access::status(result_) = status;
  stamp_end();
  if (!decided_ && end_of(status) == end_reason::status_lost)
    result_access::context(result_) = "somebody else reaped it";
  decide(end_of(status));
  loop_.disarm(deadline_);
  loop_.disarm(phase_deadline_);
  if (!out_open_ && !err_open_) {
    finish();
    return;
  }
  patience_.expired = callback<>::to<&lifecycle::drain_ended>(this);
  loop_.arm_after(patience_, command_->drain_timeout);
  drain_end_ = loop_.now() + most_drains * command_->drain_timeout;
}

void lifecycle::on_failed(end_reason how, std::error_code why, std::string context) {
  if (state() != run_state::active) return;
  if (!decided_) {
    decide(how);
    result_access::error(result_) = why;
    result_access::context(result_) = std::move(context);
  }
  if (running_) result_access::output_complete(result_) = false;
  finish();
}

void lifecycle::on_closed() {
  if (state() == run_state::ended) return;
  if (!decided_) decide(end_reason::cancelled);
  loop_.disarm(deadline_);
  loop_.disarm(phase_deadline_);
  loop_.disarm(patience_);
  bool accepted = false;
  if (result_.how() == end_reason::exited) {
    int code = result_.status().code().value_or(-1);
    const std::vector<int>& codes = command_->accepted_codes;
    accepted = codes.empty() ? code == 0 : std::ranges::find(codes, code) != codes.end();
  }
  result_access::ok(result_) = accepted;
  stamp_end();
  unlink();
  if (logs_end_) log(end_level(result_), [this] { return result_.describe(); });
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

void lifecycle::stamp_end() noexcept {
  if (result_.elapsed().count() == 0)
    result_access::elapsed(result_) = std::max(clock::now() - begun_, clock::duration(1));
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
    begin_kill(signal);
  } else {
    finish();
  }
}

void lifecycle::begin_kill(int signal) noexcept {
  result_access::killed(result_) = true;
  if (signal == SIGKILL) {
    result_access::forced_kill(result_) = true;
    kill_sent_ = true;
  }
  transport_->signal(signal);
  bool escalates = signal == SIGTERM || signal == SIGINT || signal == SIGKILL;
  if (!escalates) return;
  // The end may stand behind output that nobody takes.
  transport_->pause(stream::out, false);
  transport_->pause(stream::err, false);
  if (patience_.armed() && signal != SIGKILL) return;
  patience_.expired = callback<>::to<&lifecycle::patience_ended>(this);
  loop_.arm_after(patience_, signal == SIGKILL ? after_kill : command_->kill_timeout);
}

void lifecycle::cancel(int signal) noexcept {
  if (state() == run_state::idle) {
    result_access::set_not_started(result_, command_->name());
    result_access::started(result_) = std::chrono::system_clock::now();
    begun_ = clock::now();
    decide(end_reason::cancelled);
    state_.store(run_state::closing, std::memory_order_release);
    on_closed();
    return;
  }
  if (state() == run_state::active && exit_seen_) {
    // Only its output is still waited for. Not from here: this may be inside on_output.
    loop_.arm_after(patience_, clock::duration(0));
    return;
  }
  end_early(end_reason::cancelled, signal);
}

void lifecycle::kill(int signal) noexcept {
  if (state() != run_state::active || exit_seen_) return;
  if (!running_) {
    end_early(end_reason::cancelled);
  } else {
    begin_kill(signal);
  }
}

void lifecycle::pause(stream which, bool paused) {
  if (state() == run_state::active && !result_.killed()) transport_->pause(which, paused);
}

void lifecycle::deadline_struck() { end_early(end_reason::timed_out); }
void lifecycle::phase_deadline_struck() { end_early(end_reason::timed_out); }

void lifecycle::patience_ended() {
  if (!kill_sent_) {
    begin_kill(SIGKILL);
    return;
  }
  decide(end_reason::cancelled);
  finish();
}

void lifecycle::drain_ended() {
  result_access::output_complete(result_) = false;
  finish();
}

void lifecycle::finish() {
  if (state() != run_state::active) return;
  state_.store(run_state::closing, std::memory_order_release);
  loop_.disarm(deadline_);
  loop_.disarm(phase_deadline_);
  loop_.disarm(patience_);
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
    drain_ended();
  }
}

}  // namespace execo::detail
