#include "agent/host_pool.hpp"

#include <algorithm>

namespace execo::agent {
namespace {

// A work message takes one frame, whatever the names are: 64 hosts with names of 255 bytes fit.
constexpr std::size_t max_share = 64;

}  // namespace

void host_pool::add(const std::vector<detail::work_item>& hosts) {
  hosts_.insert(hosts_.end(), hosts.begin(), hosts.end());
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
  std::size_t parts = 2 * thieves_.size();
  std::size_t size = (hosts_.size() + parts - 1) / parts;
  size = std::min({size, std::size_t{thieves_.front().room}, max_share});
  share given;
  given.child = thieves_.front().child;
  thieves_.pop_front();
  auto end = hosts_.begin() + static_cast<std::ptrdiff_t>(size);
  given.hosts.assign(hosts_.begin(), end);
  hosts_.erase(hosts_.begin(), end);
  std::ranges::sort(given.hosts, {}, &detail::work_item::index);
  return given;
}

std::optional<detail::work_item> host_pool::take() {
  if (hosts_.empty()) return std::nullopt;
  detail::work_item first = std::move(hosts_.front());
  hosts_.pop_front();
  return first;
}

}  // namespace execo::agent
