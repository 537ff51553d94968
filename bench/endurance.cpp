// One program that runs very many commands: its memory, its descriptors and its children after each
// tenth of them, and the slope of what is allocated and resident from the fifth of them on.
//
//   endurance [--count N] [--concurrency N]
#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>

#include "measure.hpp"

namespace {

void fail(const char* what) {
  std::fprintf(stderr, "endurance: %s\n", what);
  std::exit(1);
}

execo::task<int> worker(int& left) {
  int good = 0;
  while (left > 0) {
    --left;
    execo::result r = co_await execo::process("true").run();
    if (r.ok()) ++good;
  }
  co_return good;
}

execo::task<int> batch(int count, int concurrency) {
  std::vector<execo::task<int>> workers;
  for (int i = 0; i < concurrency; ++i) workers.push_back(worker(count));
  std::vector<int> good = co_await execo::when_all(std::move(workers));
  int sum = 0;
  for (int g : good) sum += g;
  co_return sum;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 100'000, concurrency = 16;
  for (int i = 1; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    bool counts = std::strcmp(argv[i], "--count") == 0;
    if (value <= 0 || (!counts && std::strcmp(argv[i], "--concurrency") != 0))
      fail("options: --count N, --concurrency N, each positive");
    (counts ? count : concurrency) = value;
  }
  execo::context where;
  std::printf("%d x true, %d at once, %s\n\n", count, concurrency, where.backend().c_str());
  std::printf("%8s %12s %16s %12s %9s\n", "runs", "resident KiB", "allocated bytes", "descriptors",
              "children");
  std::size_t at_fifth = 0, now = 0, allocated_at_fifth = 0, allocated = 0;
  for (int step = 0; step <= 10; ++step) {
    int part = step == 0 ? 0 : count / 10;
    if (execo::sync_wait(where, batch(part, concurrency)) != part) fail("a command failed");
    now = bench::status_bytes("VmRSS");
    allocated = mallinfo2().uordblks;
    if (step == 2) {
      at_fifth = now;
      allocated_at_fifth = allocated;
    }
    std::printf("%8d %12zu %16zu %12td %9d\n", step * (count / 10), now / 1024, allocated,
                bench::descriptors(), bench::children());
    std::fflush(stdout);
  }
  auto slope = [&](std::size_t from, std::size_t to) {
    return (static_cast<double>(to) - static_cast<double>(from)) / (count / 10 * 8);
  };
  std::printf("\nslope from the fifth on, bytes a run: allocated %.2f, resident %.2f\n",
              slope(allocated_at_fifth, allocated), slope(at_fifth, now));
}
