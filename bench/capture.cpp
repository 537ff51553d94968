// CPU for each megabyte of captured output: many processes of 1 MB each, some at once, by execo,
// by a C loop of posix_spawn, poll and read that keeps both outputs as execo does, and by other
// programs that run commands. CPU is that of all processes, cat included. execo and the C loop run
// in interleaved pairs; the others, which are slower, with fewer processes and once a round.
//
//   capture [--count N] [--rounds N] [--concurrency N] [--peers 0|1]
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>

#include "measure.hpp"

extern char** environ;

namespace {

constexpr std::size_t megabyte = 1'000'000;

void fail(const char* what) {
  std::fprintf(stderr, "capture: %s\n", what);
  std::exit(1);
}

/// A megabyte of lines of 100 bytes, in a file that is gone with the program.
class text_file {
 public:
  text_file() {
    int fd = mkostemp(path_, O_CLOEXEC);
    std::string line = std::string(99, 'x') + "\n", text;
    while (text.size() < megabyte) text += line;
    if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(megabyte))
      fail("no file in /tmp");
    close(fd);
  }
  ~text_file() { unlink(path_); }
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/execo-capture-XXXXXX";
};

// -- the C loop ---------------------------------------------------------------------------------

struct held {
  char* bytes = nullptr;
  std::size_t size = 0, room = 0;
};

struct child {
  pid_t pid = 0;
  int open = 0;
  held kept[2];
};

void start_child(child& c, pollfd* ends, int null, const char* path) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) fail("pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, null, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  const char* const words[] = {"cat", path, nullptr};
  if (posix_spawnp(&c.pid, "cat", &actions, nullptr, const_cast<char* const*>(words), environ) != 0)
    fail("posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  ends[0] = {out[0], POLLIN, 0};
  ends[1] = {err[0], POLLIN, 0};
  c.open = 2;
  for (held& h : c.kept) h.size = 0;
}

/// True at the end of the stream.
bool read_some(int fd, held& into) {
  if (into.room - into.size < 65536) {
    into.room = into.room == 0 ? 65536 : 2 * into.room;
    into.bytes = static_cast<char*>(std::realloc(into.bytes, into.room));
    if (into.bytes == nullptr) fail("no memory");
  }
  ssize_t n = read(fd, into.bytes + into.size, into.room - into.size);
  if (n < 0) fail("read");
  into.size += static_cast<std::size_t>(n);
  return n == 0;
}

bool end_child(child& c) {
  int status = 0;
  if (waitpid(c.pid, &status, 0) != c.pid) fail("waitpid");
  bool good = status == 0 && c.kept[0].size == megabyte;
  // A result is the caller's: the next one has memory of its own.
  for (held& h : c.kept) {
    std::free(h.bytes);
    h = held();
  }
  return good;
}

int c_loop(int count, int concurrency, const char* path) {
  std::vector<child> children(static_cast<std::size_t>(concurrency));
  std::vector<pollfd> ends(2 * children.size(), pollfd{-1, 0, 0});
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int started = 0, ended = 0, good = 0;
  for (std::size_t i = 0; i < children.size() && started < count; ++i, ++started)
    start_child(children[i], &ends[2 * i], null, path);
  while (ended < count) {
    if (poll(ends.data(), ends.size(), -1) < 0) fail("poll");
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      child& c = children[i / 2];
      if (!read_some(ends[i].fd, c.kept[i % 2])) continue;
      close(ends[i].fd);
      ends[i].fd = -1;
      if (--c.open != 0) continue;
      good += end_child(c);
      ++ended;
      if (started < count) {
        start_child(c, &ends[i / 2 * 2], null, path);
        ++started;
      }
    }
  }
  close(null);
  return good;
}

// -- execo --------------------------------------------------------------------------------------

execo::task<int> worker(int& left, const char* path) {
  int good = 0;
  while (left > 0) {
    --left;
    execo::result r = co_await execo::process("cat").args(path).run();
    if (r.ok() && r.out.size() == megabyte) ++good;
  }
  co_return good;
}

execo::task<int> all(int count, int concurrency, const char* path) {
  std::vector<execo::task<int>> workers;
  for (int i = 0; i < concurrency; ++i) workers.push_back(worker(count, path));
  std::vector<int> good = co_await execo::when_all(std::move(workers));
  int sum = 0;
  for (int g : good) sum += g;
  co_return sum;
}

// -- other programs -----------------------------------------------------------------------------

/// COUNT, CONC and FILE stand for what the bench was asked for.
struct peer {
  const char* name;
  const char* needs;  // succeeds where it is there
  int share;          // of the count: one in so many
  const char* text;
};

