#include "process/cgroup.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {
namespace {

/// "0::/a/b" as the cgroup v2 path of a process, empty if it has none.
std::string own_path(const std::string& who) {
  std::ifstream file("/proc/" + who + "/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::")) return line.substr(3);
  return {};
}

struct mount {
  std::string root;  // what of the hierarchy is mounted
  std::string point;
};

// mountinfo writes blanks and backslashes as three octal digits.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

mount find_mount() {
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    auto dash = line.find(" - ");
    if (dash == std::string::npos || !line.substr(dash + 3).starts_with("cgroup2 ")) continue;
    std::istringstream words(line);
    std::string skipped;
    mount found;
    words >> skipped >> skipped >> skipped >> found.root >> found.point;
    found.root = unescaped(found.root);
    found.point = unescaped(found.point);
    return found;
  }
  return {};
}

// False if it, or one below it, is busy.
bool remove_tree(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno != EBUSY) return true;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored))
    if (entry.is_directory(ignored)) (void)remove_tree(entry.path());
  return ::rmdir(path.c_str()) == 0 || errno != EBUSY;
}

}  // namespace

std::string cgroup_directory(const std::string& path) {
  mount where = find_mount();
  if (where.point.empty()) return {};
  std::string wanted = path.empty() ? own_path("self") : path;
  if (wanted.empty()) return {};
  if (wanted.front() != '/') wanted = "/" + wanted;
  if (where.root != "/") {
    // Only a part of the hierarchy is mounted here.
    if (wanted != where.root && !wanted.starts_with(where.root + "/")) return {};
    wanted.erase(0, where.root.size());
  }
  return wanted == "/" ? where.point : where.point + wanted;
}

cgroup_leaf::cgroup_leaf(cgroup_leaf&& other) noexcept
    : path_(std::exchange(other.path_, std::string())), events_(std::move(other.events_)) {}

cgroup_leaf& cgroup_leaf::operator=(cgroup_leaf&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(events_, other.events_);
  return *this;
}

cgroup_leaf::~cgroup_leaf() {
  contain([this] { (void)remove(); }, [](const std::exception_ptr&) {});
}

int cgroup_leaf::make(const std::string& parent) {
  static std::atomic<unsigned> count{0};
  std::string path = parent + "/execo-" + std::to_string(::getpid()) + "-" +
                     std::to_string(count.fetch_add(1, std::memory_order_relaxed));
  if (::mkdir(path.c_str(), 0755) != 0) return errno;
  path_ = std::move(path);
  events_.reset(::open((path_ + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  return events_ ? 0 : errno;
}

std::vector<pid_t> cgroup_leaf::members() const {
  std::vector<pid_t> pids;
  std::ifstream file(path_ + "/cgroup.procs");
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

signalled cgroup_leaf::signal(int number, pid_t leader) const {
  std::vector<pid_t> pids = members();
  signalled others;
  for (pid_t pid : pids) others.count += pid != leader ? 1 : 0;
  if (number == SIGKILL) {
    unique_fd all(::open((path_ + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
    // One step for all of them, also for those that are being made (Linux 5.14).
    if (all && ::write(all.get(), "1", 1) == 1) return others;
  }
  auto end = path_.rfind('/');
  std::string name = path_.substr(end);
  for (pid_t pid : pids) {
    auto is_member = [&] { return own_path(std::to_string(pid)).ends_with(name); };
    if (!signal_process(pid, number, is_member) && pid != leader) others.refused = true;
  }
  return others;
}

bool cgroup_leaf::remove() {
  if (path_.empty()) return true;
  // An empty one is busy only for as long as the command's own cgroups are in it; one that stays
  // busy all the same is left, rather than waited for without an end.
  for (int round = 0; round < 2; ++round) {
    if (remove_tree(path_)) break;
    if (populated()) return false;
  }
  path_.clear();
  events_.reset();
  return true;
}

bool cgroup_leaf::populated() {
  char text[128];
  ssize_t size = ::pread(events(), text, sizeof text, 0);
  return size > 0 && std::string_view(text, static_cast<std::size_t>(size)).find("populated 1") !=
                         std::string_view::npos;
}

int cgroup_leaf::events() {
  // Only after a read is the next change reported.
  char text[64];
  (void)!::pread(events_.get(), text, sizeof text, 0);
  return events_.get();
}

}  // namespace execo::detail
