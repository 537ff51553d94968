#include "action/fanout_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "action/host_run.hpp"
#include "base/contain.hpp"
#include "io/stdio_spec.hpp"
#include "loop/post_call.hpp"

namespace execo::detail {

fanout_action::fanout_action(command c, std::vector<host> h)
    : commands(std::move(c)),
      hosts(std::move(h)),
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

void fanout_action::set_fanout(std::size_t at_a_time) {
  if (at_a_time == 0) throw std::invalid_argument("fanout: at least one host at a time");
  fanout = at_a_time;
}

// Readers and writers are those of one process; the hosts of an action would wait for them
// indefinitely.
void fanout_action::refuse_what_needs_a_reader() const {
  const command& what = commands.what;
  const source_spec* from = stdio_access::of(what.in);
  if (from != nullptr && from->what == source_spec::kind::pipe)
    throw std::invalid_argument("an action has no writer for the input pipe()");
  for (const sink* to : {&what.out, &what.err}) {
    const sink_spec* spec = stdio_access::of(*to);
    if (spec != nullptr && needs_reader(*spec))
      throw std::invalid_argument("an action has no reader for the output pipe()");
  }
}

void fanout_action::prepare(loop&) {
  if (commands.is_prepared()) return;
  refuse_what_needs_a_reader();
  factory->prepare(commands.what);
  std::vector<std::shared_ptr<handler>> handlers = commands.what.handlers;
  commands.prepare();
  if (!handlers.empty()) calls_ = std::make_unique<handler_calls>(handlers);
  with_lines_ = on_line || keeps_lines() || (calls_ && calls_->wants_lines());
}

void fanout_action::begin() {
  factory->begin(where());
  commands.check(hosts, *factory);
  choose_window();
  launch_some();
}

void fanout_action::choose_window() {
  std::size_t wanted = std::max<std::size_t>(1, std::min(fanout, hosts.size()));
  window_ = descriptors_.take(wanted, factory->descriptors(), factory->spare_descriptors(where()));
  if (window_ < wanted && on_notice)
    on_notice(
        fmt::format("fanout reduced from {} to {} hosts: the limit of open files is {}; "
                    "raise it with `ulimit -n`",
                    wanted, window_, descriptors_.limit()));
}

void fanout_action::launch_some() noexcept {
  // Results that were not taken yet count as open: a slow reader slows the action down, and memory
  // stays bounded by the window.
  while (!stopping() && launched_ < hosts.size() && running_ + untaken() < window_) {
    if (skipped_.erase(launched_) > 0) {
      ++launched_;
      continue;
    }
    host_run* run = nullptr;
    std::size_t ring = factory->ring_of(hosts[launched_], where().rings().size());
    contain([&] { run = new host_run(*this, launched_, ring); },
            [this](const std::exception_ptr& error) { fail(error); });
    if (run == nullptr) return;
    run->retain();
    run->link.link_before(open_);
    ++launched_;
    ++running_;
    descriptors_.opened();
    run->start();
  }
  if (launched_ == hosts.size()) commands.release_stdio();
}

void fanout_action::go_on() noexcept {
  if (scheduled_ || stopping() || finished() || launched_ == hosts.size()) return;
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
  deliver([&] { return run.take_result(); });
  // No execution can be made at all: thrown where the action is awaited.
  if (std::exception_ptr problem = run.problem()) fail(problem);
  run.release();
  go_on();
  notify_waiters();
}

// Once: the others most likely have the same reason, and each result has its own.
void fanout_action::note_transport(const host_result& r) {
  if (!on_notice || transport_noted_ || r.transport_why().empty()) return;
  transport_noted_ = true;
  on_notice(fmt::format("{}: {} is used, since {}", r.host.name(), to_string(r.transport()),
                        r.transport_why()));
}

void fanout_action::on_result(const host_result& r) noexcept {
  contain([&] { note_transport(r); }, [this](const std::exception_ptr& error) { fail(error); });
  if (!calls_) return;
  if (auto error = calls_->end(ended_command(r.host, r.index, r))) fail(std::move(error));
}

// What executions share belongs to the ring where they are.
void fanout_action::on_over() noexcept {
  commands.release_stdio();
  descriptors_.release();
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
  skip_the_rest();
}

void fanout_action::signal_all(int signal) noexcept {
  for (list_node* n = open_.next(); n != &open_;) {
    list_node* next = n->next();
    static_cast<open_link*>(n)->run->kill(signal);
    n = next;
  }
  skip_the_rest();
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
  return find_open(index) != nullptr ? host_state::running : host_state::ended;
}

void fanout_action::signal_one(std::size_t index, int signal) noexcept {
  if (host_run* run = find_open(index)) return run->kill(signal);
  if (state_of(index) != host_state::waiting) return;
  bool known = false;
  contain([&] { known = skipped_.insert(index).second; },
          [this](const std::exception_ptr& error) { fail(error); });
  if (!known) return;
  skip(index);
  notify_waiters();
}

void fanout_action::skip(std::size_t index) noexcept {
  deliver([&] {
    result r;
    result_access::set_not_started(r, commands.name_for(hosts[index], index, *factory));
    return host_result(hosts[index], index, std::move(r));
  });
}

void fanout_action::skip_the_rest() noexcept {
  commands.release_stdio();
  // An end handler that throws leads here again.
  while (launched_ < hosts.size()) {
    std::size_t index = launched_++;
    if (skipped_.erase(index) == 0) skip(index);
  }
}

}  // namespace execo::detail
