// A command that ends and leaves a process which holds its output open: when the result comes, and
// what it says.
//
//   drain [--rounds N]
#include <signal.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>

#include "measure.hpp"

namespace {

using namespace std::chrono_literals;

void fail(const char* what) {
  std::fprintf(stderr, "drain: %s\n", what);
  std::exit(1);
}

double seconds_of(const char* name, execo::duration limit) {
  auto p = execo::process("sleep 30 & echo hi").shell().drain_timeout(1s).timeout(limit);
  double before = bench::usage::now().wall;
  execo::result r = execo::sync_wait(p.run());
  double taken = bench::usage::now().wall - before;
  std::printf("%-14s code %d, output \"%.*s\", output_complete() %s, %.3f s\n", name,
              r.status().code().value_or(-1), static_cast<int>(r.out.find('\n')), r.out.c_str(),
              r.output_complete() ? "true" : "false", taken);
  // The sleep is in the command's process group, and is nobody's child.
  (void)::kill(-p.pid(), SIGKILL);
  return taken;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    rounds = std::atoi(argv[i + 1]);
    if (rounds <= 0 || std::strcmp(argv[i], "--rounds") != 0) fail("option: --rounds N");
  }
  std::printf("sh -c 'sleep 30 & echo hi', drain deadline 1 s\n");
  std::vector<double> taken;
  for (int i = 0; i < rounds; ++i) taken.push_back(seconds_of("no timeout", 0s));
  std::printf("median (least-most) %s s\n", bench::summary(taken).text().c_str());
  taken.clear();
  for (int i = 0; i < rounds; ++i) taken.push_back(seconds_of("timeout 10 s", 10s));
  std::printf("median (least-most) %s s\n", bench::summary(taken).text().c_str());
}
