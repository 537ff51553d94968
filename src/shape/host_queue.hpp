// Hosts that wait to be started, by zone and index. What costs memory is how many spans they are,
// not how many hosts.
#pragma once

#include <cstdint>
#include <map>

#include "shape/host_span.hpp"

namespace execo::detail {

class host_queue {
 public:
  bool empty() const noexcept { return hosts_ == 0; }
  std::uint64_t size() const noexcept { return hosts_; }
  /// How many spans it holds.
  std::size_t spans() const noexcept { return spans_; }

  /// Pre: none of them is in it.
  void add(const host_span& one);
  /// Appends up to `most` hosts of that zone to `to`; of another zone, one after another in turn,
  /// only if none of that zone is left. Gives how many.
  std::uint64_t take(std::uint32_t zone, std::uint64_t most, host_spans& to);
  /// Appends one host to `to`: of each zone in turn. Pre: not empty.
  void take_in_turn(host_spans& to);
  /// Appends those of the wanted ones that it has to `to`, without the doubtful ones.
  void take_fresh(const host_span& wanted, host_spans& to);

 private:
  struct extent {
    std::uint32_t count;
    host_claim claim;
  };
  using zone_spans = std::map<host_index, extent>;
  using zone_map = std::map<std::uint32_t, zone_spans>;

  std::uint64_t take_from(zone_map::iterator zone, std::uint64_t most, host_spans& to);
  zone_map::iterator next_zone() noexcept;

  zone_map zones_;  // none is empty
  std::uint64_t hosts_ = 0;
  std::size_t spans_ = 0;
  std::uint32_t turn_ = 0;  // the zone from which on the next turn is
};

}  // namespace execo::detail
