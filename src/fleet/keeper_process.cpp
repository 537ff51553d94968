#include "fleet/keeper_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/fd.hpp"
#include "fleet/child.hpp"
#include "fleet/keeper_wire.hpp"

namespace execo::fleet {

namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

// The grace period between TERM and KILL, and how long to wait for a process that even KILL does
// not end, because it is in an uninterruptible wait.
constexpr milliseconds grace{500};
constexpr milliseconds max_wait_after_kill{3000};

class keeper_process {
 public:
  explicit keeper_process(int socket);
  void serve();

 private:
  enum class farewell { gentle, at_once };

  bool take_message();  // false: the fleet is gone or sent the stop
  void spawn(const keeper_header& header, std::string_view text, const int* fds);
  void report(keeper_verb verb, std::uint64_t id, int number) const;
  bool reap();  // false: no child is left
  void signal_groups(int number) const;
  void signal_children(int number);
  bool reap_until(clock::time_point deadline, int number);
  void end_all();

  detail::unique_fd socket_;
  detail::unique_fd children_changed_;
  farewell farewell_ = farewell::at_once;
  std::unordered_map<pid_t, std::uint64_t> ids_;
  std::unordered_map<std::uint64_t, pid_t> pids_;
  std::unordered_set<pid_t> signalled_;  // orphans that got the current signal
  std::vector<char> buffer_;
};

keeper_process::keeper_process(int socket) : socket_(socket), buffer_(max_keeper_message) {
  (void)::prctl(PR_SET_NAME, "fleet-keeper");
  // Orphans of commands, daemons among them, become children of this process and end with it.
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  (void)::setsid();  // Ctrl-C and kill of the fleet's group must not end it before the commands
  // A shell starts background jobs with INT and QUIT ignored; commands are to have the defaults.
  for (int number = 1; number < 32; ++number) (void)std::signal(number, SIG_DFL);
  sigset_t all;
  sigfillset(&all);  // own-copy: a process, which keeps it
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  children_changed_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  // Holding the fleet's output would keep readers of its ready line from seeing its end.
  int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd : {0, 1}) (void)::dup2(null, fd);
  if (::fcntl(2, F_GETFD) < 0) (void)::dup2(null, 2);
  if (null > 2) (void)::close(null);
}

void keeper_process::serve() {
  std::array<pollfd, 2> waits{pollfd{socket_.get(), POLLIN, 0},
                              pollfd{children_changed_.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
    if ((waits[1].revents & POLLIN) != 0) (void)reap();
    if (waits[0].revents != 0 && !take_message()) break;
  }
  end_all();
}

bool keeper_process::take_message() {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
  iovec part{buffer_.data(), buffer_.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  if (length < 0) return errno == EINTR || errno == EAGAIN;
  if (length < static_cast<ssize_t>(sizeof(keeper_header))) return false;
  keeper_header header{};
  std::memcpy(&header, buffer_.data(), sizeof(header));
  switch (header.verb) {
    case keeper_verb::spawn: {
      std::array<int, 3> fds{-1, -1, -1};
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      if (rights != nullptr && rights->cmsg_len == CMSG_LEN(sizeof(fds)))
        std::memcpy(fds.data(), CMSG_DATA(rights), sizeof(fds));
      std::string_view text(buffer_.data() + sizeof(header),
                            static_cast<std::size_t>(length) - sizeof(header));
      spawn(header, text, fds.data());
      for (int fd : fds)
        if (fd >= 0) (void)::close(fd);
      return true;
    }
    case keeper_verb::signal:
      // The leader is reaped only here, so its group number was not reused yet.
      if (auto found = pids_.find(header.id); found != pids_.end())
        (void)::kill(-found->second, header.number);
      return true;
    case keeper_verb::stop:
      farewell_ = farewell::gentle;
      return false;
    default:
      return false;
  }
}

void keeper_process::spawn(const keeper_header& header, std::string_view text, const int* fds) {
  std::vector<std::string_view> parts;  // the command, then the variables; each NUL-terminated
  while (!text.empty()) {
    std::size_t end = text.find('\0');
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  child_plan plan;
  plan.terminal = (header.flags & spawn_on_terminal) != 0;
  if ((header.flags & spawn_shell) == 0) plan.command = parts.front().data();
  plan.fds = fds;
  parts.erase(parts.begin());
  plan.environment = merged_environment(parts);
  int error = fds[2] < 0 ? EMFILE : 0;
  pid_t pid = error == 0 ? start_child(plan, error) : -1;
  if (pid < 0) return report(keeper_verb::not_begun, header.id, error);
  ids_.emplace(pid, header.id);
  pids_.emplace(header.id, pid);
}

void keeper_process::report(keeper_verb verb, std::uint64_t id, int number) const {
  keeper_header header{verb, number, id, 0, 0};
  // Fails only when the fleet is gone: take_message will see that.
  (void)::send(socket_.get(), &header, sizeof(header), MSG_NOSIGNAL);
}

bool keeper_process::reap() {
  signalfd_siginfo unused{};
  while (::read(children_changed_.get(), &unused, sizeof(unused)) > 0) {
  }
  for (;;) {
    int status = 0;
    pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0) return errno != ECHILD;
    if (pid == 0) return true;
    auto found = ids_.find(pid);
    if (found == ids_.end()) continue;  // an orphan of a command
    report(keeper_verb::ended, found->second, status);
    pids_.erase(found->second);
    ids_.erase(found);
  }
}

void keeper_process::signal_groups(int number) const {
  for (const auto& [id, pid] : pids_) (void)::kill(-pid, number);
}

/// Signals each child only once: a second TERM would run a trap twice.
void keeper_process::signal_children(int number) {
  // proc(5): without CONFIG_PROC_CHILDREN it is not there, and only the groups get the signal.
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t pid = 0; children >> pid;)
    if (!ids_.contains(pid) && signalled_.insert(pid).second) (void)::kill(pid, number);
}

bool keeper_process::reap_until(clock::time_point deadline, int number) {
  signalled_.clear();
  signal_groups(number);
  signal_children(number);
  while (reap()) {
    auto left = std::chrono::ceil<milliseconds>(deadline - clock::now()).count();
    if (left <= 0) return false;
    pollfd changed{children_changed_.get(), POLLIN, 0};
    (void)::poll(&changed, 1, static_cast<int>(left));
    signal_children(number);  // a process that ended may have left children to this one
  }
  return true;
}

void keeper_process::end_all() {
  if (farewell_ == farewell::gentle && reap_until(clock::now() + grace, SIGTERM)) return;
  (void)reap_until(clock::now() + max_wait_after_kill, SIGKILL);
}

}  // namespace

void run_keeper(int socket) noexcept {
  // A descriptor that the fleet was given, such as that of --ready-fd, is closed when the fleet
  // closes it.
  if (socket > 3) (void)::close_range(3, static_cast<unsigned>(socket) - 1, 0);
  (void)::close_range(static_cast<unsigned>(socket) + 1, ~0U, 0);
  keeper_process(socket).serve();
  ::_exit(0);
}

}  // namespace execo::fleet
