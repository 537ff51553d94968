// What the kernel alone takes for what a tree does: processes that wake each other.
//
//   wake_processes SHAPE ROUNDS [SHELL]     a tree of processes, each with a socket to its parent:
//                                           a byte goes down to all, a byte of each comes back.
//                                           With SHELL each of them runs `SHELL -c true` meanwhile
//   wake_processes --start N WORKERS SHELL  N times `SHELL -c true`, by so many processes at a time
//
// SHAPE is a file: a line for each process has the place of its parent among the lines, from 0, or
// -1. Prints seconds, a line for each round.
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
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ::_exit(1);
}

/// Whose parent is who. The root is -1.
class shape {
 public:
  explicit shape(const char* file) {
    std::ifstream lines(file);
    std::vector<long> parents;
    for (long one = 0; lines >> one;) parents.push_back(one);
    count_ = static_cast<long>(parents.size());
    firsts_.assign(parents.size() + 2, 0);
    for (long parent : parents) ++firsts_.at(static_cast<std::size_t>(parent + 2));
    for (std::size_t i = 1; i < firsts_.size(); ++i) firsts_[i] += firsts_[i - 1];
    std::vector<std::size_t> next(firsts_);
    children_.resize(parents.size());
    for (long i = 0; i < count_; ++i)
      children_[next[static_cast<std::size_t>(parents[static_cast<std::size_t>(i)] + 1)]++] = i;
  }
  std::span<const long> children_of(long one) const {
    const auto place = static_cast<std::size_t>(one + 1);
    return std::span(children_).subspan(firsts_[place], firsts_[place + 1] - firsts_[place]);
  }
  /// Itself too.
  long count_below(long one) const {
    long sum = 1;
    for (long child : children_of(one)) sum += count_below(child);
    return sum;
  }

 private:
  long count_ = 0;
  std::vector<std::size_t> firsts_;  // of each parent, from the root on
  std::vector<long> children_;
};

class child {
 public:
  int socket = -1;
  long below = 0;  // processes, itself among them
};

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

void run_true(std::string shell) {
  std::string option = "-c", text = "true";
  std::array<char*, 4> words{shell.data(), option.data(), text.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, shell.c_str(), nullptr, nullptr, words.data(), environ) != 0)
    fail("posix_spawn");
  (void)::waitpid(pid, nullptr, 0);
}

/// Of a process with children: a round. `shell`: what it runs meanwhile; null: nothing.
bool wave(const std::vector<child>& children, const char* shell) {
  for (const child& one : children) write_bytes(one.socket, 1);
  if (shell != nullptr) run_true(shell);
  for (const child& one : children)
    if (!read_bytes(one.socket, one.below)) return false;
  return true;
}

std::vector<child> make_children(const shape& all, long self, const char* shell);

[[noreturn]] void live(const shape& all, long self, long below, int parent, const char* shell) {
  const std::vector<child> children = make_children(all, self, shell);
  write_bytes(parent, below);  // they are there
  while (read_bytes(parent, 1)) {
    if (!wave(children, shell)) break;
    write_bytes(parent, below);
  }
  ::_exit(0);
}

std::vector<child> make_children(const shape& all, long self, const char* shell) {
  std::vector<child> made;
  for (long index : all.children_of(self)) {
    child one;
    one.below = all.count_below(index);
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) fail("socketpair");
    const pid_t pid = ::fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const child& other : made) (void)::close(other.socket);
      (void)::close(pair[0]);
      live(all, index, one.below, pair[1], shell);
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

int wake(const char* file, long rounds, const char* shell) {
  const shape all(file);
  const std::vector<child> children = make_children(all, -1, shell);
  for (long i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (!wave(children, nullptr)) fail("a process of the tree");
    std::printf("%.6f\n", seconds_since(begin));
  }
  return 0;
}

int start(long count, long workers, const char* shell) {
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < workers; ++i) {
    if (::fork() != 0) continue;
    for (long left = count / workers + (i < count % workers ? 1 : 0); left > 0; --left)
      run_true(shell);
    ::_exit(0);
  }
  while (::wait(nullptr) > 0) continue;
  std::printf("%.6f\n", seconds_since(begin));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--start")
    return start(std::atol(argv[2]), std::atol(argv[3]), argv[4]);
  if (argc == 3 || argc == 4)
    return wake(argv[1], std::atol(argv[2]), argc == 4 ? argv[3] : nullptr);
  (void)std::fprintf(stderr, "wake_processes SHAPE ROUNDS [SHELL] | --start N WORKERS SHELL\n");
  return 2;
}
