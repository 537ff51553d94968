// Cost of a local process: execo with both outputs captured, beside a C loop of posix_spawn and
// waitpid without pipes, in one binary, in interleaved pairs. Per process, in microseconds; the
// ratio is taken pair by pair, so that a machine that changes speed does not change it.
//
//   spawn [--count N] [--pairs N] [--concurrency N]...
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>

#include "measure.hpp"

extern char** environ;

namespace {

const char* const program = "/bin/true";

bool c_loop(int count, int concurrency) {
  char* const argv[] = {const_cast<char*>(program), nullptr};
  int started = 0, ended = 0, good = 0;
  while (ended < count) {
    while (started < count && started - ended < concurrency) {
      pid_t pid = 0;
      if (posix_spawn(&pid, program, nullptr, nullptr, argv, environ) != 0) return false;
      ++started;
    }
    int status = 0;
    if (waitpid(-1, &status, 0) < 0) return false;
    ++ended;
    if (status == 0) ++good;
  }
  return good == count;
}

execo::task<int> worker(int& left) {
  int good = 0;
  while (left > 0) {
    --left;
    execo::result r = co_await execo::process(program).run();
    if (r.ok()) ++good;
  }
  co_return good;
}

execo::task<int> all(int count, int concurrency) {
  std::vector<execo::task<int>> workers;
  for (int i = 0; i < concurrency; ++i) workers.push_back(worker(count));
  std::vector<int> good = co_await execo::when_all(std::move(workers));
  int sum = 0;
  for (int g : good) sum += g;
  co_return sum;
}

bool execo_loop(int count, int concurrency) {
  return execo::sync_wait(all(count, concurrency)) == count;
}

void fail(const char* what) {
  std::fprintf(stderr, "spawn: %s\n", what);
  std::exit(1);
}

void row(int count, int pairs, int concurrency) {
  std::vector<double> c_cpu, c_wall, c_own, x_cpu, x_wall, x_own, cpu_ratio, wall_ratio;
  for (int i = 0; i < pairs; ++i) {
    bench::usage a = bench::usage::now();
    if (!c_loop(count, concurrency)) fail("the C loop lost a process");
    bench::usage b = bench::usage::now();
    if (!execo_loop(count, concurrency)) fail("execo lost a process");
    bench::usage c = bench::usage::now();
    bench::usage theirs = b - a, ours = c - b;
    double per = 1e6 / count;
    c_cpu.push_back(theirs.cpu() * per);
    c_own.push_back(theirs.own * per);
    c_wall.push_back(theirs.wall * per);
    x_cpu.push_back(ours.cpu() * per);
    x_own.push_back(ours.own * per);
    x_wall.push_back(ours.wall * per);
    cpu_ratio.push_back(ours.cpu() / theirs.cpu());
    wall_ratio.push_back(ours.wall / theirs.wall);
  }
  using bench::summary;
  std::printf("%-5d %-6s %-26s %-24s %-26s\n", concurrency, "C", summary(c_cpu).text(0).c_str(),
              summary(c_own).text(1).c_str(), summary(c_wall).text(0).c_str());
  std::printf("%-5d %-6s %-26s %-24s %-26s\n", concurrency, "execo", summary(x_cpu).text(0).c_str(),
              summary(x_own).text(1).c_str(), summary(x_wall).text(0).c_str());
  std::printf("%-5d ratio  total CPU %s   wall %s\n", concurrency,
              summary(cpu_ratio).text().c_str(), summary(wall_ratio).text().c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int count = 10'000, pairs = 9;
  std::vector<int> concurrencies;
  for (int i = 1; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    if (value <= 0) fail("each option takes a positive number");
    if (std::strcmp(argv[i], "--count") == 0) {
      count = value;
    } else if (std::strcmp(argv[i], "--pairs") == 0) {
      pairs = value;
    } else if (std::strcmp(argv[i], "--concurrency") == 0) {
      concurrencies.push_back(value);
    } else {
      fail("options: --count N, --pairs N, --concurrency N");
    }
  }
  if (concurrencies.empty()) {
    concurrencies.push_back(1);
    concurrencies.push_back(64);
  }
  execo::context probe;
  std::printf("%d x %s, %d interleaved pairs, median (least-most), microseconds a process\n", count,
              program, pairs);
  std::printf("execo: both outputs captured, %s; C: posix_spawn + waitpid, no pipes\n\n",
              probe.backend().c_str());
  std::printf("%-5s %-6s %-26s %-24s %-26s\n", "conc", "who", "total CPU", "parent's CPU", "wall");
  for (int concurrency : concurrencies) row(count, pairs, concurrency);
}
