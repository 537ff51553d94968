#include "shape/reach_choice.hpp"

#include <algorithm>

namespace execo::detail {
namespace {

constexpr double seconds_of_login = 0.3;  // over ssh in one site
constexpr double cpu_of_libssh = 0.0018;
constexpr double cpu_of_openssh = 0.02;

// A place is free again when its host is done, in a tree as well.
double bounded_time(const reach_question& of) noexcept {
  if (of.bound == 0) return 0;
  const auto others = static_cast<double>(of.hosts - 1);
  return others * (of.node.latency / static_cast<double>(of.bound)) + of.node.latency;
}

}  // namespace

connect_cost cost_of_direct_login(double at_a_time) noexcept {
  connect_cost made;
  made.cpu = cpu_of_libssh;
  made.latency = seconds_of_login;
  made.window = at_a_time;
  return made;
}

connect_cost cost_of_relayed_login() noexcept {
  connect_cost made;
  made.cpu = cpu_of_openssh;
  made.latency = seconds_of_login;
  return made;
}

reach_choice choose_reach(const reach_question& of) noexcept {
  reach_choice made;
  if (of.hosts <= max_direct_hosts) return made;
  const shape_choice model = choose_shape(of.hosts, of.root, of.node, {}, of.arity);
  const bool is_tree = model.kind == shape_kind::tree;
  made.direct_seconds = is_tree ? model.other : model.seconds;
  made.tree_seconds = std::max(is_tree ? model.seconds : model.other, bounded_time(of));
  const bool is_faster = made.tree_seconds < made.direct_seconds;
  made.why = is_faster ? reach_reason::tree_is_faster : reach_reason::direct_is_as_fast;
  return made;
}

}  // namespace execo::detail
