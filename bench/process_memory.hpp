// What processes take of memory, as proc(5) says it, in KB.
#pragma once

#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Of these lines of a file, summed up; 0 if it is not there, or the process has gone.
inline long kb_of(const std::string& file, const std::vector<std::string_view>& names) {
  long sum = 0;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    for (std::string_view name : names)
      if (line.starts_with(name)) sum += std::atol(line.c_str() + name.size());
  return sum;
}

/// Of the whole machine: what else runs on it shows here.
inline long kernel_kb() { return kb_of("/proc/meminfo", {"Slab:", "KernelStack:", "PageTables:"}); }

/// What the kernel takes for one process and all that come of it, where root may make a group of
/// processes whose memory is counted apart; else what it takes of the whole machine meanwhile.
class kernel_memory {
 public:
  kernel_memory() {
    static int count = 0;
    const std::string name = "/execo-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* place : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}) {
      group_ = place + name;
      if (::mkdir(group_.c_str(), 0755) != 0) continue;
      if (in_group().has_value()) return;
      (void)::rmdir(group_.c_str());
    }
    group_.clear();
  }
  kernel_memory(const kernel_memory&) = delete;
  kernel_memory& operator=(const kernel_memory&) = delete;
  ~kernel_memory() {
    if (!group_.empty()) (void)::rmdir(group_.c_str());
  }

  /// In the process that it is about.
  void enter() const {
    if (!group_.empty()) std::ofstream(group_ + "/cgroup.procs") << 0 << std::flush;
  }
  bool is_apart() const { return !group_.empty(); }
  /// The most that processes and kernel took together, with files that they were the first to read.
  std::optional<long> peak_kb() const {
    long bytes = 0;
    for (const char* file : {"/memory.max_usage_in_bytes", "/memory.peak"})
      if (!group_.empty() && std::ifstream(group_ + file) >> bytes) return bytes / 1024;
    return std::nullopt;
  }
  long kb() const { return group_.empty() ? kernel_kb() - before_ : in_group().value_or(0) / 1024; }

 private:
  /// Bytes, as the first or the second version of these groups says it.
  std::optional<long> in_group() const {
    long bytes = 0;
    if (std::ifstream(group_ + "/memory.kmem.usage_in_bytes") >> bytes) return bytes;
    std::ifstream lines(group_ + "/memory.stat");
    for (std::string name; lines >> name >> bytes;)
      if (name == "kernel") return bytes;
    return std::nullopt;
  }

  std::string group_;
  long before_ = kernel_kb();
};

inline std::string folder_of(pid_t process) { return "/proc/" + std::to_string(process); }

/// As a keeper and its agent do: their pages are counted once. For root alone, or a user's own.
inline bool has_memory_of_parent(pid_t process) {
  const auto parent = static_cast<pid_t>(kb_of(folder_of(process) + "/status", {"PPid:"}));
  return ::syscall(SYS_kcmp, process, parent, KCMP_VM, 0, 0) == 0;
}

class process_memory {
 public:
  long own_kb = 0;   // PSS of what is no file: heap, stack, changed data, memory of memfd
  long file_kb = 0;  // PSS of files: the programs

  static process_memory of(pid_t process) {
    process_memory found;
    if (has_memory_of_parent(process)) return found;
    const std::string pages = folder_of(process) + "/smaps_rollup";
    found.own_kb = kb_of(pages, {"Pss_Anon:", "Pss_Shmem:"});
    found.file_kb = kb_of(pages, {"Pss_File:"});
    return found;
  }
};

}  // namespace bench