constexpr peer peers[] = {
    {"asyncio", "python3 -c 'import asyncio'", 1, R"(exec python3 -c '
import asyncio
async def one(gate):
    async with gate:
        p = await asyncio.create_subprocess_exec("cat", "FILE", stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await p.communicate()
        assert len(out) == 1000000
async def main():
    gate = asyncio.Semaphore(CONC)
    await asyncio.gather(*(one(gate) for _ in range(COUNT)))
asyncio.run(main())')"},
    {"Python execo", "python3 -c 'import execo'", 10, R"(exec python3 -c '
import execo
left = COUNT
while left > 0:
    n = min(left, CONC)
    left -= n
    batch = [execo.Process("cat FILE") for _ in range(n)]
    for p in batch: p.start()
    for p in batch: p.wait()
    assert all(len(p.stdout) == 1000000 for p in batch)')"},
    {"GNU parallel", "command -v parallel", 4,
     "seq COUNT | parallel --will-cite -N0 -j CONC cat FILE >/dev/null"},
    {"pdsh -R exec", "command -v pdsh", 10,
     "exec pdsh -R exec -f CONC -w 'h[1-COUNT]' cat FILE >/dev/null"},
    {"clush -R exec", "command -v clush", 20,
     "exec clush -q -R exec -f CONC -w 'h[1-COUNT]' cat FILE >/dev/null"},
};

std::string filled(std::string text, const char* word, const std::string& with) {
  for (std::size_t at; (at = text.find(word)) != text.npos;)
    text.replace(at, std::strlen(word), with);
  return text;
}

int run_shell(const std::string& text) {
  const char* const words[] = {"sh", "-c", text.c_str(), nullptr};
  pid_t pid = 0;
  if (posix_spawnp(&pid, "sh", nullptr, nullptr, const_cast<char* const*>(words), environ) != 0)
    fail("no sh");
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) fail("waitpid");
  return status;
}

void peer_row(const peer& p, int count, int concurrency, int rounds, const char* path) {
  if (run_shell("{ " + std::string(p.needs) + "; } >/dev/null 2>&1") != 0) {
    std::printf("%-22s is not here\n", p.name);
    return;
  }
  int n = std::max(count / p.share, concurrency);
  std::string text = filled(p.text, "COUNT", std::to_string(n));
  text = filled(filled(text, "CONC", std::to_string(concurrency)), "FILE", path);
  std::vector<double> cpu, wall;
  for (int i = 0; i < rounds; ++i) {
    bench::usage before = bench::usage::now();
    if (run_shell(text) != 0) fail(p.name);
    bench::usage spent = bench::usage::now() - before;
    cpu.push_back(spent.cpu() * 1e3 / n);
    wall.push_back(spent.wall * 1e3 / n);
  }
  std::printf("%-22s %-24s %-24s (%d processes)\n", p.name, bench::summary(cpu).text(2).c_str(),
              bench::summary(wall).text(2).c_str(), n);
  std::fflush(stdout);
}

struct counts {
  std::vector<double> cpu, own, wall;
  void add(const bench::usage& spent, int count) {
    cpu.push_back(spent.cpu() * 1e3 / count);
    own.push_back(spent.own * 1e3 / count);
    wall.push_back(spent.wall * 1e3 / count);
  }
  void print(const char* name) const {
    std::printf("%-22s %-24s %-24s own CPU %s\n", name, bench::summary(cpu).text(2).c_str(),
                bench::summary(wall).text(2).c_str(), bench::summary(own).text(2).c_str());
  }
};

void pairs(int count, int concurrency, int rounds, const char* path) {
  counts theirs, ours;
  std::vector<double> ratio, own_ratio;
  for (int i = 0; i < rounds; ++i) {
    bench::usage a = bench::usage::now();
    if (c_loop(count, concurrency, path) != count) fail("the C loop lost a process");
    bench::usage b = bench::usage::now();
    if (execo::sync_wait(all(count, concurrency, path)) != count) fail("execo lost a process");
    bench::usage c = bench::usage::now();
    theirs.add(b - a, count);
    ours.add(c - b, count);
    ratio.push_back((c - b).cpu() / (b - a).cpu());
    own_ratio.push_back((c - b).own / (b - a).own);
  }
  theirs.print("C, poll");
  ours.print("execo");
  std::printf("execo / C, pair by pair: CPU %s, own CPU %s\n", bench::summary(ratio).text().c_str(),
              bench::summary(own_ratio).text().c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int count = 1'000, rounds = 5, concurrency = 64, with_peers = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    int value = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--peers") == 0) {
      with_peers = value;
    } else if (value <= 0) {
      fail("options take a positive number");
    } else if (std::strcmp(argv[i], "--count") == 0) {
      count = value;
    } else if (std::strcmp(argv[i], "--rounds") == 0) {
      rounds = value;
    } else if (std::strcmp(argv[i], "--concurrency") == 0) {
      concurrency = value;
    } else {
      fail("options: --count N, --rounds N, --concurrency N, --peers 0|1");
    }
  }
  text_file text;
  execo::context probe;
  std::printf("%d x 1 MB (cat of a cached file), %d at once, %d rounds, %s\n", count, concurrency,
              rounds, probe.backend().c_str());
  std::printf("milliseconds for each MB, median (least-most)\n\n%-22s %-24s %-24s\n", "",
              "CPU of all", "wall");
  pairs(count, concurrency, rounds, text.path());
  if (with_peers == 0) return 0;
  for (const peer& p : peers) peer_row(p, count, concurrency, std::min(rounds, 3), text.path());
}
