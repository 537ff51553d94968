/// tree_answers: who has answered when a tree that stands was asked.
#pragma once

#include <cstddef>
#include <vector>

#include "execo/time.hpp"
#include "execo/tree_host.hpp"

namespace execo {

class tree_answers {
 public:
  tree_answers() = default;
  /// All that were asked have answered.
  bool ok() const noexcept { return silent.empty(); }

  std::size_t answered = 0;  ///< agents
  /// Hosts that were up and whose agents have not answered in time, or are lost. tree_host::parent
  /// is the host whose agent was to pass the question on; a silent one hides those behind it.
  std::vector<tree_host> silent;
  duration took{0};  ///< until the last answer, or until the time was over
};

}  // namespace execo
