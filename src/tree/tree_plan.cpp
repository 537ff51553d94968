#include "tree/tree_plan.hpp"

#include <algorithm>
#include <utility>

#include "base/machine_name.hpp"

namespace execo::detail {

tree_zones::tree_zones(const tree_plan& plan) {
  std::uint16_t zone = 0;
  for (const host_set& one : plan.zones) {
    ++zone;
    for (const std::string& name : one) by_name_.try_emplace(name, zone);
  }
}

std::uint16_t tree_zones::zone_of(const host& where) const {
  auto found = by_name_.find(where.name());
  return found == by_name_.end() ? 0 : found->second;
}

tree_leaders::tree_leaders(std::shared_ptr<const tree_plan> plan, const std::string& root)
    : plan_(std::move(plan)), turns_(plan_->routes, root) {}

bool tree_leaders::leads(const host& where) const {
  auto begins_here = [&](const topology::route& one) { return one.from.contains(where.name()); };
  return plan_->gateways.contains(where.name()) ||
         std::ranges::any_of(plan_->routes.routes(), begins_here);
}

std::optional<host> tree_leaders::leader_of(const host& where) {
  if (turns_.is_on_route(where.name())) {
    std::optional<std::string> name = turns_.leader_of(where.name());
    if (!name) return std::nullopt;
    return host(*name);
  }
  const host_set& gateways = plan_->gateways;
  if (gateways.empty() || gateways.contains(where.name())) return std::nullopt;
  return host(gateways[turn_++ % gateways.size()]);
}

std::string root_in(const topology& routes) {
  std::string name = machine_name();
  std::string short_name = name.substr(0, name.find('.'));
  auto begin = [&](const std::string& from) {
    return std::ranges::any_of(routes.routes(),
                               [&](const topology::route& one) { return one.from.contains(from); });
  };
  return begin(name) ? name : short_name;
}

}  // namespace execo::detail
