// Which way each host lies.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "wire/index_ranges.hpp"

namespace execo::detail {

/// Which way each host lies: sets of indices, each with the number of a link.
class route_table {
 public:
  using link_number = std::uint32_t;
  static constexpr link_number nowhere = 0xffff'ffff;

  /// Those hosts lie that way from now on. Pre: link != nowhere.
  void assign(const index_ranges& hosts, link_number link);
  void erase(const index_ranges& hosts);
  /// All that lie that way, taken out: the link is gone.
  index_ranges erase_link(link_number link);

  /// nowhere if it was not assigned. In logarithmic time.
  link_number find(std::uint32_t index) const noexcept;
  /// All that lie that way.
  index_ranges hosts_of(link_number link) const;
  bool empty() const noexcept { return routes_.empty(); }

  class part {
   public:
    part() = default;
    part(link_number link_, index_ranges hosts_) : link(link_), hosts(std::move(hosts_)) {}
    link_number link = nowhere;
    index_ranges hosts;
  };
  /// `hosts` by the way that they lie; by link; that of `nowhere`, if any, is the last.
  std::vector<part> split(const index_ranges& hosts) const;

 private:
  class route {
   public:
    route(index_range hosts_, link_number link_) noexcept : hosts(hosts_), link(link_) {}
    index_range hosts;
    link_number link;
  };
  using place = std::vector<route>::const_iterator;
  void set(const index_ranges& hosts, link_number link);
  place cut(index_range r, place at, std::vector<route>& pieces) const;

  std::vector<route> routes_;  // sorted
};

}  // namespace execo::detail
