#include "program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace execo::test {

namespace {

using detail::unique_fd;
using clock = std::chrono::steady_clock;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

void make_pipe(unique_fd& reading, unique_fd& writing) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(errno, "pipe2");
  reading.reset(ends[0]);
  writing.reset(ends[1]);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  return result;
}

/// Takes the actions. Signals of a terminal have their defaults: those that run the tests in the
/// background ignore them.
pid_t spawn(const std::vector<std::string>& words, const std::vector<std::string>& variables,
            posix_spawn_file_actions_t& actions, short flags) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags | POSIX_SPAWN_SETSIGDEF));
  sigset_t by_default;
  sigemptyset(&by_default);
  for (int number : {SIGINT, SIGQUIT, SIGHUP}) sigaddset(&by_default, number);
  posix_spawnattr_setsigdefault(&attributes, &by_default);
  std::vector<char*> argv = pointers(words), environment = pointers(variables);
  argv.push_back(nullptr);
  for (char** own = environ; *own != nullptr; ++own) environment.push_back(*own);
  environment.push_back(nullptr);
  pid_t pid = -1;
  int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(error, words[0]);
  return pid;
}

pid_t spawn(const std::vector<std::string>& words, const std::vector<std::string>& variables,
            int in, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  return spawn(words, variables, actions, 0);
}

pid_t spawn_on(const char* terminal, const std::vector<std::string>& words,
               const std::vector<std::string>& variables) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // The first terminal that a leader of a session without one opens is its own.
  posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0);
  for (int number : {1, 2}) posix_spawn_file_actions_adddup2(&actions, 0, number);
  return spawn(words, variables, actions, POSIX_SPAWN_SETSID);
}

/// False at the end.
bool read_some(unique_fd& from, std::string& to) {
  std::array<char, 65536> buffer{};
  ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
  if (n > 0) to.append(buffer.data(), static_cast<std::size_t>(n));
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) from.reset();
  return static_cast<bool>(from);
}

}  // namespace

program::program(const std::vector<std::string>& words, const std::vector<std::string>& variables) {
  unique_fd child_out, child_err;
  std::array<int, 2> ends{};
  // A socket, so that writing to a program that has ended is an error and not SIGPIPE.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail(errno, "socketpair");
  in_.reset(ends[0]);
  unique_fd child_in(ends[1]);
  make_pipe(out_, child_out);
  make_pipe(err_, child_err);
  pid_ = spawn(words, variables, child_in.get(), child_out.get(), child_err.get());
}

program program::on_terminal(const std::vector<std::string>& words,
                             const std::vector<std::string>& variables) {
  program made;
  unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  bool ready = master && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0 &&
               ::ptsname_r(master.get(), name.data(), name.size()) == 0;
  if (!ready) fail(errno, "a terminal");
  made.pid_ = spawn_on(name.data(), words, variables);
  made.out_ = std::move(master);
  return made;
}

void program::type(std::string_view keys) noexcept {
  (void)!::write(out_.get(), keys.data(), keys.size());
}

program::program(program&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      in_(std::move(other.in_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      outcome_(std::move(other.outcome_)) {}

program::~program() {
  if (pid_ < 0) return;
  kill(SIGKILL);
  reap();
}

void program::kill(int signal) noexcept {
  if (pid_ > 0) (void)::kill(pid_, signal);  // not reaped yet, so it is still this one
}

bool program::running() {
  siginfo_t info{};
  return pid_ > 0 &&
         ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

void program::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status)) outcome_.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome_.signal = WTERMSIG(status);
}

/// Moves what can be moved; false when both outputs have ended or the time is over.
bool program::turn(std::string_view& input, clock::time_point deadline) {
  std::array<pollfd, 3> waits{pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0},
                              pollfd{input.empty() ? -1 : in_.get(), POLLOUT, 0}};
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  if (left <= 0 || (!out_ && !err_)) return false;
  if (::poll(waits.data(), waits.size(), static_cast<int>(left)) < 0 && errno != EINTR)
    fail(errno, "poll");
  if (waits[0].revents != 0) (void)read_some(out_, outcome_.out);
  if (waits[1].revents != 0) (void)read_some(err_, outcome_.err);
  if (waits[2].revents != 0) {
    ssize_t n = ::send(in_.get(), input.data(), input.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) n = static_cast<ssize_t>(input.size());  // nobody reads it
    if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool program::out_has(std::string_view text, std::chrono::milliseconds within) {
  auto deadline = clock::now() + within;
  std::string_view nothing;
  while (outcome_.out.find(text) == std::string::npos)
    if (!turn(nothing, deadline)) return false;
  return true;
}

outcome program::finish(std::string_view input, std::chrono::milliseconds within) {
  auto deadline = clock::now() + within;
  while (!input.empty() && turn(input, deadline)) {
  }
  in_.reset();
  while (turn(input, deadline)) {
  }
  // It may live beyond its outputs. A pidfd is readable once the process has ended (pidfd_open(2)).
  unique_fd end(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  pollfd wait{end.get(), POLLIN, 0};
  (void)::poll(&wait, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
  outcome_.too_late = running();
  kill(SIGKILL);
  reap();
  return outcome_;
}

outcome run_program(const std::vector<std::string>& words, std::string_view input) {
  return program(words).finish(input);
}

}  // namespace execo::test
