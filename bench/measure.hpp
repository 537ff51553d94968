// What the benches share: CPU and wall clocks, medians with spread, and interleaved pairs.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace bench {

/// What `--hosts N --rounds N --window N` say.
class fanout_sizes {
 public:
  int hosts, rounds, window = 64;

  void read(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
      std::string option = argv[i];
      int& value = option == "--hosts" ? hosts : option == "--rounds" ? rounds : window;
      value = std::atoi(argv[i + 1]);
    }
  }
};

inline double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

/// CPU seconds of this process (`own`) and of its reaped children, and the wall clock.
class usage {
 public:
  static usage now() {
    usage u;
    rusage r{};
    getrusage(RUSAGE_SELF, &r);
    u.own = seconds(r.ru_utime) + seconds(r.ru_stime);
    getrusage(RUSAGE_CHILDREN, &r);
    u.children = seconds(r.ru_utime) + seconds(r.ru_stime);
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    u.wall = static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
    return u;
  }
  usage operator-(const usage& o) const {
    usage u;
    u.own = own - o.own;
    u.children = children - o.children;
    u.wall = wall - o.wall;
    return u;
  }
  double cpu() const { return own + children; }

  double own = 0;
  double children = 0;
  double wall = 0;
};

class summary {
 public:
  explicit summary(std::vector<double> values) : sorted_(std::move(values)) {
    std::ranges::sort(sorted_);
  }
  double median() const {
    std::size_t n = sorted_.size();
    return n % 2 == 1 ? sorted_[n / 2] : (sorted_[n / 2 - 1] + sorted_[n / 2]) / 2;
  }
  double least() const { return sorted_.front(); }
  double most() const { return sorted_.back(); }
  /// "0.932 (0.921-0.951)"
  std::string text(int digits = 3) const {
    char buffer[96];
    std::snprintf(buffer, sizeof buffer, "%.*f (%.*f-%.*f)", digits, median(), digits, least(),
                  digits, most());
    return buffer;
  }

 private:
  std::vector<double> sorted_;
};

/// A line of /proc/self/status in bytes: VmRSS is what is resident now, VmHWM the most so far.
inline std::size_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == name + ":" && status >> kib) return kib * 1024;
  }
  return 0;
}

inline double mib(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

inline std::ptrdiff_t descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  // The directory's own is one of them.
  return std::distance(begin(all), end(all)) - 1;
}

/// Children of any thread of a process, zombies among them; none if it has gone.
inline std::vector<pid_t> child_pids(const std::string& process = "/proc/self") {
  std::vector<pid_t> all;
  std::error_code gone;
  std::filesystem::directory_iterator threads(process + "/task", gone), end;
  for (; !gone && threads != end; threads.increment(gone)) {
    std::ifstream list(threads->path() / "children");
    for (pid_t pid = 0; list >> pid;) all.push_back(pid);
  }
  return all;
}

inline int children() { return static_cast<int>(child_pids().size()); }

}  // namespace bench
