// How long a loop stands still for others while many children are started on it: a coroutine that
// wants to run every millisecond, on the loop of a storm of spawns, with and without helper threads
// that start them. The lateness of its wake-ups, in milliseconds.
//
//   spawn_latency [--count N] [--rounds N]
#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>

#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

execo::task<> tick(std::vector<double>& late, const bool& over) {
  while (!over) {
    auto due = steady::now() + 1ms;
    co_await execo::sleep(1ms);
    late.push_back(std::chrono::duration<double, std::milli>(steady::now() - due).count());
  }
}

execo::task<bool> run_one() {
  auto r = co_await execo::process("/bin/true").run();
  co_return r.ok();
}

execo::task<> storm(int count, bool& over) {
  if (count == 0) {
    co_await execo::sleep(300ms);
  } else {
    std::vector<execo::task<bool>> runs;
    for (int i = 0; i < count; ++i) runs.push_back(run_one());
    auto good = co_await execo::when_all(std::move(runs));
    for (bool ok : good) {
      if (ok) continue;
      std::fprintf(stderr, "spawn_latency: a child failed\n");
      std::exit(1);
    }
  }
  over = true;
}

execo::task<> both(int count, std::vector<double>& late) {
  bool over = false;
  auto ticks = tick(late, over);
  auto spawns = storm(count, over);
  co_await execo::when_all(std::move(ticks), std::move(spawns));
}

double percentile(const std::vector<double>& sorted, double p) {
  return sorted[static_cast<std::size_t>(p * static_cast<double>(sorted.size() - 1))];
}

void row(const char* name, int count, int rounds, unsigned spawners) {
  std::vector<double> late, walls;
  for (int i = 0; i < rounds; ++i) {
    execo::context where{execo::spawners(spawners)};
    auto begun = steady::now();
    execo::sync_wait(where, both(count, late));
    walls.push_back(std::chrono::duration<double, std::milli>(steady::now() - begun).count());
  }
  std::ranges::sort(late);
  std::printf("%-34s %8.3f %8.3f %8.3f %9.3f   %s\n", name, percentile(late, 0.5),
              percentile(late, 0.9), percentile(late, 0.99), late.back(),
              bench::summary(walls).text(0).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int count = 1'000, rounds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    bool counts = std::strcmp(argv[i], "--count") == 0;
    if (value <= 0 || (!counts && std::strcmp(argv[i], "--rounds") != 0)) {
      std::fprintf(stderr, "spawn_latency: options: --count N, --rounds N, each positive\n");
      return 1;
    }
    (counts ? count : rounds) = value;
  }
  execo::context probe;
  std::printf("%d children at once, %d rounds, %s; lateness of a 1 ms tick, milliseconds\n\n",
              count, rounds, probe.backend().c_str());
  std::printf("%-34s %8s %8s %8s %9s   %s\n", "", "p50", "p90", "p99", "most", "all children");
  row("no children", 0, rounds, 0);
  row("started on the loop's thread", count, rounds, 0);
  row("by 1 helper thread", count, rounds, 1);
  row("by 2 helper threads (the default)", count, rounds, 2);
  row("by 4 helper threads", count, rounds, 4);
}
