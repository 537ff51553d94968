// What a connection costs this host: its own processor time and that of the connector.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "shape/cost_model.hpp"
#include "wire/host_messages.hpp"

namespace execo::agent {

class connect_measure {
 public:
  /// What its parent has measured, until it has measured itself.
  explicit connect_measure(const detail::connector_message& told) noexcept
      : connect_us_(told.connect_us), cpu_us_(told.cpu_us) {}

  /// A connection is up. Pre: the connector still runs, or is a zombie.
  void add(pid_t connector, std::uint32_t smoothed_connect_us) noexcept;

  bool is_known() const noexcept { return connect_us_ != 0 && cpu_us_ != 0; }
  std::uint32_t connect_us() const noexcept { return connect_us_; }
  std::uint32_t cpu_us() const noexcept { return cpu_us_; }
  /// Pre: is_known().
  detail::connect_cost cost() const noexcept;

 private:
  std::uint32_t connect_us_;
  std::uint32_t cpu_us_;
  std::uint32_t count_ = 0;
};

/// Connections that a node begins with.
unsigned first_window_of(const connect_measure& known) noexcept;

}  // namespace execo::agent
