// cgroup v2: where it is mounted, and a leaf of our own for one command.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "process/process_table.hpp"

namespace execo::detail {

/// The directory of a cgroup given from the root of cgroup v2, as /proc/self/cgroup has it; of our
/// own for an empty path. Empty if cgroup v2 is not mounted where we see it.
std::string cgroup_directory(const std::string& path);

/// A cgroup that holds one command and all that comes from it, whatever that does.
class cgroup_leaf {
 public:
  cgroup_leaf() = default;
  cgroup_leaf(cgroup_leaf&& other) noexcept;
  cgroup_leaf& operator=(cgroup_leaf&& other) noexcept;
  /// Removes it if it is empty.
  ~cgroup_leaf();

  /// 0 or an errno.
  int make(const std::string& parent);
  bool made() const noexcept { return !path_.empty(); }
  const std::string& path() const noexcept { return path_; }
  /// Its processes.
  std::vector<pid_t> members() const;
  /// Sends each of them a signal; counts those other than `leader`.
  signalled signal(int number, pid_t leader) const;
  /// True if it is gone. If not, it may be when events() becomes ready for POLLPRI.
  bool remove();
  int events();

 private:
  bool populated();

  std::string path_;
  unique_fd events_;
};

}  // namespace execo::detail
