// What processes take of memory, as proc(5) says it, in KB.
#pragma once

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
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
