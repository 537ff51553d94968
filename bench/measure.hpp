// What the benches share: CPU and wall clocks, medians with spread, and interleaved pairs.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

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

}  // namespace bench
