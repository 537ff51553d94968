// Programs that are run from outside, and what they cost with everything that they start.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace bench {

using words = std::vector<std::string>;

/// Throws std::runtime_error, so that servers and their files go with whatever failed.
[[noreturn]] void fail(const std::string& what);

std::string joined(const words& list, char by);
void write_file(const std::string& path, const std::string& text);

/// Makes this process the parent of what programs leave behind (prctl(2), PR_SET_CHILD_SUBREAPER),
/// so that it can count their CPU time.
void adopt_orphans();

/// What programs leave behind from the construction on: ssh masters, and what a jump needed.
class background {
 public:
  background();
  background(const background&) = delete;
  background& operator=(const background&) = delete;
  /// Ends it.
  ~background();

  /// CPU seconds that it has taken so far. What has ended and was waited for is not in it.
  double cpu() const;

  /// CPU seconds, and the memory of the largest process.
  class cost {
   public:
    double cpu = 0;
    long peak_kb = 0;
  };
  /// Waits until all of it has ended. Throws if it does not within ten seconds.
  cost wait();
  /// Asks it to end and waits.
  cost end();

 private:
  bool reap(cost& into, bool ask) const;
  std::vector<pid_t> processes() const;

  std::set<pid_t> others_;
};

/// A run of a client: itself, its children, and what it has left behind.
class client_run {
 public:
  double cpu = 0;
  double wall = 0;
  long peak_kb = 0;  // of the largest single process
  int code = -1;
  std::string out;
  std::string complaint;
};

/// `variables` (NAME=VALUE) are added to the environment. What the client leaves behind is waited
/// for, or goes to `keeper` and is not in the result. Throws if it cannot be started.
client_run run_client(const words& argv, const words& variables = {},
                      const background* keeper = nullptr);
/// The same. Throws with what it complained of if it fails.
client_run run_well(const words& argv, const words& variables = {},
                    const background* keeper = nullptr);

/// CPU seconds of a server and of the children it has waited for.
double server_cpu(pid_t pid);
/// The same, when all its clients have gone: a server waits for a session when that is over.
double server_cpu_at_rest(pid_t pid);

}  // namespace bench
