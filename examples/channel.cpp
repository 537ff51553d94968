// A pipeline: one coroutine makes jobs, three workers run them, and a channel between them slows
// the producer down.
#include <fmt/format.h>

#include <execo/execo.hpp>

using job_queue = execo::channel<std::string>;

execo::task<> make_jobs(job_queue& jobs) {
  for (int n = 1; n <= 9; ++n) {
    // Waits while four jobs are queued; false when no worker receives any more.
    bool taken = co_await jobs.send(fmt::format("echo job {}", n));
    if (!taken) co_return;
  }
  jobs.close();
}

execo::task<int> work_off(job_queue& jobs) {
  int done = 0;
  while (auto job = co_await jobs.receive()) {
    execo::result r = co_await execo::process(*job).run();
    if (r.ok()) ++done;
  }
  co_return done;
}

execo::task<int> pipeline() {
  job_queue jobs(4);
  auto [none, a, b, c] =
      co_await execo::when_all(make_jobs(jobs), work_off(jobs), work_off(jobs), work_off(jobs));
  fmt::print("{} + {} + {} jobs\n", a, b, c);
  co_return a + b + c == 9 ? 0 : 1;
}

int main() { return execo::sync_wait(pipeline()); }
