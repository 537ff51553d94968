// Several commands at once: all of them, the first of them, and one with a deadline.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> combine() {
  auto [a, b] =
      co_await execo::when_all(execo::process("true").run(), execo::process("id -u").run());
  fmt::print("all: {} and {}", a.ok() ? "ok" : "failed", b.out);

  // The loser has been ended and reaped when when_any returns.
  auto [index, first] =
      co_await execo::when_any(execo::process("sleep 9").run(), execo::process("sleep 0.1").run());
  fmt::print("first: number {}, {}\n", index, first.describe());

  std::optional<execo::result> late =
      co_await execo::timeout(execo::process("sleep 9").run(), 100ms);
  fmt::print("in time: {}\n", late.has_value());

  // With its own deadline, the command has a result that says so.
  execo::result r = co_await execo::process("sleep 9").timeout(100ms).run();
  fmt::print("{}\n", r.describe());
  co_return r.how() == execo::end_reason::timed_out && !late ? 0 : 1;
}

int main() { return execo::sync_wait(combine()); }
