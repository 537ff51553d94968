#include "agent/command_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "agent/kernel_file.hpp"

namespace execo::agent {
namespace {

// Where systemd mounts cgroup v2, alone and beside v1.
constexpr const char* mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
// systemd sets one of these attributes to 1 on a cgroup with Delegate=yes: its CGROUP_DELEGATION
// page.
constexpr const char* delegations[] = {"user.delegate", "trusted.delegate"};

std::string mount_point() {
  for (const char* mount : mounts) {
    struct statfs about {};
    if (::statfs(mount, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC) return mount;
  }
  return {};
}

// "0::/a/b" is the line of cgroup v2.
std::string own_path() {
  const std::string text = '\n' + kernel_file("/proc/self/cgroup");
  constexpr std::string_view front = "\n0::";
  const std::size_t at = text.find(front);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + front.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

bool says_delegated(const char* directory) {
  for (const char* name : delegations) {
    char value = 0;
    if (::getxattr(directory, name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

// Root may write everywhere, so that for root only the attribute says that a cgroup is delegated.
bool is_delegated(const std::string& directory) {
  struct stat about {};
  if (::stat(directory.c_str(), &about) != 0) return false;
  const bool is_owned = ::geteuid() != 0 && about.st_uid == ::geteuid();
  return (is_owned || says_delegated(directory.c_str())) &&
         ::access((directory + "/cgroup.procs").c_str(), W_OK) == 0 &&
         ::access((directory + "/cgroup.kill").c_str(), W_OK) == 0;
}

std::string find_delegated() {
  std::string directory = mount_point();
  const std::string path = directory.empty() ? std::string() : own_path();
  if (path.size() < 2) return {};  // the root of all, or of what a container is given
  directory += path;
  return is_delegated(directory) ? directory : std::string();
}

std::string directory_of_agent(pid_t keeper) {
  const std::string& in = delegated_cgroup();
  return in.empty() ? in : in + "/execo-" + std::to_string(keeper);
}

bool kill_in(const std::string& directory) {
  const detail::unique_fd all(::open((directory + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  return all && ::write(all.get(), "1", 1) == 1;
}

// With the cgroups that a command has made in its own.
void remove_tree(const std::string& directory) {
  if (::rmdir(directory.c_str()) == 0 || errno != EBUSY) return;
  DIR* list = ::opendir(directory.c_str());
  if (list == nullptr) return;
  while (const dirent* entry = ::readdir(list))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      remove_tree(directory + '/' + entry->d_name);
  (void)::closedir(list);
  (void)::rmdir(directory.c_str());
}

}  // namespace

const std::string& delegated_cgroup() {
  static const std::string found = find_delegated();
  return found;
}

command_cgroups::~command_cgroups() {
  if (made_) remove_all(keeper_);
}

std::string command_cgroups::directory_of(std::uint32_t run) const {
  return directory_of_agent(keeper_) + '/' + std::to_string(run);
}

detail::unique_fd command_cgroups::make(std::uint32_t run) {
  const std::string around = directory_of_agent(keeper_);
  if (around.empty()) return {};
  made_ = made_ || ::mkdir(around.c_str(), 0755) == 0;
  const std::string directory = directory_of(run);
  if (!made_ || ::mkdir(directory.c_str(), 0755) != 0) return {};
  return detail::unique_fd(::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
}

bool command_cgroups::has_processes(std::uint32_t run) const {
  return made_ &&
         kernel_file(directory_of(run) + "/cgroup.events").find("populated 1") != std::string::npos;
}

bool command_cgroups::kill(std::uint32_t run) const { return made_ && kill_in(directory_of(run)); }

void command_cgroups::drop(std::uint32_t run) const {
  if (made_) remove_tree(directory_of(run));
}

void command_cgroups::kill_all(pid_t keeper) {
  const std::string directory = directory_of_agent(keeper);
  if (!directory.empty()) (void)kill_in(directory);
}

void command_cgroups::remove_all(pid_t keeper) {
  const std::string directory = directory_of_agent(keeper);
  if (!directory.empty()) remove_tree(directory);
}

}  // namespace execo::agent
