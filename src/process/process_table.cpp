#include "process/process_table.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/fd.hpp"

namespace execo::detail {
namespace {

struct directory_closer {
  void operator()(DIR* directory) const noexcept { (void)::closedir(directory); }
};
using directory = std::unique_ptr<DIR, directory_closer>;

template <class F>
void for_each_entry(const char* path, F each) {
  directory all(::opendir(path));
  if (!all) return;
  while (const dirent* entry = ::readdir(all.get()))
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') each(entry->d_name);
}

bool holds(pid_t pid, const std::vector<std::string>& links) {
  bool found = false;
  std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  for_each_entry(folder.c_str(), [&](const char* name) {
    char target[256];
    ssize_t size = ::readlink((folder + "/" + name).c_str(), target, sizeof target);
    if (size <= 0) return;
    std::string_view text(target, static_cast<std::size_t>(size));
    found |= std::ranges::find(links, text) != links.end();
  });
  return found;
}

}  // namespace

bool has_process_table() noexcept {
  char target[32];
  ssize_t size = ::readlink("/proc/self", target, sizeof target - 1);
  if (size <= 0) return false;
  target[size] = '\0';
  return ::atoi(target) == ::getpid();
}

process_entry look_at_process(pid_t pid) {
  process_entry entry;
  entry.pid = pid;
  unique_fd file(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char text[512];
  ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : 0;
  if (size <= 0) return entry;
  text[size] = '\0';
  // The name is in parentheses and may hold any character.
  std::string_view line(text, static_cast<std::size_t>(size));
  auto end = line.rfind(')');
  if (end == std::string_view::npos) return entry;
  (void)::sscanf(text + end + 1, " %c %d %d %d", &entry.state, &entry.parent, &entry.group,
                 &entry.session);
  return entry;
}

std::vector<pid_t> living_processes(const std::function<bool(const process_entry&)>& fits) {
  std::vector<pid_t> found;
  for_each_entry("/proc", [&](const char* name) {
    process_entry entry = look_at_process(static_cast<pid_t>(::atoi(name)));
    if (entry.lives() && fits(entry)) found.push_back(entry.pid);
  });
  return found;
}

std::vector<pid_t> holders_of(const std::vector<std::string>& links) {
  std::vector<pid_t> found;
  if (links.empty()) return found;
  for_each_entry("/proc", [&](const char* name) {
    auto pid = static_cast<pid_t>(::atoi(name));
    if (pid != ::getpid() && holds(pid, links)) found.push_back(pid);
  });
  return found;
}

bool signal_process(pid_t pid, int number, const std::function<bool()>& is_meant) {
  unique_fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process || !is_meant()) return true;
  return ::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0 || errno != EPERM;
}

signalled signal_session(pid_t leader, int number) {
  signalled all;
  std::vector<pid_t> known;
  auto is_member = [leader](const process_entry& entry) {
    return entry.session == leader && entry.pid != leader;
  };
  // One that has been sent KILL makes no more processes: rounds that find new ones come to an end.
  bool found_new = true;
  while (found_new) {
    found_new = false;
    for (pid_t pid : living_processes(is_member)) {
      if (std::ranges::find(known, pid) != known.end()) continue;
      known.push_back(pid);
      found_new = number == SIGKILL;
      if (!signal_process(pid, number, [&] { return is_member(look_at_process(pid)); }))
        all.refused = true;
    }
  }
  all.count = known.size();
  return all;
}

signalled signal_descendants(pid_t root, pid_t leader, int number) {
  // Chains are short, and one that changes meanwhile ends at `root` or at init all the same.
  auto descends = [root](process_entry entry) {
    for (int depth = 0; depth < 1000 && entry.state != 0 && entry.parent > 1; ++depth) {
      if (entry.parent == root) return true;
      entry = look_at_process(entry.parent);
    }
    return false;
  };
  std::vector<pid_t> found = living_processes(
      [&](const process_entry& entry) { return entry.pid != leader && descends(entry); });
  signalled all;
  all.count = found.size();
  for (pid_t pid : found)
    if (!signal_process(pid, number, [&] { return descends(look_at_process(pid)); }))
      all.refused = true;
  return all;
}

}  // namespace execo::detail
