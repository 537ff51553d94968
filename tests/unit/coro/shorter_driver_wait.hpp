// For tests of what is said to a thread that waits for a loop in vain.
#pragma once

#include "execo/detail/driver_wait.hpp"

namespace execo::test {

class shorter_driver_wait {
 public:
  shorter_driver_wait() noexcept { detail::set_driver_wait(std::chrono::milliseconds(20)); }
  shorter_driver_wait(const shorter_driver_wait&) = delete;
  shorter_driver_wait& operator=(const shorter_driver_wait&) = delete;
  ~shorter_driver_wait() { detail::set_driver_wait(before_); }

 private:
  duration before_ = detail::driver_wait();
};

}  // namespace execo::test
