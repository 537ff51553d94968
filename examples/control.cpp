// Steers an action while it runs: after a failure no further process begins until a task has
// looked, and then they go on one by one.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<> look_at(const execo::host_result& r) {
  fmt::print("{} exited {}; nothing else begins meanwhile\n", r.host.name(), r.exit_code());
  co_await execo::sleep(200ms);
}

execo::task<int> steered() {
  execo::local checks("test $EXECO_HOST != n3", "n[1-12]");
  checks.shell().fanout(4);

  while (auto r = co_await checks.next()) {
    if (r->ok()) continue;
    checks.suspend_launching();  // those that run go on
    co_await look_at(*r);
    checks.fanout(1);
    checks.resume_launching();
  }

  const execo::action_stats end = checks.stats();
  fmt::print("{} of {} ok\n", end.ok, end.hosts);
  co_return end.done == 12 && end.ok == 11 ? 0 : 1;
}

int main() { return execo::sync_wait(steered()); }
