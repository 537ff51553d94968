#include "execo/tree.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

#include "tree/tree_plan.hpp"

namespace execo {
namespace {

std::shared_ptr<detail::tree_plan> changed(const std::shared_ptr<const detail::tree_plan>& plan) {
  if (!plan) return std::make_shared<detail::tree_plan>();
  return std::make_shared<detail::tree_plan>(*plan);
}

}  // namespace

tree& tree::arity(std::size_t children) & {
  constexpr std::size_t most = 1024;
  if (children > most) throw std::invalid_argument("arity: at most 1024 children");
  settings_.arity = children;
  return *this;
}

tree& tree::chain() & {
  settings_.arity = 1;
  settings_.depth = 255;  // an agent's level is a byte
  return *this;
}

tree& tree::orphan_grace(duration limit) & {
  if (limit < duration(0)) throw std::invalid_argument("orphan_grace: a negative time");
  settings_.orphan_grace = limit;
  return *this;
}

tree& tree::idle_close(duration limit) & {
  if (limit < duration(0)) throw std::invalid_argument("idle_close: a negative time");
  settings_.idle_close = limit;
  return *this;
}

tree& tree::grooming(duration limit) & {
  if (limit < duration(0)) throw std::invalid_argument("grooming: a negative time");
  if (limit > std::chrono::minutes(1)) throw std::invalid_argument("grooming: at most one minute");
  settings_.grooming = limit;
  return *this;
}

tree& tree::gateway(const host_set& hosts) & {
  auto plan = changed(settings_.plan);
  plan->gateways = hosts;
  settings_.plan = std::move(plan);
  return *this;
}

tree& tree::topology(std::string_view text) & {
  constexpr std::size_t max_routes = 8;  // agents have no more levels
  auto plan = changed(settings_.plan);
  plan->routes = detail::topology::read(text, [](const std::string& set) { return host_set(set); });
  if (plan->routes.longest_way() > max_routes)
    throw detail::topology_error(
        "more than eight routes stand one after the other, and a tree has eight levels: let a "
        "route reach what is behind several of them");
  settings_.plan = std::move(plan);
  return *this;
}

tree& tree::zone(const host_set& hosts) & {
  constexpr std::size_t max_zones = 65'535;
  auto plan = changed(settings_.plan);
  if (plan->zones.size() == max_zones) throw std::invalid_argument("zone: at most 65,535 zones");
  plan->zones.push_back(hosts);
  settings_.plan = std::move(plan);
  return *this;
}

}  // namespace execo
