// Runs the commands of group sources: blocking, one at a time, without the event loop, because a
// host set is read before a loop exists. It waits only for its own child.

#include "groups/command_runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/fd.hpp"
#include "groups/group_files.hpp"

extern char** environ;

namespace execo::detail {

namespace {

class spawn_setup {
 public:
  spawn_setup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;
  ~spawn_setup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// The shell and the reading end of its output. Destroyed early, it kills the process group.
class running_shell {
 public:
  running_shell(const std::string& command, const std::filesystem::path& directory) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe", errno);
    for (int& end : ends) end = above_standard_streams(end);
    if (ends[0] < 0 || ends[1] < 0) fail("pipe", EMFILE);
    out_ = ends[0];
    spawn_setup setup;
    posix_spawn_file_actions_addopen(&setup.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&setup.actions, ends[1], STDOUT_FILENO);
    if (!directory.empty()) {
      posix_spawn_file_actions_addchdir_np(&setup.actions, directory.c_str());
    }
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    posix_spawnattr_setsigmask(&setup.attributes, &none);
    posix_spawnattr_setsigdefault(&setup.attributes, &usual);
    posix_spawnattr_setpgroup(&setup.attributes, 0);
    posix_spawnattr_setflags(
        &setup.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = command;
    char* argv[] = {shell.data(), option.data(), text.data(), nullptr};
    const int error =
        posix_spawn(&pid_, "/bin/sh", &setup.actions, &setup.attributes, argv, environ);
    ::close(ends[1]);
    if (error != 0) {
      ::close(out_);
      fail("cannot run the shell in " + directory.string(), error);
    }
  }
  running_shell(const running_shell&) = delete;
  running_shell& operator=(const running_shell&) = delete;
  ~running_shell() {
    ::close(out_);
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  [[nodiscard]] int out() const { return out_; }

  // True once it has ended; its status is then known. If the program ignores SIGCHLD, the kernel
  // reaps the child: the status is lost, and only the output counts.
  bool ended(int& status) {
    const pid_t result = ::waitpid(pid_, &status, WNOHANG);
    if (result == 0 || (result < 0 && errno == EINTR)) return false;
    if (result < 0) status = 0;
    pid_ = -1;
    return true;
  }

 private:
  [[noreturn]] static void fail(const std::string& what, int error) {
    throw source_failure(what + ": " + std::generic_category().message(error));
  }

  int out_ = -1;
  pid_t pid_ = -1;
};

std::string seconds(std::chrono::milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (const auto rest = time.count() % 1000; rest != 0) {
    std::string digits = std::to_string(rest + 1000).substr(1);
    while (digits.back() == '0') digits.pop_back();
    text += "." + digits;
  }
  return text + " s";
}

}  // namespace

std::string run_command(const std::string& command, const std::filesystem::path& directory,
                        std::chrono::milliseconds timeout) {
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + timeout;
  const auto left = [&] {
    return std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
  };
  const auto too_late = [&]() -> source_failure {
    return source_failure("no answer within " + seconds(timeout) + " from `" + command + "`");
  };
  running_shell shell{command, directory};
  std::string output;
  for (;;) {
    if (left().count() <= 0) throw too_late();
    pollfd ready{shell.out(), POLLIN, 0};
    const int wait = static_cast<int>(std::min<long long>(left().count(), 1 << 30));
    if (::poll(&ready, 1, wait) <= 0) continue;
    char buffer[65536];
    const ssize_t size = ::read(shell.out(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    output.append(buffer, static_cast<std::size_t>(size));
    if (output.size() > max_source_text)
      throw source_failure("more than 256 MiB from `" + command + "`");
  }
  int status = 0;
  // The end of the output is nearly always the end of the command.
  for (auto pause = std::chrono::microseconds(50); !shell.ended(status); pause *= 2) {
    if (left().count() <= 0) throw too_late();
    std::this_thread::sleep_for(std::min(pause, std::chrono::microseconds(10'000)));
  }
  if (WIFSIGNALED(status)) {
    throw source_failure("`" + command + "` was killed by signal " +
                         std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw source_failure("`" + command + "` exited " + std::to_string(WEXITSTATUS(status)));
  }
  return output;
}

}  // namespace execo::detail
