// Cost of a local process: execo with both outputs captured, beside a C loop of posix_spawn and
// waitpid without pipes, in one binary, in interleaved pairs. Per process, in microseconds; the
// ratio is taken pair by pair, so that a machine that changes speed does not change it.
//
// With --resident 8 the pairs are execo in a small process and in one that has 8 GiB resident, in
// pages of 4 KiB.
//
// --scope subreaper, or another kill_scope, is what all of execo's have.
//
//   spawn [--count N] [--pairs N] [--concurrency N]... [--resident GIBIBYTES] [--scope WORD]
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>
#include <optional>

#include "measure.hpp"

extern char** environ;

namespace {

const char* const program = "/bin/true";
std::optional<execo::kill_scope> scope;  // as asked for

bool choose_scope(const char* word) {
  for (auto one : {execo::kill_scope::process, execo::kill_scope::group, execo::kill_scope::session,
                   execo::kill_scope::subreaper, execo::kill_scope::cgroup})
    if (execo::to_string(one) == word) scope = one;
  return scope.has_value();
}

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
    execo::process p(program);
    if (scope) p.kill_scope(*scope);
    execo::result r = co_await std::move(p).run();
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

/// Memory that is there, page by page.
class ballast {
 public:
  explicit ballast(std::size_t bytes) : size_(bytes) {
    base_ = static_cast<char*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED) fail("no memory");
    (void)madvise(base_, size_, MADV_NOHUGEPAGE);
    for (std::size_t at = 0; at < size_; at += 4096) base_[at] = 1;
  }
  ballast(const ballast&) = delete;
  ballast& operator=(const ballast&) = delete;
  ~ballast() { (void)munmap(base_, size_); }

 private:
  char* base_;
  std::size_t size_;
};

std::size_t available_bytes() {
  std::ifstream info("/proc/meminfo");
  for (std::string word; info >> word;) {
    std::size_t kib = 0;
    if (word == "MemAvailable:" && info >> kib) return kib * 1024;
  }
  return 0;
}

struct each {
  double wall = 0, cpu = 0;  // microseconds
};

each measure_each(int count, int concurrency) {
  bench::usage before = bench::usage::now();
  if (!execo_loop(count, concurrency)) fail("execo lost a process");
  bench::usage spent = bench::usage::now() - before;
  return {spent.wall * 1e6 / count, spent.cpu() * 1e6 / count};
}

/// A copy of this program with much memory, which measures when it is asked to.
class large_copy {
 public:
  explicit large_copy(std::size_t bytes) {
    int ask[2], tell[2];
    if (pipe2(ask, O_CLOEXEC) != 0 || pipe2(tell, O_CLOEXEC) != 0) fail("pipe2");
    pid_ = fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
      close(ask[1]);
      serve(bytes, ask[0], tell[1]);
    }
    close(ask[0]);
    close(tell[1]);
    ask_ = ask[1];
    tell_ = tell[0];
    if (read(tell_, &resident_, sizeof resident_) != sizeof resident_) fail("the copy has ended");
  }
  large_copy(const large_copy&) = delete;
  large_copy& operator=(const large_copy&) = delete;
  ~large_copy() {
    close(ask_);
    close(tell_);
    (void)waitpid(pid_, nullptr, 0);
  }

  std::size_t resident() const { return resident_; }
  each measure(int count, int concurrency) const {
    int wanted[2] = {count, concurrency};
    each answer;
    if (write(ask_, wanted, sizeof wanted) != sizeof wanted) fail("the copy does not listen");
    if (read(tell_, &answer, sizeof answer) != sizeof answer) fail("the copy has ended");
    return answer;
  }

 private:
  [[noreturn]] static void serve(std::size_t bytes, int ask, int tell) {
    ballast carried(bytes);
    std::size_t resident = bench::status_bytes("VmRSS");
    bool heard = write(tell, &resident, sizeof resident) == sizeof resident;
    for (int wanted[2]; heard && read(ask, wanted, sizeof wanted) == sizeof wanted;) {
      each answer = measure_each(wanted[0], wanted[1]);
      heard = write(tell, &answer, sizeof answer) == sizeof answer;
    }
    _exit(0);
  }

  pid_t pid_ = 0;
  int ask_ = -1, tell_ = -1;
  std::size_t resident_ = 0;
};

void resident_row(int count, int pairs, int concurrency, const large_copy& copy) {
  std::vector<double> small, large, rate, cpu;
  for (int i = 0; i < pairs; ++i) {
    each s = measure_each(count, concurrency);
    each l = copy.measure(count, concurrency);
    small.push_back(s.wall);
    large.push_back(l.wall);
    rate.push_back(s.wall / l.wall);
    cpu.push_back(l.cpu / s.cpu);
  }
  using bench::summary;
  std::printf("%-5d %-18s %-18s %-22s %-22s\n", concurrency, summary(small).text(0).c_str(),
              summary(large).text(0).c_str(), summary(rate).text().c_str(),
              summary(cpu).text().c_str());
  std::fflush(stdout);
}

int resident_rows(int count, int pairs, const std::vector<int>& concurrencies, int gib) {
  std::size_t bytes = static_cast<std::size_t>(gib) << 30;
  if (available_bytes() < bytes + (std::size_t{1} << 30)) {
    std::printf("skipped: %d GiB of memory and one more are not available\n", gib);
    return 0;
  }
  large_copy copy(bytes);
  std::printf("%d x %s by execo, %d interleaved pairs, microseconds a process, wall clock\n", count,
              program, pairs);
  std::printf("small: %.3f GiB resident, large: %.3f GiB\n\n",
              bench::mib(bench::status_bytes("VmRSS")) / 1024, bench::mib(copy.resident()) / 1024);
  std::printf("%-5s %-18s %-18s %-22s %-22s\n", "conc", "small", "large", "rate, large / small",
              "CPU, large / small");
  for (int concurrency : concurrencies) resident_row(count, pairs, concurrency, copy);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0, pairs = 0, resident_gib = 0;
  std::vector<int> concurrencies;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--scope") == 0 && choose_scope(argv[i + 1])) continue;
    int value = std::atoi(argv[i + 1]);
    if (value <= 0) fail("each option takes a positive number");
    if (std::strcmp(argv[i], "--count") == 0) {
      count = value;
    } else if (std::strcmp(argv[i], "--pairs") == 0) {
      pairs = value;
    } else if (std::strcmp(argv[i], "--concurrency") == 0) {
      concurrencies.push_back(value);
    } else if (std::strcmp(argv[i], "--resident") == 0) {
      resident_gib = value;
    } else {
      fail("options: --count N, --pairs N, --concurrency N, --resident GIBIBYTES, --scope WORD");
    }
  }
  if (concurrencies.empty()) {
    concurrencies.push_back(1);
    concurrencies.push_back(64);
  }
  // Short and many: what else the machine does changes from second to second.
  if (count == 0) count = resident_gib > 0 ? 500 : 10'000;
  if (pairs == 0) pairs = resident_gib > 0 ? 25 : 9;
  if (resident_gib > 0) return resident_rows(count, pairs, concurrencies, resident_gib);
  execo::context probe;
  std::printf("%d x %s, %d interleaved pairs, median (least-most), microseconds a process\n", count,
              program, pairs);
  std::printf("execo: both outputs captured, %s; C: posix_spawn + waitpid, no pipes\n\n",
              probe.backend().c_str());
  std::printf("%-5s %-6s %-26s %-24s %-26s\n", "conc", "who", "total CPU", "parent's CPU", "wall");
  for (int concurrency : concurrencies) row(count, pairs, concurrency);
}
