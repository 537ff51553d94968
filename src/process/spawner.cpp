#include "process/spawner.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace execo::detail {
namespace {

// What a loop may stand still for one child, compared with what others wait for on it.
constexpr auto bearable = std::chrono::microseconds(250);

bool make_pipe(unique_fd& read_end, unique_fd& write_end, unique_fd& ours, bool nonblocking) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  // Only our end: the two ends of a pipe are separate open file descriptions.
  if (nonblocking) (void)::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  return true;
}

// Everything on one terminal: our end is both the input and the output.
started_child start_on_terminal(spawn_plan& plan) {
  started_child child;
  unique_fd terminal;
  if (!open_terminal(plan.attributes_of->attributes, child.output, terminal, child.made))
    return child;
  if (plan.nonblocking) (void)::fcntl(child.output.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  child.input.reset(::fcntl(child.output.get(), F_DUPFD_CLOEXEC, 3));
  if (!child.input) {
    child.made.error = errno;
    child.made.step = "dup a terminal";
    return child;
  }
  plan.what.in = plan.what.out = plan.what.err = terminal.get();
  child.made = spawn(plan.what);
  return child;
}

started_child start_on_pipes(spawn_plan& plan) {
  started_child child;
  unique_fd in, out, err;
  const char* failed = nullptr;
  if (plan.has_input && !make_pipe(in, child.input, child.input, plan.nonblocking)) {
    failed = "pipe for standard input";
  } else if (!plan.has_input && plan.null_input < 0) {
    errno = -plan.null_input;
    failed = "open /dev/null";
  } else if (!make_pipe(child.output, out, child.output, plan.nonblocking)) {
    failed = "pipe for standard output";
  } else if (!make_pipe(child.error, err, child.error, plan.nonblocking)) {
    failed = "pipe for standard error";
  }
  if (failed != nullptr) {
    child.made.error = errno;
    child.made.step = failed;
  } else {
    plan.what.in = plan.has_input ? in.get() : plan.null_input;
    plan.what.out = out.get();
    plan.what.err = err.get();
    child.made = spawn(plan.what);
  }
  return child;
}

}  // namespace

started_child start_child(spawn_plan& plan) {
  started_child child;
  prepared_child prepared;
  bool terminal = plan.attributes_of->attributes.pty;
  if (prepare(*plan.attributes_of, plan.what.settings, prepared, child.made))
    child = terminal ? start_on_terminal(plan) : start_on_pipes(plan);
  if (child.made.error != 0) {
    child.input.reset();
    child.output.reset();
    child.error.reset();
  } else {
    child.leaf = std::move(prepared.leaf);
  }
  return child;
}

void spawn_job::work() noexcept {
  if (abandoned_.load(std::memory_order_relaxed)) {
    child.made.error = ECANCELED;
    return;
  }
  auto begun = clock::now();
  child = start_child(plan);
  taken = clock::now() - begun;
}

void spawn_job::finished() noexcept {
  --owner_->under_way_;
  if (taken != clock::duration(0)) owner_->learn(taken);
  done_(*this);
}

bool spawner::is_busy() noexcept {
  if (loop_.spawn_threads() == 0) return false;
  bool busy = under_way_ != 0 || last_turn_ == loop_.turns() || typical_ > bearable;
  return busy && helpers_.available();
}

started_child spawner::spawn_here(spawn_plan& plan) {
  last_turn_ = loop_.turns();
  auto begun = clock::now();
  started_child child = start_child(plan);
  learn(clock::now() - begun);
  return child;
}

spawn_job& spawner::spawn_elsewhere(std::unique_ptr<spawn_job> job) {
  spawn_job& under_way = *job;
  under_way.owner_ = this;
  helpers_.submit(std::move(job));
  ++under_way_;
  return under_way;
}

void spawner::learn(clock::duration taken) noexcept { typical_ += (taken - typical_) / 8; }

}  // namespace execo::detail
