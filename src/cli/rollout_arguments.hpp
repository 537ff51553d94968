// What a command line says about batches of hosts, and when a run stops because of failures.
#pragma once

#include <optional>

#include "command_line/option_table.hpp"
#include "execo/rollout.hpp"

namespace execo::cli {

/// "20" or "5%". Throws: usage_error.
host_share number_or_percent(const command_line::given_option& given);

class rollout_arguments {
 public:
  rollout_arguments() = default;
  std::optional<host_share> batch;
  std::optional<host_share> canary;
  std::optional<host_share> max_fail;
  std::optional<host_share> max_fail_in_batch;
  std::optional<duration> soak;
  std::optional<duration> deadline;
  std::optional<rollout_stop> on_stop;

  /// Whether the run is a rollout.
  bool given() const noexcept { return batch || canary || max_fail || max_fail_in_batch; }
  /// Throws: usage_error if something is asked of a rollout that there is not.
  void check() const;
  void configure(rollout& to) const;
};

}  // namespace execo::cli
