#include "action/host_run.hpp"

#include <utility>

#include "base/contain.hpp"
#include "loop/post_call.hpp"

namespace execo::detail {
namespace {

// Bytes of lines in flight between two rings at which the host's output pauses and resumes.
constexpr std::size_t max_in_flight = 256 * 1024;
constexpr std::size_t few_in_flight = 64 * 1024;
// What was being read when a host was to be held still comes. More than that comes of one that is
// being ended, which cannot be held: its lines are not kept for next_line().
constexpr std::uint8_t max_late_pieces = 8;

}  // namespace

host_run::host_run(fanout_action& owner, std::size_t index, unsigned number, std::size_t ring)
    : owner_(owner),
      on_(*owner.where().rings()[ring]),
      index_(index),
      number_(number),
      ring_(ring) {
  const host& where = owner.hosts[index];
  host_commands::run run = owner.commands.run_on(where, position(), number, *owner.factory);
  what_ = std::make_unique<attempt>(where, position(), std::move(run.what), std::move(run.stdio),
                                    std::move(run.local_paths), owner.limits);
  what_->number = number;
  what_->count = owner.commands.count;
  what_->father_mark = run.father_mark;
  what_->output_may_wait = !owner.with_lines_ && !owner.calls_;
  if (crosses_loops()) crossing_ = std::make_unique<result>();
}

// In its own nodes, so that no memory is needed when none is left.
template <void (host_run::*Step)() noexcept>
void host_run::run_step_on(loop& to, queue_node& node) noexcept {
  if (loop::current() == &to) return (this->*Step)();
  retain();
  node.run = delegate<>::to<&host_run::run_step<Step>>(this);
  to.post(node);
}

template <void (host_run::*Step)() noexcept>
void host_run::run_step() noexcept {
  (this->*Step)();
  release();
}

void host_run::start() noexcept { run_step_on<&host_run::begin>(on_, way_); }

void host_run::cancel() noexcept {
  if (!std::exchange(stop_sent_, true)) run_step_on<&host_run::cancel_here>(on_, stop_);
}

void host_run::cancel_here() noexcept {
  if (run_) run_->cancel();
}

void host_run::kill(int signal) noexcept {
  // Between rings this needs memory; if there is none, the signal is lost and cancel() still works.
  contain(
      [&] {
        run_on(on_, [self = intrusive_ptr<host_run>(this), signal] {
          if (self->run_) self->run_->kill(signal);
        });
      },
      [](const std::exception_ptr&) {});
}

void host_run::begin() noexcept {
  const std::shared_ptr<const command> what = what_->what;
  try {
    make_run();
  } catch (...) {
    run_ = {};
    times_ = {};
    problem_ = std::current_exception();
    result none;
    contain([&] { result_access::set_not_started(none, what->name()); },
            [](const std::exception_ptr&) {});
    return end_with(std::move(none));
  }
  run_->attach(static_cast<end_observer&>(*this));
  run_->disable_end_log();
  if (lines_ || owner_.calls_ || times_) run_->set_tap(static_cast<output_tap*>(this));
  run_->start();
}

void host_run::make_run() {
  run_ = owner_.factory->make(on_, ring_, std::move(*std::exchange(what_, nullptr)));
  if (owner_.with_lines_) lines_ = std::make_unique<splitters>();
  if (owner_.journal_) times_ = std::make_unique<attempt_times>(on_.read_clock());
}

// A host without an attempt in the journal may be run by who resumes it.
bool host_run::may_begin(execution&) noexcept {
  bool may = true;
  contain(
      [&] { may = !times_ || owner_.journal_->attempt(position(), number_, owner_.hosts[index_]); },
      [&](std::exception_ptr error) {
        problem_ = std::move(error);
        may = false;
      });
  return may;
}

void host_run::on_phase(execution&, phase entered) noexcept {
  if (times_) times_->enter(entered, on_.read_clock());
}

void host_run::on_end(execution& run) noexcept {
  contain(
      [this] {
        if (lines_) finish_lines();
      },
      [this](std::exception_ptr error) { problem_ = std::move(error); });
  result found = run.take_result();
  // What is left of it belongs to this ring.
  run_ = {};
  end_with(std::move(found));
}

// On the same ring it is delivered before this returns.
void host_run::end_with(result found) noexcept {
  result_ = &found;
  if (crossing_) {
    *crossing_ = std::move(found);
    result_ = crossing_.get();
  }
  run_step_on<&host_run::ended>(owner_.where(), way_);
}
void host_run::ended() noexcept { owner_.host_ended(*this); }

void host_run::on_running(execution& run) {
  if (!owner_.calls_) return;
  const result& so_far = run.result_so_far();
  run_on(owner_.where(),
         [self = intrusive_ptr<host_run>(this), name = so_far.name(), pid = run.pid(),
          at = so_far.started()] { self->notify_started(name, pid, at); });
}

void host_run::on_output(execution&, stream which, std::span<const char> bytes) {
  if (!lines_) return;
  if (held_ && late_ <= max_late_pieces) ++late_;
  line_splitter& splitter = which == stream::out ? lines_->out : lines_->err;
  splitter.feed(bytes, [&](std::string_view text, bool complete) { line(which, text, complete); });
  if (!pending_.empty()) send_lines();
}

void host_run::finish_lines() {
  for (stream which : {stream::out, stream::err}) {
    line_splitter& splitter = which == stream::out ? lines_->out : lines_->err;
    splitter.finish([&](std::string_view text, bool complete) { line(which, text, complete); });
  }
  if (!pending_.empty()) send_lines();
}

void host_run::line(stream from, std::string_view text, bool complete) {
  if (crosses_loops()) {
    pending_.push_back(pending_line{std::string(text), from, complete, late_ <= max_late_pieces});
  } else {
    notify_line(from, text, complete, late_ <= max_late_pieces);
  }
}

void host_run::send_lines() {
  std::size_t bytes = 0;
  for (const pending_line& l : pending_) bytes += l.text.size() + 1;
  if (in_flight_.fetch_add(bytes, std::memory_order_relaxed) + bytes > max_in_flight)
    set_paused(true);
  post_call(owner_.where(),
            [self = intrusive_ptr<host_run>(this), bytes, lines = std::exchange(pending_, {})] {
              self->notify_lines(lines);
              std::size_t before = self->in_flight_.fetch_sub(bytes, std::memory_order_relaxed);
              if (before > few_in_flight && before - bytes <= few_in_flight)
                post_call(self->on_, [self] { self->set_paused(false); });
            });
}

void host_run::set_paused(bool paused) {
  if (paused_ == paused) return;
  // More may have been sent since the request to resume.
  if (!paused && in_flight_.load(std::memory_order_relaxed) > few_in_flight) return;
  const bool was_paused = paused_ || held_;
  paused_ = paused;
  update_pause(was_paused);
}

void host_run::set_held(bool held) {
  const bool was_paused = paused_ || held_;
  held_ = held;
  late_ = 0;
  update_pause(was_paused);
}

void host_run::update_pause(bool was_paused) {
  const bool pause = paused_ || held_;
  if (pause == was_paused || !run_ || run_->ended()) return;
  for (stream which : {stream::out, stream::err}) run_->pause(which, pause);
}

void host_run::hold(bool held) noexcept {
  if (std::exchange(holding_, held) == held) return;
  // Between rings this needs memory, without which the host could stay held: the action fails.
  contain(
      [&] { run_on(on_, [self = intrusive_ptr<host_run>(this), held] { self->set_held(held); }); },
      [this](std::exception_ptr error) { owner_.fail(std::move(error)); });
}

void host_run::notify_lines(const std::vector<pending_line>& lines) {
  for (const pending_line& l : lines) notify_line(l.from, l.text, l.complete, l.kept);
}

// A handler is the caller's code: its exception is thrown where the action is awaited.
void host_run::notify_line(stream from, std::string_view text, bool complete, bool kept) {
  output_line event(owner_.hosts[index_], position(), from, text, complete);
  try {
    if (owner_.on_line) owner_.on_line(event);
  } catch (...) {
    log_handler_failure(std::current_exception());
    owner_.fail(std::current_exception());
  }
  if (owner_.calls_) {
    if (auto error = owner_.calls_->line(event)) owner_.fail(std::move(error));
  }
  if (kept && owner_.keeps_lines()) owner_.keep_line(event, *this);
}

void host_run::notify_started(const std::string& name, pid_t pid, time_point at) {
  started_command started(owner_.hosts[index_], position(), name, pid, at);
  if (auto error = owner_.calls_->start(started)) owner_.fail(std::move(error));
}

}  // namespace execo::detail
