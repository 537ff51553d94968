#include "wire/route_table.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {

namespace {

// Routes by their ends, for a search. Generic, as a route is private to its table.
constexpr auto route_ends_before = [](const auto& route, std::uint32_t index) {
  return route.hosts.last < index;
};

}  // namespace

void route_table::assign(const index_ranges& hosts, link_number link) {
  assert(link != nowhere);
  set(hosts, link);
}

void route_table::erase(const index_ranges& hosts) { set(hosts, nowhere); }

// One pass over both: what is left of the routes around the new ones, and those.
void route_table::set(const index_ranges& hosts, link_number link) {
  std::vector<route> result;
  result.reserve(routes_.size() + 2 * hosts.ranges().size());
  auto add = [&result](index_range r, link_number to) {
    if (to == nowhere) return;
    if (!result.empty() && result.back().link == to && result.back().hosts.last + 1 == r.first)
      result.back().hosts.last = r.last;
    else
      result.push_back(route(r, to));
  };
  auto old = routes_.begin();
  for (index_range r : hosts.ranges()) {
    for (; old != routes_.end() && old->hosts.last < r.first; ++old) add(old->hosts, old->link);
    if (old != routes_.end() && old->hosts.first < r.first)
      add(index_range(old->hosts.first, r.first - 1), old->link);
    add(r, link);
    while (old != routes_.end() && old->hosts.last <= r.last) ++old;
    if (old != routes_.end() && old->hosts.first <= r.last) old->hosts.first = r.last + 1;
  }
  for (; old != routes_.end(); ++old) add(old->hosts, old->link);
  routes_ = std::move(result);
}

index_ranges route_table::erase_link(link_number link) {
  index_ranges hosts = hosts_of(link);
  std::erase_if(routes_, [link](const route& r) { return r.link == link; });
  return hosts;
}

route_table::link_number route_table::find(std::uint32_t index) const noexcept {
  auto at = std::lower_bound(routes_.begin(), routes_.end(), index, route_ends_before);
  return at != routes_.end() && at->hosts.first <= index ? at->link : nowhere;
}

index_ranges route_table::hosts_of(link_number link) const {
  index_ranges hosts;
  for (const route& r : routes_)
    if (r.link == link) hosts.append(r.hosts.first, r.hosts.last);
  return hosts;
}

std::vector<route_table::part> route_table::split(const index_ranges& hosts) const {
  std::vector<route> pieces;
  auto at = routes_.begin();
  for (index_range r : hosts.ranges()) {
    at = std::lower_bound(at, routes_.end(), r.first, route_ends_before);
    at = cut(r, at, pieces);
  }
  std::sort(pieces.begin(), pieces.end(), [](const route& a, const route& b) {
    return a.link != b.link ? a.link < b.link : a.hosts.first < b.hosts.first;
  });
  std::vector<part> parts;
  for (const route& piece : pieces) {
    if (parts.empty() || parts.back().link != piece.link)
      parts.emplace_back(piece.link, index_ranges());
    parts.back().hosts.append(piece.hosts.first, piece.hosts.last);
  }
  return parts;
}

// Appends the parts of one range to `pieces`. Returns the route that the next range may begin in.
route_table::place route_table::cut(index_range r, place at, std::vector<route>& pieces) const {
  for (; at != routes_.end() && at->hosts.first <= r.last; ++at) {
    if (at->hosts.first > r.first)
      pieces.push_back(route(index_range(r.first, at->hosts.first - 1), nowhere));
    const std::uint32_t first = std::max(at->hosts.first, r.first);
    pieces.push_back(route(index_range(first, std::min(at->hosts.last, r.last)), at->link));
    if (at->hosts.last >= r.last) return at;
    r.first = at->hosts.last + 1;
  }
  pieces.push_back(route(r, nowhere));
  return at;
}

}  // namespace execo::detail
