#include "process/spawner.hpp"

#include <errno.h>
#include <unistd.h>

#include "base/contain.hpp"

namespace execo::detail {
namespace {

// What a loop may stand still for one child, compared with what others wait for on it.
constexpr auto bearable = std::chrono::microseconds(250);

}  // namespace

void spawn_job::work() noexcept {
  if (abandoned_.load(std::memory_order_relaxed)) {
    child.made.error = ECANCELED;
    return;
  }
  auto begun = clock::now();
  contain([this] { child = start_child(plan); },
          [this](const std::exception_ptr& error) {
            (void)child.made.fail("", {}, error_of(error).value());
          });
  taken = clock::now() - begun;
}

void spawn_job::finished() noexcept {
  --owner_->in_flight_;
  if (taken != clock::duration(0)) owner_->learn(taken);
  done_(*this);
}

bool spawner::is_busy() noexcept {
  if (loop_.spawn_threads() == 0) return false;
  bool busy = in_flight_ != 0 || last_turn_ == loop_.turns() || typical_ > bearable;
  return busy && helpers_.available();
}

started_child spawner::spawn_here(spawn_plan& plan) {
  last_turn_ = loop_.turns();
  // Its end is not this thread's: a context may be driven by another one tomorrow. The first thread
  // lasts as long as the program does.
  bool& follows = plan.what.settings.dies_with_its_starter;
  follows = follows && ::gettid() == ::getpid();
  auto begun = clock::now();
  started_child child = start_child(plan);
  learn(clock::now() - begun);
  return child;
}

spawn_job& spawner::spawn_elsewhere(std::unique_ptr<spawn_job> job) {
  spawn_job& in_flight = *job;
  in_flight.owner_ = this;
  helpers_.submit(std::move(job));
  ++in_flight_;
  return in_flight;
}

void spawner::learn(clock::duration taken) noexcept { typical_ += (taken - typical_) / 8; }

}  // namespace execo::detail
