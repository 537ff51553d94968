// A shape by hand: the host through which another one is to be reached, and which hosts are near
// each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "execo/host.hpp"
#include "execo/host_set.hpp"
#include "tree/topology.hpp"

namespace execo::detail {

/// As it was given.
class tree_plan {
 public:
  host_set gateways;  ///< of all hosts that are on no route
  topology routes;
  std::vector<host_set> zones;

  /// Whether it says through whom hosts are reached.
  bool has_ways() const noexcept { return !gateways.empty() || !routes.routes().empty(); }
};

/// In use by one tree.
class tree_zones {
 public:
  explicit tree_zones(const tree_plan& plan);
  /// 0: none; else from 1, the first that it is in.
  std::uint16_t zone_of(const host& where) const;

 private:
  std::unordered_map<std::string, std::uint16_t> by_name_;
};

/// In use by one tree.
class tree_leaders {
 public:
  /// `root`: what the routes call this machine.
  tree_leaders(std::shared_ptr<const tree_plan> plan, const std::string& root);

  /// Whether others are to be reached through it.
  bool leads(const host& where) const;
  /// Nothing: the root itself is to reach it. Gateways of a route take turns, so that another call
  /// may give another one.
  std::optional<host> leader_of(const host& where);

 private:
  std::shared_ptr<const tree_plan> plan_;
  topology_turns turns_;
  std::size_t turn_ = 0;  // of the gateways
};

/// What the routes of a topology call this machine: its name, or that without its domain, whatever
/// stands there.
std::string root_in(const topology& routes);

}  // namespace execo::detail
