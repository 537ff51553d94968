#include "agent/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <string_view>

#include "agent/talk_program.hpp"

namespace execo::agent {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const std::string& one : strings) list.push_back(const_cast<char*>(one.c_str()));
  list.push_back(nullptr);
  return list;
}

// Nothing is copied: an environment has many variables, and a command is started often.
std::vector<char*> environment_with(const std::vector<std::string>& changes) {
  std::vector<char*> all = pointers(changes);
  all.pop_back();
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view text(*one);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool changed = std::ranges::any_of(
        changes, [name](const std::string& change) { return change.starts_with(name); });
    if (!name.empty() && !changed) all.push_back(*one);
  }
  all.push_back(nullptr);
  return all;
}

std::string_view variable(const std::vector<char*>& environment, std::string_view name) {
  for (const char* one : environment) {
    const std::string_view text(one != nullptr ? one : "");
    if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=')
      return text.substr(name.size() + 1);
  }
  return {};
}

std::vector<std::string> search_path(const child_plan& plan,
                                     const std::vector<char*>& environment) {
  if (plan.program.find('/') != std::string::npos) return {plan.program};
  std::string_view path = variable(environment, "PATH");
  if (path.empty()) path = "/bin:/usr/bin";
  std::vector<std::string> candidates;
  for (;;) {
    std::size_t end = path.find(':');
    std::string_view folder = path.substr(0, end);
    std::string candidate(folder.empty() ? "." : folder);
    candidates.push_back(candidate.append("/").append(plan.program));
    if (end == std::string_view::npos) return candidates;
    path.remove_prefix(end + 1);
  }
}

/// What a child needs, all made before: it shares our memory and must not allocate.
class prepared {
 public:
  explicit prepared(const child_plan& what)
      : plan(what),
        envp(environment_with(what.environment)),
        candidates(search_path(what, envp)),
        paths(pointers(candidates)),
        argv(pointers(what.words)),
        parent(::getpid()) {}

  const child_plan& plan;
  std::vector<char*> envp;
  std::vector<std::string> candidates;
  std::vector<char*> paths, argv;
  pid_t parent;
};

// A later candidate is tried as execvp(3) does; a refusal counts for more than an absence.
int execute(const prepared& made) noexcept {
  int error = ENOENT;
  for (char* const* path = made.paths.data(); *path != nullptr; ++path) {
    (void)::execve(*path, made.argv.data(), made.envp.data());
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return errno;
    if (errno == EACCES) error = EACCES;
  }
  return error;
}

/// What a child writes into our memory, which the compiler cannot know.
class child_report {
 public:
  volatile int error = 0;
  const char* volatile step = "execve";
};

void place(int source, int target) noexcept {
  if (source >= 0) (void)::dup2(source, target);
}

[[noreturn]] void be_child(const prepared& made, child_report& report) noexcept {
  (void)::setsid();
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before that was set.
  if (::getppid() != made.parent) ::_exit(127);
  const child_plan& plan = made.plan;
  // Before it can fork. If the kernel refuses, the command runs without a cgroup.
  if (plan.cgroup >= 0) (void)!::write(plan.cgroup, "0", 1);
  place(plan.in, 0);
  place(plan.out, 1);
  place(plan.err, 2);
  if (plan.talk_program >= 0) {
    place(plan.talk_program, talk_program_descriptor);
    // It may be that very one.
    (void)::fcntl(talk_program_descriptor, F_SETFD, 0);
  }
  if (plan.on_terminal) (void)::ioctl(0, TIOCSCTTY, 0);
  if (plan.around != nullptr) plan.around->give_back();
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  (void)::sigaction(SIGPIPE, &standard, nullptr);
  sigset_t none;
  (void)::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  report.step = "chdir";
  if (plan.directory.empty() || ::chdir(plan.directory.c_str()) == 0) {
    report.step = "execve";
    report.error = execute(made);
  } else {
    report.error = errno;
  }
  ::_exit(127);
}

// Apart, so that nothing of a caller is in registers that the child changes.
[[gnu::noinline]] pid_t fork_child(const prepared& made, child_report& report) noexcept {
  pid_t pid = ::vfork();
  if (pid == 0) be_child(made, report);
  return pid;
}

}  // namespace

surroundings::surroundings() noexcept : umask_(::umask(077)), core_{} {
  (void)::getrlimit(RLIMIT_CORE, &core_);
  rlimit none = core_;
  none.rlim_cur = 0;
  (void)::setrlimit(RLIMIT_CORE, &none);
}

void surroundings::give_back() const noexcept {
  (void)::umask(umask_);
  (void)::setrlimit(RLIMIT_CORE, &core_);
}

started_child start_child(const child_plan& plan) {
  assert(!plan.words.empty() && !plan.program.empty());
  prepared made(plan);
  child_report report;
  started_child started;
  const pid_t pid = fork_child(made, report);
  if (pid < 0) {
    started.step = "fork";
    started.error = errno;
  } else if (report.error != 0) {
    started.step = report.step;
    started.error = report.error;
    (void)::waitpid(pid, nullptr, 0);
  } else {
    started.pid = pid;
  }
  return started;
}

const char* words_of_error(int error) noexcept {
  const char* words = ::strerrordesc_np(error);
  return words != nullptr ? words : "an error that has no name";
}

}  // namespace execo::agent
