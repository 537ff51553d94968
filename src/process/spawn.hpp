// Starts a child without copying this process: a vfork-style clone, so the cost does not depend on
// how much memory is resident here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/guard_table.hpp"
#include "process/monitor.hpp"
#include "process/surroundings.hpp"

namespace execo::detail {

/// A descriptor of ours that becomes one of the child's.
struct placed_descriptor {
  int source;
  int target;
  const char* name;  // for a failure
};

struct placed_limit {
  int resource;
  std::uint64_t values[2];  // soft, hard
  const char* name;
};

/// What a child changes of itself before it executes, all looked up: see prepare.hpp.
struct child_settings {
  std::vector<placed_limit> limits;
  std::optional<std::vector<gid_t>> groups;
  std::optional<gid_t> group;
  std::optional<uid_t> user;
  std::string user_name, group_name;  // for a failure
  std::optional<mode_t> umask;
  std::optional<int> nice;
  std::string cgroup_name;
  int cgroup = -1;  // a directory to be started in
  pid_t process_group = 0;
  bool new_session = false;
  bool monitored = false;              // by a command_monitor
  guard_slot* guard = nullptr;         // filled in by the child
  guarded reach = guarded::group;      // of what is killed with this program
  bool dies_with_its_starter = false;  // the thread that clones it: PR_SET_PDEATHSIG
  bool terminal = false;               // 0 becomes the controlling terminal

  bool changes_identity() const noexcept { return groups || group || user; }
};

struct spawn_request {
  std::vector<std::string> argv;
  std::vector<std::string> environment;        // "NAME=value"; see inherit_environment
  bool inherit_environment = true;             // `environment` is then empty, that of `around` used
  std::string directory;                       // from that of `around`; empty: that one
  std::shared_ptr<const surroundings> around;  // of the moment when the start was asked for
  std::vector<placed_descriptor> descriptors;  // all that it has; each target once
  child_settings settings;
};

struct spawn_result {
  pid_t pid = -1;
  unique_fd pidfd;
  std::unique_ptr<command_monitor> monitor;  // if the settings ask for one: it reaps the child
  int error = 0;                             // errno of the step that failed
  const char* step = "";                     // "clone", "chdir", "execve", ...
  std::string object;                        // the path or name the step was about
  bool unsupported = false;  // this machine or its owner does not offer what was asked

  /// Says why there is no child; false, for the caller to return.
  bool fail(const char* at, std::string about, int why) {
    step = at;
    object = std::move(about);
    error = why;
    return false;
  }
};

/// Blocks the calling thread until the child has executed or failed; measured at about 40 us on an
/// idle machine. The child gets an empty signal mask, default dispositions, its own process group
/// and no other descriptors unless the settings say otherwise.
spawn_result spawn(const spawn_request& what);

}  // namespace execo::detail
