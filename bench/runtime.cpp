// What the runtime costs beside standalone Asio: awaits, pipes, timers, hops between threads,
// when_all. Each row runs in programs of its own (runtime_execo, runtime_asio, and
// runtime_asio_uring, since Asio chooses its backend when it is compiled), one after the other in
// each round, so that a machine that changes speed changes it for all. Nanoseconds an operation;
// ratios are taken round by round against the better of Asio's two.
//
//   runtime [--rounds N] [--row NAME]... [--with-epoll] [--quick]
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>
#include <optional>
#include <string>

#include "measure.hpp"

namespace {

class row {
 public:
  row(const char* k, const char* t, int n) : key(k), text(t), count(n) {}
  const char* key;
  const char* text;
  int count;
};

const row rows[] = {
    row("ready", "await of a ready value: create, await, destroy", 5'000'000),
    row("turn", "await of a turn of the loop, 1 coroutine (Asio: post)", 1'000'000),
    row("turn128", "the same, 128 coroutines", 3'000'000),
    row("pipe2", "pipe: a read and a write, 2 coroutines", 400'000),
    row("pipe128", "pipe: a read and a write, 128 coroutines", 800'000),
    row("drain", "pipe: 64 KiB from a writer thread", 20'000),
    row("arm", "timer armed, 1,000,000 pending", 1'000'000),
    row("cancel", "timer cancelled, of 1,000,000", 1'000'000),
    row("hop", "to another thread and back", 100'000),
    row("all-ready", "when_all of 10,000 that are ready, each", 500'000),
    row("all-sleeping", "when_all of 10,000 that sleep 0, each", 500'000),
};

class contestant {
 public:
  contestant(std::string n, const char* p, const char* b)
      : name(std::move(n)), program(std::string(EXECO_BIN_DIR) + "/bench/" + p), backend(b) {}
  std::string name;
  std::string program;
  std::string backend;
  std::vector<double> cpu, wall;
};

void fail(const std::string& what) {
  std::fprintf(stderr, "runtime: %s\n", what.c_str());
  std::exit(1);
}

void measure(contestant& who, const row& what, int count) {
  execo::process p(who.program);
  p.args(what.key, std::to_string(count));
  if (!who.backend.empty()) p.env("EXECO_BACKEND", who.backend);
  const execo::result r = execo::sync_wait(p.run());
  double wall = 0, cpu = 0;
  if (!r.ok() || std::sscanf(r.out.c_str(), "%lf %lf", &wall, &cpu) != 2)
    fail(who.name + ": " + r.describe());
  who.wall.push_back(wall);
  who.cpu.push_back(cpu);
}

/// Ours over the better of the rivals, round by round.
std::vector<double> ratios(const std::vector<contestant>& all,
                           std::vector<double> contestant::*values) {
  std::vector<double> found;
  for (std::size_t i = 0; i < (all[0].*values).size(); ++i) {
    std::optional<double> best;
    for (const contestant& c : all)
      if (c.name.starts_with("Asio"))
        best = std::min(best.value_or((c.*values)[i]), (c.*values)[i]);
    if (best && *best > 0) found.push_back((all[0].*values)[i] / *best);
  }
  return found;
}

void run_row(const row& what, std::vector<contestant>& all, int rounds, bool quick) {
  for (contestant& c : all) {
    c.cpu.clear();
    c.wall.clear();
  }
  const int count = quick ? what.count / 50 : what.count;
  // The first to run in a round changes: it finds what the last round left of the caches.
  for (int i = 0; i < rounds; ++i)
    for (std::size_t k = 0; k < all.size(); ++k)
      measure(all[(k + static_cast<std::size_t>(i)) % all.size()], what, count);
  std::printf("%s (%s)\n", what.text, what.key);
  for (const contestant& c : all)
    std::printf("  %-14s CPU %-28s wall %s\n", c.name.c_str(),
                bench::summary(c.cpu).text(1).c_str(), bench::summary(c.wall).text(1).c_str());
  const std::vector<double> cpu = ratios(all, &contestant::cpu);
  const std::vector<double> wall = ratios(all, &contestant::wall);
  if (!cpu.empty())
    std::printf("  %-14s CPU %-28s wall %s\n", "ratio", bench::summary(cpu).text(2).c_str(),
                bench::summary(wall).text(2).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 7;
  bool quick = false, with_epoll = false;
  std::vector<std::string> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--quick") {
      quick = true;
      rounds = 1;
    } else if (option == "--with-epoll") {
      with_epoll = true;
    } else if (option == "--row" && i + 1 < argc) {
      chosen.push_back(argv[++i]);
    } else if (option == "--rounds" && i + 1 < argc) {
      rounds = std::atoi(argv[++i]);
    } else {
      fail("options: --rounds N, --row NAME, --with-epoll, --quick");
    }
  }
  if (rounds <= 0) fail("--rounds takes a positive number");
  std::vector<contestant> all;
  all.emplace_back("execo", "runtime_execo", "");
  all.emplace_back("Asio epoll", "runtime_asio", "");
  all.emplace_back("Asio io_uring", "runtime_asio_uring", "");
  std::erase_if(all, [](const contestant& c) { return ::access(c.program.c_str(), X_OK) != 0; });
  if (all.empty() || all[0].name != "execo") fail("runtime_execo is not built");
  if (with_epoll) all.emplace_back("execo epoll", "runtime_execo", "epoll");
  std::printf("execo: %s. Nanoseconds an operation: median (least-most) of %d rounds.\n",
              execo::context().backend().c_str(), rounds);
  for (const row& what : rows)
    if (chosen.empty() || std::ranges::find(chosen, what.key) != chosen.end())
      run_row(what, all, rounds, quick);
}
