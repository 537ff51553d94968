#include "tree/tree_hosts.hpp"

#include <fmt/format.h>

#include <utility>

namespace execo::detail {
namespace {

std::string key_of(const host& where) {
  return fmt::format("{}@{}:{}", where.user(), where.name(), where.port());
}

}  // namespace

std::uint32_t tree_hosts::index_of(const host& where) {
  auto [place, is_new] = indices_.try_emplace(key_of(where), nodes_.size());
  if (is_new) {
    nodes_.emplace_back(where);
    ++in_stage_[static_cast<std::size_t>(tree_stage::unknown)];
  }
  return place->second;
}

const work_item& tree_hosts::item_of(std::uint32_t index) {
  node& its = nodes_[index];
  if (its.item) return *its.item;
  work_item made = way_.item_for(its.where);
  made.index = index;
  made.zone = its.zone;
  its.item = std::make_unique<const work_item>(std::move(made));
  return *its.item;
}

void tree_hosts::set_stage(node& its, tree_stage to) noexcept {
  auto count = [&](std::size_t by) {
    in_stage_[static_cast<std::size_t>(its.at)] += by;
    if (its.at == tree_stage::up) on_level_[its.depth] += by;
  };
  count(static_cast<std::size_t>(-1));
  its.at = to;
  count(1);
  if (to != tree_stage::wanted) its.item.reset();
}

void tree_hosts::set_up(std::uint32_t index, std::uint32_t link, std::uint32_t parent,
                        unsigned depth) noexcept {
  node& its = nodes_[index];
  its.link = link;
  its.parent = parent;
  its.depth = static_cast<std::uint8_t>(depth);
  set_stage(its, tree_stage::up);
}

void tree_hosts::set_direct(std::uint32_t index, const failure& why) {
  without_agent_.insert_or_assign(index, why);
  set_stage(nodes_[index], tree_stage::direct);
  nodes_[index].link = no_link;
}

bool tree_hosts::is_direct(const host& where) const {
  auto known = indices_.find(key_of(where));
  return known != indices_.end() && without_agent_.contains(known->second);
}

std::string tree_hosts::why_here(std::uint32_t index) const {
  auto found = why_here_.find(index);
  if (found == why_here_.end()) return {};
  return "reached from here, for another host could not: " + found->second;
}

bool tree_hosts::are_all(tree_stage at, const index_ranges& hosts) const {
  bool all = true;
  hosts.for_each([&](std::uint32_t index) { all = all && nodes_[index].at == at; });
  return all;
}

bool tree_hosts::are_behind(std::uint32_t link, const index_ranges& hosts) const {
  bool all = true;
  hosts.for_each([&](std::uint32_t index) { all = all && nodes_[index].link == link; });
  return all;
}

tree_status tree_hosts::status() const noexcept {
  tree_status found;
  found.hosts = nodes_.size();
  found.up = count(tree_stage::up);
  found.failed = count(tree_stage::failed);
  found.direct = count(tree_stage::direct);
  for (std::size_t level = 0; level < on_level_.size(); ++level)
    if (on_level_[level] != 0) found.depth = level;
  return found;
}

}  // namespace execo::detail
