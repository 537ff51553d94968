#include "tree_copies/copy_floor.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t at_once = std::size_t{256} * 1024;

[[noreturn]] void give_up() { ::_exit(1); }

double cpu_of_children() {
  rusage used{};
  (void)::getrusage(RUSAGE_CHILDREN, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

class floor_node {
 public:
  floor_node(std::string to, int hosts, int arity, floor_way how)
      : to_(std::move(to)), hosts_(hosts), arity_(arity), how_(how) {}

  /// In a process of its own, which ends here. Number 0 has the source.
  [[noreturn]] void run(int number, int in) {
    for (int i = 1; i <= arity_; ++i)
      if (const int child = arity_ * number + i; child <= hosts_) start(child, in);
    if (number > 0) {
      const std::string name = to_ + "/n" + std::to_string(number);
      outputs_.push_back(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (outputs_.back() < 0) give_up();
    }
    how_ == floor_way::buffers ? relay_buffers(in) : relay_pages(in);
    for (const int one : outputs_) (void)::close(one);
    int status = 0;
    while (::wait(&status) > 0)
      if (status != 0) give_up();
    ::_exit(0);
  }

 private:
  void start(int child, int in) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) give_up();
    const pid_t pid = ::fork();
    if (pid < 0) give_up();
    if (pid == 0) {
      (void)::close(in);
      (void)::close(pair[0]);
      for (const int one : outputs_) (void)::close(one);
      floor_node(to_, hosts_, arity_, how_).run(child, pair[1]);
    }
    (void)::close(pair[1]);
    outputs_.push_back(pair[0]);
  }

  void relay_buffers(int in) const {
    std::vector<char> buffer(at_once);
    for (ssize_t got = 0; (got = ::read(in, buffer.data(), buffer.size())) != 0;) {
      if (got < 0) give_up();
      for (const int to : outputs_) write_all(to, buffer.data(), static_cast<std::size_t>(got));
    }
  }
  static void write_all(int to, const char* from, std::size_t size) {
    while (size > 0) {
      const ssize_t done = ::write(to, from, size);
      if (done <= 0) give_up();
      from += done;
      size -= static_cast<std::size_t>(done);
    }
  }

  // What comes goes through the first pipe to the first output, and through others to the rest.
  void relay_pages(int in) const {
    std::vector<std::array<int, 2>> pipes(outputs_.size());
    for (auto& one : pipes) {
      if (::pipe2(one.data(), O_CLOEXEC) != 0) give_up();
      (void)::fcntl(one[1], F_SETPIPE_SZ, static_cast<int>(at_once));
    }
    for (;;) {
      const ssize_t got = ::splice(in, nullptr, pipes[0][1], nullptr, at_once, SPLICE_F_MOVE);
      if (got < 0) give_up();
      if (got == 0) return;
      const auto size = static_cast<std::size_t>(got);
      for (std::size_t i = 1; i < outputs_.size(); ++i) {
        if (::tee(pipes[0][0], pipes[i][1], size, 0) != got) give_up();
        splice_all(pipes[i][0], outputs_[i], size);
      }
      splice_all(pipes[0][0], outputs_[0], size);
    }
  }
  static void splice_all(int from, int to, std::size_t size) {
    while (size > 0) {
      const ssize_t done = ::splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE);
      if (done <= 0) give_up();
      size -= static_cast<std::size_t>(done);
    }
  }

  std::string to_;
  int hosts_;
  int arity_;
  floor_way how_;
  std::vector<int> outputs_;
};

}  // namespace

client_run copy_down(const std::string& source, const std::string& to, int hosts, int arity,
                     floor_way how) {
  const auto begun = std::chrono::steady_clock::now();
  const double before = cpu_of_children();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int in = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
    if (in < 0) give_up();
    floor_node(to, hosts, arity, how).run(0, in);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || status != 0)
    fail("the copy down a tree of processes failed");
  client_run made;
  made.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  made.cpu = cpu_of_children() - before;
  return made;
}

}  // namespace bench
