#include "action/fanout_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <utility>

#include "action/host_run.hpp"
#include "action/remote_factory.hpp"
#include "base/contain.hpp"
#include "io/stdio_spec.hpp"
#include "loop/post_call.hpp"

namespace execo::detail {

fanout_action::fanout_action(command c, std::vector<host> h)
    : commands(std::move(c)),
      hosts(std::move(h)),
      retry_timer_(delegate<>::to<&fanout_action::go_on>(this), "a host to be tried again"),
      step_(delegate<>::to<&fanout_action::launch_scheduled>(this)) {}

void fanout_action::launch_scheduled() noexcept {
  scheduled_ = false;
  launch_some();
  release();
}

fanout_action::~fanout_action() = default;

fanout_action& configurable(action_core& state) {
  if (state.bound()) throw std::logic_error("an action is configured before it is started");
  return static_cast<fanout_action&>(state);
}

// With a smaller one those that run go on, and none begins until fewer than that are left.
void fanout_action::set_fanout(std::size_t at_a_time) noexcept {
  assert(at_a_time > 0);
  fanout = at_a_time;
  if (window_ == 0 || stopping() || finished()) return;
  contain([this] { choose_window(); }, [this](const std::exception_ptr& error) { fail(error); });
  go_on();
}

void fanout_action::set_journal(journal_options how) {
  if (journal_) throw std::logic_error("an action writes one journal");
  const bool resumes = how.resumes();
  auto made = std::make_unique<journal_writer>(std::move(how));
  if (resumes) {
    commands.count = hosts.size();
    positions_ = made->take_over(hosts);
  }
  journal_ = std::move(made);
}

void fanout_action::prepare(loop& where) {
  if (commands.is_prepared()) return;
  if (take_defaults != nullptr)
    if (auto set = defaults_of(where)) take_defaults(*this, *set);
  if (consider_tree != nullptr) why_tree_ = consider_tree(*this);
  factory->prepare(commands.what);
  std::vector<std::shared_ptr<handler>> handlers = commands.what.handlers;
  commands.prepare();
  if (!handlers.empty()) calls_ = std::make_unique<handler_calls>(handlers);
  with_lines_ = on_line || keeps_lines() || (calls_ && calls_->wants_lines());
}

void fanout_action::begin() {
  factory->begin(where());
  if (commands.count == 0) commands.count = hosts.size();
  commands.check(hosts, positions_, *factory);
  begin_journal();
  if (on_notice && !why_tree_.empty())
    on_notice(fmt::format("the tree is used, since {}", why_tree_));
  choose_window();
  launch_some();
}

way_wishes fanout_action::wishes() const {
  way_wishes made;
  made.fanout = fanout;
  made.in_batches = allowed_ == 0;
  return made;
}

// After what would refuse the action: a run that cannot be is not in a journal.
void fanout_action::begin_journal() {
  if (journal_) journal_->begin(where(), commands.text(), hosts, on_notice);
}

void fanout_action::choose_window() {
  std::size_t most = fanout == 0 ? factory->usual_fanout() : fanout;
  std::size_t wanted = std::max<std::size_t>(1, std::min(most, hosts.size()));
  window_ = descriptors_.take(wanted, factory->descriptors() + commands.files_of_each(),
                              factory->spare_descriptors(where()));
  if (window_ < wanted && on_notice)
    on_notice(
        fmt::format("fanout reduced from {} to {} hosts: the limit of open files is {}; "
                    "raise it with `ulimit -n`",
                    wanted, window_, descriptors_.limit()));
}

void fanout_action::launch_some() noexcept {
  // Results that were not taken yet count as open: a slow reader slows the action down, and memory
  // stays bounded by the window.
  while (!stopping() && has_room() && may_launch()) {
    if (waiting_.is_due(where().now())) {
      launch_again();
    } else if (const std::size_t index = launched_++; skipped_.erase(index) == 0) {
      launch(index, 1);
    }
  }
  if (launched_ == hosts.size() && retries.most == 0) commands.release_stdio();
  wait_for_retry();
}

bool fanout_action::may_launch() const noexcept {
  if (is_suspended()) return false;
  return launched_ < std::min(allowed_, hosts.size()) || waiting_.is_due(where().now());
}

template <class Found>
void fanout_action::notify_awaiting(std::size_t index, Found found) noexcept {
  for (list_node* n = awaiting_start_.next(); n != &awaiting_start_;) {
    auto& waiter = static_cast<host_process_op&>(*n);
    if (waiter.index_ > index) return;
    n = n->next();
    if (waiter.index_ < index) continue;
    waiter.unlink();
    found(waiter);
  }
}

// Without memory the action fails, and the host has no result but `not_started`.
void fanout_action::launch(std::size_t index, unsigned number) noexcept {
  host_run* run = nullptr;
  std::size_t ring = factory->ring_of(hosts[index], where().rings().size());
  contain([&] { run = new host_run(*this, index, number, ring); },
          [&](const std::exception_ptr& error) {
            skip(index);
            fail(error);
          });
  if (run == nullptr) return;
  run->retain();
  run->link.link_before(open_);
  ++running_;
  descriptors_.opened();
  const intrusive_ptr<host_run> kept(run);
  run->start();
  notify_awaiting(index, [&](host_process_op& waiter) { waiter.ask(*kept); });
}

void fanout_action::launch_again() noexcept {
  const host_result last = waiting_.pop();
  launch(last.index, last.attempts + 1);
}

// One that is due waits for room, which comes with a step of its own.
void fanout_action::wait_for_retry() noexcept {
  const std::optional<clock::time_point> next = waiting_.next();
  if (next && !stopping() && *next > where().now()) {
    where().arm(retry_timer_, *next);
  } else {
    where().disarm(retry_timer_);
  }
}

// It gives up its place meanwhile. Without memory to wait, this attempt was the last one.
bool fanout_action::keep_for_retry(host_run& run) noexcept {
  if (stopping() || run.problem() || run.index() >= allowed_) return false;
  if (!retries.allows(run.found(), run.number(), *factory)) return false;
  bool kept = false;
  contain(
      [&] {
        retry_queue::place room = waiting_.make_place(where().now() + retries.pause(run.number()));
        waiting_.put(std::move(room), run.take_result());
        kept = true;
      },
      [](const std::exception_ptr&) {});
  return kept;
}

void fanout_action::allow_below(std::size_t limit) noexcept {
  allowed_ = limit;
  go_on();
}

void fanout_action::go_on() noexcept {
  if (window_ == 0 || scheduled_ || stopping() || finished() || !may_launch()) return;
  scheduled_ = true;
  // The queue refers to this object now, and all other references may be released meanwhile.
  retain();
  where().defer(step_);
}

void fanout_action::host_ended(host_run& run) noexcept {
  // A handler may drop the last handle.
  intrusive_ptr<fanout_action> alive(this);
  run.link.unlink();
  --running_;
  descriptors_.closed();
  if (keep_for_retry(run)) {
    wait_for_retry();
  } else {
    deliver([&] { return take_result(run); });
  }
  if (journal_ && journal_->failed()) stop_beginning();
  // No execution can be made at all: thrown where the action is awaited.
  if (std::exception_ptr problem = run.problem()) fail(problem);
  run.release();
  go_on();
  notify_waiters();
}

host_result fanout_action::take_result(host_run& run) {
  if (!run.is_in_journal()) return run.take_result();
  return recorded(run.take_result(), &run.times());
}

host_result fanout_action::recorded(host_result r, const attempt_times* times) {
  if (!journal_) return r;
  const std::size_t own = std::exchange(r.index, position_of(r.index));
  journal_->end(r, times);
  r.index = own;
  return r;
}

// Hosts that run go on to their end. Their results are delivered, although the journal lacks them.
void fanout_action::stop_beginning() noexcept {
  if (std::exchange(journal_was_lost_, true)) return;
  contain([this] { fail_at_end(journal_->problem()); },
          [this](const std::exception_ptr& error) { fail(error); });
  begin_no_more();
}

// Once: the others most likely have the same reason, and each result has its own.
void fanout_action::note_transport(const host_result& r) {
  if (!on_notice || transport_noted_ || r.transport_why().empty()) return;
  transport_noted_ = true;
  on_notice(fmt::format("{}: {} is used, since {}", r.host.name(), to_string(r.transport()),
                        r.transport_why()));
}

void fanout_action::on_result(const host_result& r) noexcept {
  notify_awaiting(r.index, [](host_process_op& waiter) { waiter.finish(); });
  contain([&] { note_transport(r); }, [this](const std::exception_ptr& error) { fail(error); });
  if (!calls_) return;
  if (auto error = calls_->end(ended_command(r.host, position_of(r.index), r)))
    fail(std::move(error));
}

// What executions share belongs to the ring where they are.
void fanout_action::on_over() noexcept {
  where().disarm(retry_timer_);
  commands.release_stdio();
  descriptors_.release();
  if (journal_) journal_->finish();
  // A host without a result, for lack of memory, did not tell them.
  while (awaiting_start_.linked()) {
    auto& waiter = static_cast<host_process_op&>(*awaiting_start_.next());
    waiter.unlink();
    waiter.finish();
  }
  std::span<loop* const> rings = where().rings();
  for (std::size_t i = 0; i < rings.size(); ++i)
    run_on(*rings[i], [shared = factory, i] { shared->end(i); });
}

void fanout_action::describe(std::vector<std::string>& lines, clock::time_point now) const {
  lines.push_back("action `" + name() + "` on " + progress(now));
}

void fanout_action::cancel_all() noexcept {
  for (list_node* n = open_.next(); n != &open_;) {
    list_node* next = n->next();
    static_cast<open_link*>(n)->run->cancel();
    n = next;
  }
  end_waiting();
}

void fanout_action::signal_all(int signal) noexcept {
  for (list_node* n = open_.next(); n != &open_;) {
    list_node* next = n->next();
    static_cast<open_link*>(n)->run->kill(signal);
    n = next;
  }
  end_waiting();
}

host_run* fanout_action::find_open(std::size_t index) const noexcept {
  for (list_node* n = open_.next(); n != &open_; n = n->next()) {
    host_run* run = static_cast<open_link*>(n)->run;
    if (run->index() == index) return run;
  }
  return nullptr;
}

std::optional<std::size_t> fanout_action::find(const host& which, match by) const {
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (by == match::host ? hosts[i] == which : hosts[i].name() == which.name()) return i;
  return std::nullopt;
}

host_state fanout_action::state_of(std::size_t index) const noexcept {
  if (index >= launched_) return skipped_.contains(index) ? host_state::ended : host_state::waiting;
  if (waiting_.contains(index)) return host_state::waiting;
  return find_open(index) != nullptr ? host_state::running : host_state::ended;
}

void fanout_action::signal_one(std::size_t index, int signal) noexcept {
  if (host_run* run = find_open(index)) return run->kill(signal);
  if (state_of(index) != host_state::waiting) return;
  if (std::optional<host_result> last = waiting_.take(index)) {
    deliver([&] { return recorded(std::move(*last), nullptr); });
    return notify_waiters();
  }
  bool known = false;
  contain([&] { known = skipped_.insert(index).second; },
          [this](const std::exception_ptr& error) { fail(error); });
  if (!known) return;
  skip(index);
  notify_waiters();
}

void fanout_action::find_process(std::size_t index, host_process_op& waiter) noexcept {
  if (host_run* run = find_open(index)) return waiter.ask(*run);
  if (state_of(index) == host_state::ended) return waiter.finish();
  // Usually asked for in their order: the place is at the end.
  list_node* after = &awaiting_start_;
  while (after->prev() != &awaiting_start_ &&
         static_cast<host_process_op*>(after->prev())->index_ > index)
    after = after->prev();
  waiter.link_before(*after);
}

void fanout_action::skip(std::size_t index) noexcept {
  deliver([&] {
    result r;
    result_access::set_not_started(r,
                                   commands.name_for(hosts[index], position_of(index), *factory));
    return host_result(hosts[index], index, std::move(r));
  });
}

// Those that were tried have the result of their last attempt.
void fanout_action::end_waiting() noexcept {
  commands.release_stdio();
  allowed_ = 0;
  // An end handler that throws leads here again.
  while (launched_ < hosts.size()) {
    std::size_t index = launched_++;
    if (skipped_.erase(index) == 0) skip(index);
  }
  while (!waiting_.empty()) deliver([&] { return recorded(waiting_.pop(), nullptr); });
}

}  // namespace execo::detail
