// The processes of this machine, as /proc shows them. A scan costs some ten microseconds for each
// process: only for commands that asked for a scope.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace execo::detail {

struct process_entry {
  pid_t pid = 0;
  char state = 0;  // 0: there is none
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;

  bool lives() const noexcept { return state != 0 && state != 'Z' && state != 'X'; }
};

process_entry look_at_process(pid_t pid);

/// /proc is there, and shows this process under the number it knows itself by.
bool has_process_table() noexcept;

/// Whom a signal was sent to.
class signalled {
 public:
  std::size_t count = 0;
  bool refused = false;  // by one at least: it is another user's
};

/// Those that live and fit.
std::vector<pid_t> living_processes(const std::function<bool(const process_entry&)>& fits);

/// Other processes than this one that have a descriptor on what `link` names, as readlink(2) shows
/// it in /proc/PID/fd: "pipe:[4711]".
std::vector<pid_t> holders_of(const std::vector<std::string>& links);

/// Sends a signal if `is_meant` still says so when the number can no longer become another's.
/// False: it may not be signalled.
bool signal_process(pid_t pid, int number, const std::function<bool()>& is_meant);

/// Sends a signal to all of a session but `leader`, which keeps its number from being reused. KILL
/// is repeated until no new ones are found.
/// Pre: `leader` is not reaped.
signalled signal_session(pid_t leader, int number);

/// Sends a signal to all that descend from `root` but `leader`.
/// Pre: `root` is not reaped.
signalled signal_descendants(pid_t root, pid_t leader, int number);

}  // namespace execo::detail
