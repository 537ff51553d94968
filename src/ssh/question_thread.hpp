// Where the user is asked: off the loop, one question of it at a time.
#pragma once

#include "loop/helper_threads.hpp"

namespace execo::detail {

class question_thread final : public loop_service {
 public:
  explicit question_thread(loop& on) : threads(on, 1) {}
  helper_threads threads;
};

}  // namespace execo::detail
