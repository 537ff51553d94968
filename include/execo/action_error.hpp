/// action_error: what check() throws for an action, with all of its results.
#pragma once

#include <string>
#include <utility>

#include "execo/action_result.hpp"
#include "execo/status.hpp"

namespace execo {

/// An action that failed. Copies share the results of the hosts.
class action_error : public process_error {
 public:
  action_error(const std::string& what, action_result results)
      : process_error(what), results_(std::move(results)) {}

  /// Of all hosts, those that did not fail included.
  const action_result& results() const noexcept { return results_; }

 private:
  action_result results_;
};

}  // namespace execo
