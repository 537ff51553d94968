#include "agent/descendants.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include "agent/kernel_file.hpp"
#include "base/fd.hpp"
#include "base/listed_process.hpp"

namespace execo::agent {
namespace {

// A tree of processes that forks all the time is killed faster than it grows by the next looks.
constexpr std::size_t max_tree = 100'000;

// Kernels without lists of children have those of all processes.
void kill_children() {
  pid_t self = ::getpid();
  std::vector<pid_t> children = children_of(self);
  for (pid_t child : children) kill_tree(child);
  if (!children.empty()) return;
  detail::unique_fd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (proc) (void)detail::kill_listed_with(proc.get(), detail::stat_field::parent, self);
}

bool reap(int flags) {
  for (;;) {
    pid_t gone = ::waitpid(-1, nullptr, flags);
    if (gone > 0) flags = WNOHANG;
    if (gone == 0) return true;
    if (gone < 0 && errno != EINTR) return false;
  }
}

}  // namespace

std::vector<pid_t> children_of(pid_t process) {
  const std::string number = std::to_string(process);
  const std::string list = kernel_file("/proc/" + number + "/task/" + number + "/children");
  std::vector<pid_t> found;
  const char* end = list.data() + list.size();
  for (const char* at = list.data(); at < end; ++at) {
    pid_t child = 0;
    std::from_chars_result read = std::from_chars(at, end, child);
    if (read.ec != std::errc()) break;
    found.push_back(child);
    at = read.ptr;
  }
  return found;
}

pid_t session_of(pid_t process) {
  pid_t session = ::getsid(process);
  return session < 0 ? 0 : session;
}

std::string environment_of(pid_t process) {
  return kernel_file("/proc/" + std::to_string(process) + "/environ");
}

std::string variable_in(std::string_view environment, std::string_view name) {
  const std::string front = std::string(name) + '=';
  while (!environment.empty()) {
    const std::string_view one = environment.substr(0, environment.find('\0'));
    if (one.starts_with(front)) return std::string(one.substr(front.size()));
    environment.remove_prefix(std::min(one.size() + 1, environment.size()));
  }
  return {};
}

void kill_tree(pid_t root) {
  std::vector<pid_t> tree{root};
  // The list is read before its process is killed: afterwards there are no children.
  for (std::size_t i = 0; i < tree.size() && tree.size() < max_tree; ++i) {
    std::vector<pid_t> children = children_of(tree[i]);
    tree.insert(tree.end(), children.begin(), children.end());
  }
  for (pid_t one : tree) (void)::kill(one, SIGKILL);
}

void end_all_children() {
  while (reap(WNOHANG)) {
    kill_children();
    (void)reap(0);
  }
}

}  // namespace execo::agent
