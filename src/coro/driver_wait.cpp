#include "execo/detail/driver_wait.hpp"

#include <atomic>

namespace execo::detail {
namespace {

std::atomic<duration::rep> longest_wait{duration(std::chrono::seconds(1)).count()};

}  // namespace

duration driver_wait() noexcept { return duration(longest_wait.load(std::memory_order_relaxed)); }

void set_driver_wait(duration longest) noexcept {
  longest_wait.store(longest.count(), std::memory_order_relaxed);
}

}  // namespace execo::detail
