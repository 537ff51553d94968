// One long stream of a child, read in each way there is, beside the same child read by cat in a
// shell's pipe: wall clock and CPU of all processes, interleaved, the ratio round by round.
//
//   stream [--mib N] [--rounds N]
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>
#include <utility>

#include "measure.hpp"

extern char** environ;

namespace {

void fail(const char* what) {
  std::fprintf(stderr, "stream: %s\n", what);
  std::exit(1);
}

std::string producer(int mib) { return "head -c " + std::to_string(mib) + "M /dev/zero"; }

std::uint64_t bytes_of(int mib) { return static_cast<std::uint64_t>(mib) << 20; }

void through_cat(int mib) {
  std::string text = producer(mib) + " | cat >/dev/null";
  const char* const words[] = {"sh", "-c", text.c_str(), nullptr};
  pid_t pid = 0;
  if (posix_spawnp(&pid, "sh", nullptr, nullptr, const_cast<char* const*>(words), environ) != 0)
    fail("no sh");
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) fail("head and cat");
}

void check(const execo::result& r, std::uint64_t seen, int mib) {
  if (!r.ok() || seen != bytes_of(mib) || r.out_bytes() != seen) fail("bytes are missing");
}

void through_callback(int mib) {
  std::uint64_t seen = 0;
  auto count = execo::callback([&](std::string_view bytes) { seen += bytes.size(); });
  execo::result r = execo::sync_wait(execo::process(producer(mib)).out(count).run());
  check(r, seen, mib);
}

execo::task<std::uint64_t> read_through(int mib) {
  auto p = execo::process(producer(mib)).out(execo::pipe()).start();
  std::uint64_t seen = 0;
  for (;;) {
    std::string piece = co_await p.out().next();
    if (piece.empty()) break;
    seen += piece.size();
  }
  execo::result r = co_await p.wait();
  check(r, seen, mib);
  co_return seen;
}

void through_reader(int mib) { (void)execo::sync_wait(read_through(mib)); }

void through_capture(int mib) {
  execo::result r = execo::sync_wait(execo::process(producer(mib)).max_output(1 << 20).run());
  check(r, r.out.size() + r.out_dropped(), mib);
}

struct way {
  const char* name;
  void (*run)(int mib);
  std::vector<double> wall, cpu, wall_ratio, cpu_ratio;
};

}  // namespace

int main(int argc, char** argv) {
  int mib = 1024, rounds = 9;
  for (int i = 1; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    bool sizes = std::strcmp(argv[i], "--mib") == 0;
    if (value <= 0 || (!sizes && std::strcmp(argv[i], "--rounds") != 0))
      fail("options: --mib N, --rounds N, each positive");
    (sizes ? mib : rounds) = value;
  }
  way ways[] = {{"head | cat >/dev/null", through_cat, {}, {}, {}, {}},
                {"callback", through_callback, {}, {}, {}, {}},
                {"reader.next()", through_reader, {}, {}, {}, {}},
                {"capture, cap 1 MiB", through_capture, {}, {}, {}, {}}};
  for (int round = 0; round < rounds; ++round) {
    for (way& w : ways) {
      bench::usage before = bench::usage::now();
      w.run(mib);
      bench::usage spent = bench::usage::now() - before;
      w.wall.push_back(spent.wall);
      w.cpu.push_back(spent.cpu());
      w.wall_ratio.push_back(ways[0].wall.back() / spent.wall);
      w.cpu_ratio.push_back(spent.cpu() / ways[0].cpu.back());
    }
  }
  execo::context probe;
  std::printf("head -c %dM /dev/zero, %d interleaved rounds, %s; median (least-most)\n\n", mib,
              rounds, probe.backend().c_str());
  std::printf("%-22s %-22s %-22s %-24s %-22s\n", "", "wall s", "CPU s", "throughput / cat's",
              "CPU / cat's");
  for (const way& w : ways) {
    using bench::summary;
    std::printf("%-22s %-22s %-22s %-24s %-22s\n", w.name, summary(w.wall).text().c_str(),
                summary(w.cpu).text().c_str(), summary(w.wall_ratio).text().c_str(),
                summary(w.cpu_ratio).text().c_str());
  }
}
