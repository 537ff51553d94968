// What has come of commands: their children, and orphans, which become children of the agent.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace execo::agent {

/// By its first thread. Empty if it is gone.
std::vector<pid_t> children_of(pid_t process);

/// 0 if it is gone.
pid_t session_of(pid_t process);

/// That its program was started with, as NAME=VALUE and a zero byte each. Empty if it has none, is
/// another user's, or begins another program just now.
std::string environment_of(pid_t process);
/// Its value there; empty if it is not.
std::string variable_in(std::string_view environment, std::string_view name);

/// Sends KILL to the process and to all that come of it. What forks meanwhile may escape: its
/// orphans are children of the caller then, who looks again.
void kill_tree(pid_t root);

/// Kills and reaps all that come of this process, until it has no child.
void end_all_children();

}  // namespace execo::agent
