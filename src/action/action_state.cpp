#include "action/action_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "action/fd_budget.hpp"
#include "action/host_run.hpp"
#include "base/contain.hpp"
#include "execo/log.hpp"
#include "io/stdio_spec.hpp"
#include "loop/post_call.hpp"
#include "process/lifecycle.hpp"
#include "ssh/ssh_transport.hpp"

namespace execo::detail {

action_state::action_state(command c, std::vector<host> h)
    : what(std::move(c)), hosts(std::move(h)) {
  step_.self = this;
  step_.run = [](queue_node& node) noexcept {
    action_state& self = *static_cast<step_node&>(node).self;
    self.scheduled_ = false;
    self.launch_some();
    self.release();
  };
}

action_state::~action_state() = default;

void action_state::add_handle() noexcept {
  retain();
  handles_.fetch_add(1, std::memory_order_relaxed);
}

void action_state::drop_handle() noexcept {
  if (handles_.fetch_sub(1, std::memory_order_acq_rel) == 1 && home_ != nullptr && !over())
    run_on(*home_, [mine = intrusive_ptr<action_state>(this)] { mine->stop(); });
  release();
}

loop& action_state::home(loop* awaiting) {
  if (over()) return loop_or_default(awaiting);
  if (home_ != nullptr) return *home_;
  return chosen != nullptr ? *chosen : loop_or_default(awaiting);
}

// Readers and writers are those of one process; the hosts of an action would wait for them for
// ever.
void action_state::refuse_what_needs_a_reader() const {
  const source_spec* from = stdio_access::of(what.in);
  if (from != nullptr && from->what == source_spec::kind::pipe)
    throw std::invalid_argument("an action has no writer for the input pipe()");
  for (const sink* to : {&what.out, &what.err}) {
    const sink_spec* spec = stdio_access::of(*to);
    if (spec != nullptr && needs_reader(*spec))
      throw std::invalid_argument("an action has no reader for the output pipe()");
  }
}

void action_state::bind_to(loop& where) {
  if (home_ != nullptr) return;
  if (what.shell_text().empty()) throw std::invalid_argument("the command is empty");
  refuse_what_needs_a_reader();
  if (!what.handlers.empty()) calls_ = std::make_unique<handler_calls>(what.handlers);
  stdio_ = taken_stdio::now(what, surroundings::caller::goes_on);
  shared_ = std::make_shared<const command>(std::move(what));
  // Last: from here on the action counts as begun.
  home_ = &where;
  with_lines_ = on_line || (calls_ && calls_->wants_lines());
}

void action_state::start() noexcept {
  if (started_) return;
  started_ = true;
  self_ = intrusive_ptr<action_state>(this);
  home_->adopt(*this);
  begun_ = home_->read_clock();
  stats_.hosts = hosts.size();
  try {
    if (!stopping_) {
      factories_.resize(home_->rings().size());
      choose_window();
      launch_some();
    }
  } catch (...) {
    fail(std::current_exception());
  }
  notify_waiters();
}

void action_state::choose_window() {
  std::size_t wanted = std::max<std::size_t>(1, std::min(fanout, hosts.size()));
  fd_budget budget = descriptors_left();
  // What is kept open for later is closed when its descriptors are needed.
  std::size_t available = budget.available + kept_sessions(*home_);
  std::size_t possible = std::max<std::size_t>(1, available / fds_per_host);
  window_ = std::min(wanted, possible);
  if (window_ < wanted && on_notice)
    on_notice(
        fmt::format("window narrowed from {} to {} hosts: the limit of open files is {}; "
                    "raise it with `ulimit -n`",
                    wanted, window_, budget.limit));
}

void action_state::launch_some() noexcept {
  // Results that nobody took yet count as open: a slow reader slows the action down, and memory
  // stays bounded by the window.
  while (!stopping_ && launched_ < hosts.size() &&
         running_ + (streaming_ ? ready_.size() : 0) < window_) {
    host_run* run = nullptr;
    contain([&] { run = new host_run(*this, launched_, ring_of(hosts[launched_])); },
            [this](const std::exception_ptr& error) { fail(error); });
    if (run == nullptr) return;
    run->retain();
    run->link.link_before(open_);
    ++launched_;
    ++running_;
    run->start();
  }
  if (launched_ == hosts.size()) stdio_.let_go();
}

// Always the same one: a connection that is kept stays on its ring.
std::size_t action_state::ring_of(const host& where) const noexcept {
  if (factories_.size() == 1) return 0;
  return (std::hash<std::string>()(where.name()) + static_cast<std::size_t>(where.port())) %
         factories_.size();
}

const transport_factory& action_state::factory_on(std::size_t ring) {
  transport_factory& made = factories_[ring];
  if (!made) made = make_factory(*home_->rings()[ring]);
  return made;
}

// Each where it was made: what its transports shared belongs to that loop.
void action_state::let_factories_go() noexcept {
  std::span<loop* const> rings = home_->rings();
  for (std::size_t i = 0; i < factories_.size(); ++i) {
    if (factories_[i])
      run_on(*rings[i], [made = std::move(factories_[i])]() mutable { made = {}; });
  }
  factories_.clear();
}

void action_state::schedule() noexcept {
  if (scheduled_ || stopping_ || launched_ == hosts.size()) return;
  scheduled_ = true;
  // The queue refers to this object now, which may be let go by everybody else meanwhile.
  retain();
  home_->defer(step_);
}

void action_state::host_ended(host_run& run) noexcept {
  // A handler may let go of the last handle.
  intrusive_ptr<action_state> alive(this);
  run.link.unlink();
  --running_;
  deliver([&] { return run.take_result(); });
  // No way to a host can be made at all: told to whoever awaits the action.
  if (std::exception_ptr problem = run.problem()) fail(problem);
  run.release();
  schedule();
  notify_waiters();
}

// A result for which there is no memory is an error of the action; its host counts as done.
template <class Make>
void action_state::deliver(Make&& make) noexcept {
  std::exception_ptr problem;
  contain([&] { take_over(std::forward<Make>(make)()); },
          [&](std::exception_ptr error) { problem = std::move(error); });
  ++done_;
  ++stats_.done;
  stats_.elapsed = home_->read_clock() - begun_;
  if (problem) fail(std::move(problem));
}

void action_state::take_over(host_result r) {
  log(end_level(r), [&] { return r.describe(); });
  if (calls_)
    if (auto error = calls_->end(ended_command(r.host, r.index, r))) fail(std::move(error));
  auto how = static_cast<std::size_t>(r.how());
  ++stats_.by_reason[how];
  if (!r.output_complete()) ++stats_.incomplete;
  connection_use used = r.connection();
  if (used == connection_use::made || used == connection_use::replaced) ++stats_.connections_made;
  if (used == connection_use::reused) ++stats_.connections_reused;
  if (used == connection_use::replaced) ++stats_.connections_lost;
  if (r.ok()) {
    ++stats_.ok;
    ++stats_.ok_by_reason[how];
  }
  if (streaming_) {
    ready_.push_back(std::move(r));
  } else {
    kept_.push_back(std::move(r));
  }
}

void action_state::describe(std::vector<std::string>& lines, clock::time_point now) const {
  lines.push_back(fmt::format("action `{}` on {} hosts, {} ended, {} open, for {}{}",
                              shared_->name(), hosts.size(), done_, running_,
                              format_duration(now - begun_), stopping_ ? ", stopping" : ""));
}

void action_state::fail(std::exception_ptr error) noexcept {
  if (!error_) error_ = std::move(error);
  stop();
}

void action_state::stop() noexcept {
  if (stopping_) return;
  stopping_ = true;
  // The end of the last host may let go of the last reference.
  intrusive_ptr<action_state> alive(this);
  if (!started_) start();
  for (list_node* n = open_.next(); n != &open_;) {
    list_node* next = n->next();
    static_cast<open_link*>(n)->run->cancel();
    n = next;
  }
  skip_the_rest();
  notify_waiters();
}

void action_state::kill(int signal) noexcept {
  if (!started_ || finished()) return;
  intrusive_ptr<action_state> alive(this);
  for (list_node* n = open_.next(); n != &open_;) {
    list_node* next = n->next();
    static_cast<open_link*>(n)->run->kill(signal);
    n = next;
  }
  skip_the_rest();
  notify_waiters();
}

void action_state::skip_the_rest() noexcept {
  stdio_.let_go();
  // An end handler that throws leads here again.
  while (launched_ < hosts.size()) {
    std::size_t index = launched_++;
    deliver([&] {
      result r;
      result_access::set_not_started(r, shared_->name());
      return host_result(hosts[index], index, std::move(r));
    });
  }
}

void action_state::wait_for_end(action_wait& waiter) noexcept {
  start();
  waiter.link_before(end_waiters_);
  notify_waiters();
}

void action_state::wait_for_next(action_wait& waiter) noexcept {
  if (!streaming_) {
    streaming_ = true;
    contain(
        [this] {
          for (host_result& r : kept_) ready_.push_back(std::move(r));
        },
        [this](const std::exception_ptr& error) { fail(error); });
    kept_.clear();
  }
  start();
  waiter.link_before(next_waiters_);
  notify_waiters();
}

void action_state::notify_waiters() noexcept {
  if (!started_) return;
  bool over = finished();
  std::size_t available = ready_.size();
  while (next_waiters_.linked() && (available > 0 || over)) {
    auto& waiter = static_cast<action_wait&>(*next_waiters_.next());
    waiter.unlink();
    waiter.deliver();
    available = ready_.size();
  }
  while (over && end_waiters_.linked()) {
    auto& waiter = static_cast<action_wait&>(*end_waiters_.next());
    waiter.unlink();
    waiter.deliver();
  }
  // Once: afterwards the loop may be gone.
  if (over && running_ == 0 && !over_.load(std::memory_order_relaxed)) {
    unlink();
    over_.store(true, std::memory_order_release);
    // The environment of the transports goes with the last host.
    let_factories_go();
    intrusive_ptr<action_state> last = std::move(self_);
  }
}

action_stats action_state::stats() const {
  action_stats now = stats_;
  now.hosts = hosts.size();
  now.running = running_;
  if (!finished() && started_) now.elapsed = home_->read_clock() - begun_;
  return now;
}

std::optional<host_result> action_state::take_next() {
  if (ready_.empty()) {
    if (error_) std::rethrow_exception(error_);
    return std::nullopt;
  }
  std::optional<host_result> r(std::move(ready_.front()));
  ready_.pop_front();
  schedule();
  return r;
}

action_result action_state::take_end() {
  if (error_) std::rethrow_exception(error_);
  if (end_) return *end_;
  std::vector<host_result> results = std::move(kept_);
  for (host_result& r : ready_) results.push_back(std::move(r));
  ready_.clear();
  std::ranges::sort(results, {}, &host_result::index);
  end_.emplace(std::move(results), stats_);
  return *end_;
}

}  // namespace execo::detail
