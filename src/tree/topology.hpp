// A shape by hand: which hosts are reached through which others, in the form of ClusterShell's
// topology.conf.
//
//   [routes]
//   admin: gw[1-2]
//   gw[1-2]: node[1-200]
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "execo/host_set.hpp"

namespace execo::detail {

/// `what()` is one line that names the route and the cure.
class topology_error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

enum class planned_role : std::uint8_t {
  target,
  gateway  ///< it is there for others alone, and runs nothing
};

/// A host of the tree. Its index is its place in the plan.
struct planned_host {
  static constexpr std::uint32_t root = 0xffffffff;

  std::string name;
  std::uint32_t leader = root;  ///< the index of the one that starts it, which stands before it
  planned_role role = planned_role::target;
};

class topology {
 public:
  /// What the text of a set means. It may know groups.
  using set_meaning = std::function<host_set(const std::string&)>;

  struct route {
    std::string text;  ///< as it was written
    host_set from;
    host_set to;
  };

  topology() = default;
  /// Throws topology_error for what is no topology, and what `meaning` throws.
  static topology read(std::string_view text, const set_meaning& meaning);

  const std::vector<route>& routes() const noexcept { return routes_; }

  /// Who starts whom, as seen from `root`. Gateways of a route take turns. Who is on no route that
  /// begins at the root is started by the root itself.
  std::vector<planned_host> plan(const std::string& root, const host_set& targets) const;

  /// How many of them stand one after the other at most.
  std::size_t longest_way() const;

 private:
  void add(const std::string& line, const set_meaning& meaning);
  void check_for_loops() const;

  std::vector<route> routes_;
};

/// The same, one host at a time: whose turn it is on each route.
class topology_turns {
 public:
  /// Pre: `of` outlives it.
  topology_turns(const topology& of, const std::string& root);

  bool is_on_route(const std::string& name) const { return route_to(name).has_value(); }
  /// Nothing: the root. Another call may give another one.
  std::optional<std::string> leader_of(const std::string& name);

 private:
  class gateway_list {
   public:
    host_set hosts;  // those that can be reached
    std::size_t turn = 0;
  };

  void find_gateways();
  bool is_direct(std::size_t i) const { return routes_[i].from.contains(root_); }
  bool begins(std::size_t i, const host_set& reached) const;
  std::optional<std::size_t> route_to(const std::string& name) const;

  const std::vector<topology::route>& routes_;
  const std::string root_;
  std::vector<gateway_list> gateways_;  // of each route
};

}  // namespace execo::detail
