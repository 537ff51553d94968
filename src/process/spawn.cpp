#include "process/spawn.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/signal_mask.hpp"
#include "process/monitor.hpp"
#include "process/raw_child.hpp"

namespace execo::detail {
namespace {

std::vector<std::string> search_path(const std::string& program, const spawn_request& what) {
  std::vector<std::string> candidates;
  if (program.find('/') != std::string::npos) {
    candidates.push_back(program);
    return candidates;
  }
  const char* path = what.around->find("PATH");
  std::string directories = path != nullptr ? path : "/bin:/usr/bin";
  for (const std::string& variable : what.environment)
    if (variable.starts_with("PATH=")) directories = variable.substr(5);
  std::size_t start = 0;
  for (;;) {
    std::size_t end = directories.find(':', start);
    std::string directory = directories.substr(start, end - start);
    candidates.push_back((directory.empty() ? "." : directory) + "/" + program);
    if (end == std::string::npos) return candidates;
    start = end + 1;
  }
}

std::vector<const char*> pointers(const std::vector<std::string>& strings) {
  std::vector<const char*> list;
  list.reserve(strings.size() + 1);
  for (const std::string& s : strings) list.push_back(s.c_str());
  list.push_back(nullptr);
  return list;
}

/// The frame, in memory that a child without CLONE_VM shares as well.
class frame_memory {
 public:
  explicit frame_memory(bool own_page) noexcept {
    if (!own_page) return;
    page_ = ::mmap(nullptr, sizeof(child_frame), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
  }
  frame_memory(const frame_memory&) = delete;
  frame_memory& operator=(const frame_memory&) = delete;
  ~frame_memory() {
    if (page_ != nullptr && page_ != MAP_FAILED) (void)::munmap(page_, sizeof(child_frame));
  }
  /// Null when there is no memory.
  child_frame* frame() noexcept {
    if (page_ == nullptr) return &local_;
    return page_ == MAP_FAILED ? nullptr : static_cast<child_frame*>(page_);
  }

 private:
  child_frame local_{};
  void* page_ = nullptr;
};

void point_to(child_frame& frame, const child_settings& settings) noexcept {
  frame.settings = &settings;
  frame.limits = settings.limits.data();
  frame.limit_count = settings.limits.size();
  static constexpr gid_t no_group = 0;
  if (settings.groups) {
    frame.group_count = settings.groups->size();
    frame.groups = frame.group_count == 0 ? &no_group : settings.groups->data();
  }
  if (settings.group) frame.group = &*settings.group;
  if (settings.user) frame.user = &*settings.user;
  frame.group_name = settings.group_name.c_str();
  frame.user_name = settings.user_name.c_str();
  if (settings.umask) frame.umask = &*settings.umask;
  if (settings.nice) frame.nice = &*settings.nice;
}

/// What the pointers of a frame point to.
struct frame_words {
  explicit frame_words(const spawn_request& what)
      : candidates(search_path(what.argv.front(), what)),
        paths(pointers(candidates)),
        argv(pointers(what.argv)),
        places(what.descriptors) {
    if (!what.inherit_environment) envp = pointers(what.environment);
    std::ranges::sort(places, {}, &placed_descriptor::target);
  }
  std::vector<std::string> candidates;
  std::vector<const char*> paths, argv, envp;
  std::vector<placed_descriptor> places;
};

void point_to(child_frame& frame, frame_words& words, const spawn_request& what) noexcept {
  frame.candidates = words.paths.data();
  frame.argv = const_cast<char* const*>(words.argv.data());
  frame.envp = what.inherit_environment ? what.around->variables()
                                        : const_cast<char* const*>(words.envp.data());
  const directory_copy& start = what.around->directory();
  frame.start_descriptor = start.descriptor();
  frame.start_path = start.path().empty() ? nullptr : start.path().c_str();
  frame.directory = what.directory.empty() ? nullptr : what.directory.c_str();
  frame.places = words.places.data();
  frame.place_count = words.places.size();
  frame.parent = ::getpid();
  point_to(frame, what.settings);
}

// The child failed and is a zombie or about to be one: it has to be reaped here.
void reap_failed(pid_t pid) {
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

bool fail_clone(spawn_result& made, const child_settings& settings, int error) {
  made.unsupported = settings.cgroup >= 0 && error != EAGAIN && error != ENOMEM;
  if (made.unsupported) return made.fail("clone into cgroup", settings.cgroup_name, error);
  return made.fail("clone", "", error);
}

bool start(child_frame& frame, const clone_plan& plan, const int& pidfd, spawn_result& made) {
  // A signal that reached the child before its handlers are gone would run them in our memory.
  long pid = 0;
  {
    signals_blocked meanwhile;
    pid = clone_child(plan, &child_main, &frame);
  }
  if (pid < 0) return fail_clone(made, *frame.settings, static_cast<int>(-pid));
  made.pidfd.reset(pidfd);
  made.pid = static_cast<pid_t>(pid);
  if (frame.error == 0 && made.pidfd) return true;
  int error = errno;
  if (frame.error == 0) (void)::kill(made.pid, SIGKILL);
  reap_failed(made.pid);
  made.pidfd.reset();
  made.pid = -1;
  if (frame.error == 0) return made.fail("dup a pidfd", "", error);
  return made.fail(frame.step, frame.object, frame.error);
}

}  // namespace

spawn_result spawn(const spawn_request& what) {
  static thread_local child_stack stack;
  const child_settings& settings = what.settings;
  spawn_result made;
  frame_words words(what);
  if (settings.monitored) made.monitor = std::make_unique<command_monitor>();
  frame_memory memory(settings.changes_identity() && !settings.monitored);
  child_frame* frame = settings.monitored ? made.monitor->prepare() : memory.frame();
  if (frame == nullptr || stack.base() == nullptr) {
    (void)made.fail("mmap", "", ENOMEM);
    made.monitor.reset();
    return made;
  }
  point_to(*frame, words, what);

  int pidfd = -1;
  // While a child of another user shared our memory, that user could look into it.
  long flags = CLONE_VFORK | (settings.changes_identity() ? 0 : CLONE_VM);
  if (!settings.monitored) flags |= CLONE_PIDFD;
  clone_plan plan(flags, stack, settings.monitored ? nullptr : &pidfd, settings.cgroup);
  if (!settings.monitored) {
    (void)start(*frame, plan, pidfd, made);
  } else if (!made.monitor->start(plan, made)) {
    bool its_clone = frame->error != 0 && std::string_view(frame->step) == "clone";
    if (its_clone) (void)fail_clone(made, settings, frame->error);
    made.monitor.reset();
  }
  return made;
}

}  // namespace execo::detail
