// One command, and everything known about its end.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> run_one() {
  execo::result r = co_await execo::process("ls /").run();
  if (!r.ok()) {
    fmt::print(stderr, "{}\n", r.describe());
    co_return 1;
  }
  fmt::print("{}took {}\n", r.out, execo::format_duration(r.elapsed()));

  // A failing child is a value, not an exception.
  execo::result bad = co_await execo::process("ls /does-not-exist").run();
  fmt::print("{}\n", bad.describe());
  co_return bad.status().code() == 2 ? 0 : 1;
}

int main() { return execo::sync_wait(run_one()); }
