#include "agent/connect_measure.hpp"

#include <time.h>

#include <algorithm>

#include "agent/facts.hpp"

namespace execo::agent {
namespace {

std::uint32_t microseconds_of(clockid_t clock) noexcept {
  timespec used{};
  if (::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::int64_t>(used.tv_sec * 1'000'000LL + used.tv_nsec / 1000, UINT32_MAX));
}

std::uint32_t cpu_of(pid_t process) noexcept {
  clockid_t clock{};
  return ::clock_getcpuclockid(process, &clock) == 0 ? microseconds_of(clock) : 0;
}

}  // namespace

// Its own share is what it has used so far, for each connection.
void connect_measure::add(pid_t connector, std::uint32_t smoothed_connect_us) noexcept {
  ++count_;
  const std::uint32_t sample =
      cpu_of(connector) + microseconds_of(CLOCK_PROCESS_CPUTIME_ID) / count_;
  cpu_us_ = cpu_us_ == 0 ? sample : cpu_us_ - cpu_us_ / 8 + sample / 8;
  connect_us_ = std::max(smoothed_connect_us, 1U);
}

detail::connect_cost connect_measure::cost() const noexcept {
  detail::connect_cost cost;
  cost.cpu = cpu_us_ / 1e6;
  cost.cores = usable_cores();
  cost.latency = connect_us_ / 1e6;
  return cost;
}

unsigned first_window_of(const connect_measure& known) noexcept {
  return known.is_known() ? detail::first_window(known.cost())
                          : detail::first_window(double(usable_cores()));
}

}  // namespace execo::agent
