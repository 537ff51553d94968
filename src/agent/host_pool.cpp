#include "agent/host_pool.hpp"

#include <algorithm>

namespace execo::agent {
namespace {

// A work message takes one frame, whatever the names are: 64 hosts with names of 255 bytes fit.
constexpr std::size_t max_share = 64;

}  // namespace

void host_pool::add(const std::vector<detail::work_item>& hosts) {
  hosts_.insert(hosts_.begin(), hosts.rbegin(), hosts.rend());
}

detail::index_ranges host_pool::remove(const detail::index_ranges& hosts) {
  detail::index_ranges found;
  std::erase_if(hosts_, [&](const detail::work_item& one) {
    if (!hosts.contains(one.index)) return false;
    found.insert(one.index);
    return true;
  });
  return found;
}

void host_pool::ask(link_number child, std::uint32_t room) {
  forget(child);
  if (room > 0) thieves_.emplace_back(child, room);
}

void host_pool::forget(link_number child) {
  std::erase_if(thieves_, [child](const thief& one) { return one.child == child; });
}

std::uint32_t host_pool::wanted() const noexcept {
  std::uint32_t sum = 0;
  for (const thief& one : thieves_) sum += std::min(one.room, UINT32_MAX - sum);
  return sum;
}

std::optional<host_pool::share> host_pool::serve() {
  if (thieves_.empty() || hosts_.empty()) return std::nullopt;
  const std::size_t parts = 2 * thieves_.size();
  std::size_t size = (hosts_.size() + parts - 1) / parts;
  size = std::min({size, std::size_t{thieves_.front().room}, max_share});
  share given;
  given.child = thieves_.front().child;
  thieves_.erase(thieves_.begin());
  for (; size > 0; --size) given.hosts.push_back(*take());
  auto by_index = [](const detail::work_item& a, const detail::work_item& b) {
    return a.index < b.index;
  };
  std::sort(given.hosts.begin(), given.hosts.end(), by_index);
  return given;
}

std::optional<detail::work_item> host_pool::take() {
  if (hosts_.empty()) return std::nullopt;
  std::optional<detail::work_item> next(std::move(hosts_.back()));
  hosts_.pop_back();
  return next;
}

}  // namespace execo::agent
