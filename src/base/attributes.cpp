#include "execo/attributes.hpp"

#include <array>
#include <csignal>
#include <stdexcept>
#include <string>

#include "execo/stop_policy.hpp"

namespace execo {

namespace {
constexpr auto last_grace_period = std::chrono::seconds(5);
}  // namespace

std::string_view to_string(kill_scope which) noexcept {
  static constexpr std::array<std::string_view, 5> words{"process", "group", "session", "subreaper",
                                                         "cgroup"};
  return words[static_cast<std::size_t>(which)];
}

std::string_view spawn_attributes::local_only() const noexcept {
  if (clear_environment) return "clear_env";
  if (user) return "user";
  if (group) return "group";
  if (groups) return "groups";
  if (nice) return "nice";
  if (!limits.empty()) return "rlimit";
  if (!cgroup.empty()) return "cgroup";
  if (new_session) return "new_session";
  if (process_group != 0) return "process_group";
  if (!descriptors.empty()) return "pass_fd";
  return {};
}

stop_policy& stop_policy::then(int signal, duration grace_period) & {
  if (signal <= 0 || signal >= NSIG)
    throw std::invalid_argument(std::to_string(signal) + " is no signal");
  if (!steps_.empty() && steps_.back().signal == SIGKILL)
    throw std::invalid_argument("KILL must be the last step of a stop policy");
  steps_.emplace_back(signal, grace_period);
  return *this;
}

stop_policy&& stop_policy::then(int signal, duration grace_period) && {
  return std::move(then(signal, grace_period));
}

stop_policy& stop_policy::then(int signal) & { return then(signal, last_grace_period); }
stop_policy&& stop_policy::then(int signal) && { return std::move(then(signal)); }

}  // namespace execo
