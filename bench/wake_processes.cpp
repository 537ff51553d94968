// What the kernel alone takes for what a tree does: processes that wake each other.
//
//   wake_processes PROCESSES ARITY ROUNDS   a tree of so many, each with a socket to its parent: a
//                                           byte goes down to all, a byte of each comes back
//   wake_processes --start N WORKERS SHELL  N times `SHELL -c true`, by so many processes at a time
//
// Prints seconds, a line for each round.
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

class child {
 public:
  int socket = -1;
  long below = 0;  // processes, itself among them
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ::_exit(1);
}

/// False: the other end has gone.
bool read_bytes(int from, long count) {
  std::array<char, 65'536> bytes;
  while (count > 0) {
    const auto most = static_cast<std::size_t>(std::min<long>(count, bytes.size()));
    const ssize_t got = ::read(from, bytes.data(), most);
    if (got <= 0) return false;
    count -= got;
  }
  return true;
}

void write_bytes(int to, long count) {
  static const std::array<char, 65'536> bytes{};
  while (count > 0) {
    const auto most = static_cast<std::size_t>(std::min<long>(count, bytes.size()));
    const ssize_t put = ::write(to, bytes.data(), most);
    if (put < 0) fail("write");
    count -= put;
  }
}

bool wave(const std::vector<child>& children) {
  for (const child& one : children) write_bytes(one.socket, 1);
  for (const child& one : children)
    if (!read_bytes(one.socket, one.below)) return false;
  return true;
}

std::vector<child> make_children(long below, long arity);

[[noreturn]] void live(int parent, long below, long arity) {
  const std::vector<child> children = make_children(below, arity);
  write_bytes(parent, below + 1);  // they are there
  while (read_bytes(parent, 1)) {
    if (!wave(children)) break;
    write_bytes(parent, below + 1);
  }
  ::_exit(0);
}

/// As evenly as it goes.
std::vector<child> make_children(long below, long arity) {
  std::vector<child> made;
  for (long left = below, ways = std::min(arity, below); ways > 0; --ways) {
    child one;
    one.below = (left + ways - 1) / ways;
    left -= one.below;
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) fail("socketpair");
    const pid_t pid = ::fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const child& other : made) (void)::close(other.socket);
      (void)::close(pair[0]);
      live(pair[1], one.below - 1, arity);
    }
    (void)::close(pair[1]);
    one.socket = pair[0];
    made.push_back(one);
  }
  for (const child& one : made)
    if (!read_bytes(one.socket, one.below)) fail("a process of the tree");
  return made;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int wake(long processes, long arity, long rounds) {
  const std::vector<child> children = make_children(processes, arity);
  for (long i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (!wave(children)) fail("a process of the tree");
    std::printf("%.6f\n", seconds_since(begin));
  }
  return 0;
}

[[noreturn]] void start_some(long count, std::string shell) {
  std::string option = "-c", text = "true";
  std::array<char*, 4> words{shell.data(), option.data(), text.data(), nullptr};
  for (long i = 0; i < count; ++i) {
    pid_t pid = 0;
    if (::posix_spawn(&pid, shell.c_str(), nullptr, nullptr, words.data(), environ) != 0)
      fail("posix_spawn");
    (void)::waitpid(pid, nullptr, 0);
  }
  ::_exit(0);
}

int start(long count, long workers, const std::string& shell) {
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < workers; ++i)
    if (::fork() == 0) start_some(count / workers + (i < count % workers ? 1 : 0), shell);
  while (::wait(nullptr) > 0) continue;
  std::printf("%.6f\n", seconds_since(begin));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--start")
    return start(std::atol(argv[2]), std::atol(argv[3]), argv[4]);
  if (argc == 4) return wake(std::atol(argv[1]), std::atol(argv[2]), std::atol(argv[3]));
  (void)std::fprintf(stderr, "wake_processes PROCESSES ARITY ROUNDS | --start N WORKERS SHELL\n");
  return 2;
}
