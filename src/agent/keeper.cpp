#include "agent/keeper.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "agent/command_cgroups.hpp"
#include "agent/descendants.hpp"
#include "agent/start.hpp"

namespace execo::agent {
namespace {

constexpr std::array signals_of_the_end{SIGTERM, SIGINT, SIGHUP, SIGQUIT};
constexpr std::string_view sweeper_word = "sweep";
constexpr int code_of_killed = 128;

// The stack of the agent. What is not used of it takes no memory; the page at its end is a guard.
constexpr std::size_t guard_size = 4096;
constexpr std::size_t stack_size = std::size_t{1024} * 1024;
alignas(guard_size) std::array<char, stack_size> agent_stack;

sigset_t blocked_signals() noexcept {
  sigset_t heard;
  (void)::sigemptyset(&heard);
  for (int number : signals_of_the_end) (void)::sigaddset(&heard, number);
  (void)::sigaddset(&heard, SIGCHLD);
  return heard;
}

void reset_signals() noexcept {
  for (int number = 1; number < NSIG; ++number) (void)::signal(number, SIG_DFL);
  (void)::signal(SIGPIPE, SIG_IGN);
}

// -- the agent
// -------------------------------------------------------------------------------------

class agent_start {
 public:
  detail::delegate<> work;
  pid_t keeper;
};

int be_agent(void* how) {
  const agent_start& start = *static_cast<const agent_start*>(how);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // A signal to the group of the keeper leaves one of both, to end what commands have started.
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() == start.keeper) start.work();
  return 0;
}

// One that shares its keeper's memory costs the kernel a third of one that has a copy.
pid_t start_agent(agent_start& start) noexcept {
  (void)::mprotect(agent_stack.data(), guard_size, PROT_NONE);
  const pid_t agent =
      ::clone(be_agent, agent_stack.data() + agent_stack.size(), CLONE_VM | SIGCHLD, &start);
  if (agent > 0) return agent;
  // An emulator of another processor may have no such processes.
  const pid_t copy = ::fork();
  if (copy == 0) ::_exit(be_agent(&start));
  return copy;
}

// -- the keeper
// ------------------------------------------------------------------------------------
// While the agent lives no call here may fail: errno is the agent's, too.

volatile pid_t kept_agent = -1;

void pass_on(int) {
  (void)::kill(kept_agent, SIGTERM);
  // One that is stopped would not hear it.
  (void)::kill(kept_agent, SIGCONT);
}

void handle_signals(void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (int number : signals_of_the_end) (void)::sigaction(number, &action, nullptr);
}

// The agent stays a zombie, so that a signal for it cannot reach another process. Orphans are
// reaped beside it.
siginfo_t wait_for_end_of(pid_t agent) noexcept {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) != 0) continue;
    if (ended.si_pid == agent) return ended;
    (void)::waitpid(ended.si_pid, nullptr, 0);
  }
}

bool has_children() noexcept {
  siginfo_t ended{};
  return ::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0;
}

[[noreturn]] void become_sweeper(int code) {
  std::array<char, 16> digits{};
  (void)std::to_chars(digits.data(), digits.data() + digits.size() - 1, code);
  std::array<char, 16> name{"execo-agent"}, word{};
  sweeper_word.copy(word.data(), word.size() - 1);
  std::array<char*, 4> words{name.data(), word.data(), digits.data(), nullptr};
  (void)::execve("/proc/self/exe", words.data(), environ);
  sweep(code);
}

[[noreturn]] void be_keeper(pid_t agent) {
  kept_agent = agent;
  // Whoever reads the link is to see its end with that of the agent.
  for (int standard : {0, 1, 2}) (void)::close(standard);
  handle_signals(pass_on);
  const sigset_t heard = blocked_signals();
  (void)::sigprocmask(SIG_UNBLOCK, &heard, nullptr);
  const siginfo_t ended = wait_for_end_of(agent);
  handle_signals(SIG_IGN);
  (void)::waitpid(agent, nullptr, 0);
  const int code = ended.si_code == CLD_EXITED ? ended.si_status : code_of_killed + ended.si_status;
  // An agent that was killed has not removed its cgroups.
  if (has_children() || ended.si_code != CLD_EXITED) become_sweeper(code);
  ::_exit(code);
}

}  // namespace

void keep(detail::delegate<> work) {
  reset_signals();
  const sigset_t heard = blocked_signals();
  (void)::sigprocmask(SIG_SETMASK, &heard, nullptr);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  agent_start start{work, ::getpid()};
  const pid_t agent = start_agent(start);
  if (agent < 0) give_up("there can be no more processes");
  be_keeper(agent);
}

std::optional<int> code_of_sweeper(int count, char** words) {
  if (count != 3 || words[1] != sweeper_word) return std::nullopt;
  const char* digits = words[2];
  int code = 0;
  const auto read = std::from_chars(digits, digits + std::strlen(digits), code);
  return read.ec == std::errc() ? std::optional(code) : std::nullopt;
}

void sweep(int code) {
  const pid_t keeper = ::getpid();
  command_cgroups::kill_all(keeper);
  end_all_children();
  command_cgroups::remove_all(keeper);
  ::_exit(code);
}

}  // namespace execo::agent
