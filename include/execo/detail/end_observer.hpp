// Notified once, on the run's own loop, when an execution has ended and its result is final.
#pragma once

#include "execo/detail/node.hpp"

namespace execo::detail {

class execution;

class end_observer : public list_node {
 public:
  virtual void on_end(execution& run) noexcept = 0;

 protected:
  ~end_observer() = default;
};

}  // namespace execo::detail
