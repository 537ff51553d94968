// The results of all hosts, and which of them belong to which part of an action.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/action_result.hpp"

namespace execo::detail {

/// An action, or a member of one, with the positions of its hosts.
class outcome_part {
 public:
  outcome_part() = default;
  std::string name;
  std::size_t first = 0;  // host_result::index of its first host
  action_stats stats;     // as many hosts as it has positions
  std::vector<outcome_part> parts;

  /// It, or a part of it, has no host and is not meant to have none.
  bool lacks_hosts() const noexcept;
};

class action_outcome {
 public:
  action_outcome(std::vector<host_result> results, outcome_part whole);

  const outcome_part& whole() const noexcept { return whole_; }
  /// Results of that part, in the order of the hosts.
  host_results of(const outcome_part& part) const noexcept;
  /// Null: the part has no result of that host.
  const host_result* find(const outcome_part& part, const host& which) const;

 private:
  std::span<const std::uint32_t> named(std::string_view name) const;

  std::vector<host_result> results_;  // by index
  outcome_part whole_;
  mutable std::once_flag sorted_;
  mutable std::vector<std::uint32_t> by_name_;  // made when first asked for
};

}  // namespace execo::detail
