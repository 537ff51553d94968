// What comes again and again beside an action, and ends with it: its progress.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<> show_progress(const execo::action& of) {
  execo::ticker every(100ms);
  while (co_await every.next()) fmt::print("{} of {} done\n", of.stats().done, of.stats().hosts);
}

execo::task<int> watched() {
  auto jobs = execo::local("sleep 0.15", 4).fanout(2).start();
  // The ticker is stopped when the action is over.
  co_await execo::when_any(jobs.wait(), show_progress(jobs));
  execo::action_result end = co_await jobs.wait();
  fmt::print("{}\n", end.describe());
  co_return end.ok() ? 0 : 1;
}

int main() { return execo::sync_wait(watched()); }
