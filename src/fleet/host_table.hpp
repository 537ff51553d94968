// The simulated hosts, by IPv4 address: the local address of a connection is looked up here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fleet/faults.hpp"

namespace execo::fleet {

/// "127.1.0.4" from host byte order.
std::string address_text(std::uint32_t address);

class host_table {
 public:
  /// Takes a host set of addresses of 127.0.0.0/8.
  /// Throws: usage_error.
  explicit host_table(std::string_view hosts);

  /// `SET:KIND`; a later fault of the same host replaces an earlier one.
  /// Throws: usage_error, also when the set names an address that is not a host.
  void add_fault(std::string_view set_and_kind);

  /// The fault of this host, or null if the address is not a host.
  const fault* find(std::uint32_t address) const noexcept;

  std::size_t size() const noexcept { return hosts_.size(); }
  /// In ascending order.
  std::vector<std::uint32_t> with(fault_kind kind) const;

 private:
  std::unordered_map<std::uint32_t, fault> hosts_;
};

}  // namespace execo::fleet
