// What the runtime costs beside standalone Asio, libuv and plain loops over the kernel: awaits,
// pipes, timers, hops between threads, when_all. Each row runs in programs of its own
// (runtime_execo, runtime_asio, runtime_asio_uring, since Asio chooses its backend when it is
// compiled, runtime_libuv, runtime_limits), one after the other in each round, so that a machine
// that changes speed changes it for all. Nanoseconds an operation; ratios are taken round by round.
// --before names the runtime_execo of another build, which runs beside this one's. A program that
// does not end is named; on a terminal a line says how far a row is.
//
//   runtime [--rounds N] [--row NAME]... [--before PROGRAM] [--quick]
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>
#include <limits>
#include <string>
#include <vector>

#include "measure.hpp"
#include "runtime_rows.hpp"

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
    row("hop", "to another thread and back", 20'000),
    row("context", "context: made, turned once, and ended", 10'000),
    row("all-ready", "when_all of 10,000 that are ready, each", 500'000),
    row("all-sleeping", "when_all of 10,000 that sleep 0, each", 500'000),
    row("child-bytes", "when_all of so many that sleep: bytes resident, each (no time)", 100'000),
};

// On a machine where each row takes twenty times as long as on a quiet one.
constexpr auto longest_run = std::chrono::minutes(2);

class contestant {
 public:
  contestant(std::string n, std::string p, const char* b)
      : name(std::move(n)), program(std::move(p)), backend(b) {}
  std::string name;
  std::string program;
  std::string backend;
  bool has_row = true;
  std::vector<double> cpu, wall;
};

std::string beside(const char* program) { return std::string(EXECO_BIN_DIR) + "/bench/" + program; }

void fail(const std::string& what) {
  std::fprintf(stderr, "runtime: %s\n", what.c_str());
  std::exit(1);
}

void measure(contestant& who, const row& what, int count) {
  if (!who.has_row) return;
  execo::process p(who.program);
  p.args(what.key, std::to_string(count));
  if (!who.backend.empty()) p.env("EXECO_BACKEND", who.backend);
  p.timeout(longest_run);
  const execo::result r = execo::sync_wait(p.run());
  if (r.status().code() == bench::no_such_row) {
    who.has_row = false;
    return;
  }
  double wall = 0, cpu = 0;
  if (!r.ok() || std::sscanf(r.out.c_str(), "%lf %lf", &wall, &cpu) != 2)
    fail(who.name + ": " + r.describe());
  who.wall.push_back(wall);
  who.cpu.push_back(cpu);
}

void show_progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) == 1) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

/// Of those whose name begins so: the better, round by round.
std::vector<double> best_of(const std::vector<contestant>& all, const std::string& name,
                            std::vector<double> contestant::*values) {
  std::vector<double> best;
  for (const contestant& c : all) {
    if (!c.name.starts_with(name)) continue;
    const std::vector<double>& found = c.*values;
    best.resize(std::max(best.size(), found.size()), std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < found.size(); ++i) best[i] = std::min(best[i], found[i]);
  }
  return best;
}

std::string over(const std::vector<contestant>& all, const contestant& ours,
                 const std::string& rival, std::vector<double> contestant::*values) {
  const std::vector<double> best = best_of(all, rival, values);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(best.size(), (ours.*values).size()); ++i)
    if (best[i] > 0) ratios.push_back((ours.*values)[i] / best[i]);
  return ratios.empty() ? "" : bench::summary(ratios).text(2);
}

void print_line(const std::string& name, const std::string& cpu, const std::string& wall) {
  if (!cpu.empty())
    std::printf("  %-26s CPU %-28s wall %s\n", name.c_str(), cpu.c_str(), wall.c_str());
}

/// Whom each of ours is measured against.
class comparison {
 public:
  comparison(const char* o, const char* r) : ours(o), rival(r) {}
  const char* ours;
  const char* rival;
};

const comparison comparisons[] = {
    comparison("execo", "before uring"),
    comparison("execo", "Asio"),
    comparison("execo", "libuv"),
    comparison("execo", "LIMIT uring"),
    comparison("execo epoll", "before epoll"),
    comparison("execo epoll", "libuv"),
    comparison("execo epoll", "LIMIT epoll"),
};

void run_row(const row& what, std::vector<contestant>& all, int rounds, bool quick) {
  for (contestant& c : all) {
    c.has_row = true;
    c.cpu.clear();
    c.wall.clear();
  }
  const int count = quick ? what.count / 50 : what.count;
  // The first to run in a round changes: it finds what the last round left of the caches.
  for (int i = 0; i < rounds; ++i) {
    for (std::size_t k = 0; k < all.size(); ++k) {
      contestant& next = all[(k + static_cast<std::size_t>(i)) % all.size()];
      show_progress(std::string(what.key) + ", round " + std::to_string(i + 1) + " of " +
                    std::to_string(rounds) + ": " + next.name);
      measure(next, what, count);
    }
  }
  show_progress("");
  std::printf("%s (%s)\n", what.text, what.key);
  for (const contestant& c : all)
    if (c.has_row)
      print_line(c.name, bench::summary(c.cpu).text(1), bench::summary(c.wall).text(1));
  for (const comparison& c : comparisons)
    for (const contestant& ours : all)
      if (ours.name == c.ours)
        print_line(ours.name + " / " + c.rival, over(all, ours, c.rival, &contestant::cpu),
                   over(all, ours, c.rival, &contestant::wall));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 7;
  bool quick = false;
  std::string before;
  std::vector<std::string> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--quick") {
      quick = true;
      rounds = 1;
    } else if (option == "--before" && i + 1 < argc) {
      before = argv[++i];
    } else if (option == "--row" && i + 1 < argc) {
      chosen.push_back(argv[++i]);
    } else if (option == "--rounds" && i + 1 < argc) {
      rounds = std::atoi(argv[++i]);
    } else {
      fail("options: --rounds N, --row NAME, --before PROGRAM, --quick");
    }
  }
  if (rounds <= 0) fail("--rounds takes a positive number");
  std::vector<contestant> all;
  all.emplace_back("execo", beside("runtime_execo"), "");
  all.emplace_back("execo epoll", beside("runtime_execo"), "epoll");
  if (!before.empty()) all.emplace_back("before uring", before, "");
  if (!before.empty()) all.emplace_back("before epoll", before, "epoll");
  all.emplace_back("Asio epoll", beside("runtime_asio"), "");
  all.emplace_back("Asio io_uring", beside("runtime_asio_uring"), "");
  all.emplace_back("libuv", beside("runtime_libuv"), "");
  all.emplace_back("LIMIT uring", beside("runtime_limits"), "uring");
  all.emplace_back("LIMIT epoll", beside("runtime_limits"), "epoll");
  std::erase_if(all, [](const contestant& c) { return ::access(c.program.c_str(), X_OK) != 0; });
  if (all.empty() || all[0].name != "execo") fail("runtime_execo is not built");
  std::printf("execo: %s. Nanoseconds an operation: median (least-most) of %d rounds.\n",
              execo::context().backend().c_str(), rounds);
  for (const row& what : rows)
    if (chosen.empty() || std::ranges::find(chosen, what.key) != chosen.end())
      run_row(what, all, rounds, quick);
}
