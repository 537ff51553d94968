// What the programs behind bench/runtime share: each knows the same rows, runs one of them as often
// as its arguments say, and prints what an operation of it cost. One that does not have the row
// ends with no_such_row.
//
//   runtime_NAME ROW COUNT     ->  "WALL CPU\n", nanoseconds an operation
#pragma once

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <span>
#include <system_error>
#include <vector>

namespace bench {

/// Wall clock and CPU of the process, of the stretch that a row measures.
class stretch {
 public:
  stretch() = default;
  void begin() {
    wall_ = now(CLOCK_MONOTONIC);
    cpu_ = now(CLOCK_PROCESS_CPUTIME_ID);
  }
  void end() {
    cpu_ = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_;
    wall_ = now(CLOCK_MONOTONIC) - wall_;
  }
  /// Of a row that measures no time.
  void is(double all) { wall_ = cpu_ = all; }
  double wall() const { return wall_; }
  double cpu() const { return cpu_; }

 private:
  static double now(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
  }
  double wall_ = 0;
  double cpu_ = 0;
};

/// Makes what the row needs, measures `count` operations, and takes it away again.
struct row_entry {
  const char* name;
  void (*run)(int count, stretch& measured);
};

constexpr int no_such_row = 3;

inline int run_row(std::span<const row_entry> rows, int argc, char** argv) {
  const int count = argc == 3 ? std::atoi(argv[2]) : 0;
  if (count <= 0) {
    std::fprintf(stderr, "usage: %s ROW COUNT\n", argv[0]);
    return 2;
  }
  for (const row_entry& row : rows) {
    if (std::strcmp(row.name, argv[1]) != 0) continue;
    try {
      stretch measured;
      row.run(count, measured);
      std::printf("%.2f %.2f\n", measured.wall() / count, measured.cpu() / count);
      return 0;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", row.name, e.what());
      return 1;
    }
  }
  return no_such_row;
}

/// Checked at the end of each row: a bench that lost work measured nothing.
inline void expect(bool right) {
  if (right) return;
  std::fputs("work was lost\n", stderr);
  std::exit(1);
}

constexpr int block_bytes = 64 * 1024;
constexpr int many = 10'000;  // children of one when_all

/// A pipe of one that closes it by itself, or lets the end of the program do it.
struct pipe_numbers {
  pipe_numbers() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category());
    out = ends[0];
    in = ends[1];
  }
  int out = -1;  // to read from
  int in = -1;   // to write to
};

/// What a drain reads: the writer's thread.
inline void write_blocks(int to, int count) {
  const std::vector<char> block(block_bytes);
  for (int i = 0; i < count; ++i) expect(::write(to, block.data(), block.size()) == block_bytes);
  ::close(to);
}

/// To one that waits for an eventfd.
inline void call(int eventfd) {
  const std::uint64_t one = 1;
  expect(::write(eventfd, &one, sizeof one) == sizeof one);
}

/// Deadlines as commands have them, in no order: one to two hours from now, in milliseconds.
class deadline_times {
 public:
  deadline_times() = default;
  int next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return 3'600'000 + static_cast<int>((state_ >> 33) % 3'600'000);
  }

 private:
  unsigned long long state_ = 1;
};

}  // namespace bench
