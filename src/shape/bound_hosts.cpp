#include "shape/bound_hosts.hpp"

#include <cassert>
#include <utility>

namespace execo::detail {

bound_hosts::way bound_hosts::way_to(host_index leader) const noexcept {
  auto at = leaders_.find(leader);
  return at == leaders_.end() ? not_up : at->second.by;
}

void bound_hosts::wait(const host_span& hosts) {
  auto at = leaders_.find(hosts.under);
  assert(at != leaders_.end());
  append_span(at->second.waiting, hosts);
  waiting_ += hosts.count;
}

host_spans bound_hosts::leader_up(host_index leader, way by) {
  auto at = leaders_.find(leader);
  assert(at != leaders_.end());
  at->second.by = by;
  waiting_ -= hosts_of(at->second.waiting);
  return std::exchange(at->second.waiting, {});
}

host_spans bound_hosts::leader_gone(host_index leader) {
  auto at = leaders_.find(leader);
  if (at == leaders_.end()) return {};
  host_spans waiting = std::move(at->second.waiting);
  leaders_.erase(at);
  waiting_ -= hosts_of(waiting);
  for (host_span& one : waiting) one.under = anybody;
  return waiting;
}

void bound_hosts::way_lost(way by) {
  std::erase_if(leaders_, [by](const auto& one) { return one.second.by == by; });
}

void bound_hosts::mark(const host_span& hosts, host_spans& to) const {
  host_span rest = hosts;
  for (auto at = leaders_.lower_bound(rest.first); at != leaders_.end() && at->first < hosts.end();
       ++at) {
    host_span before = rest;
    before.count = at->first - rest.first;
    append_span(to, before);
    host_span leader = rest;
    leader.first = at->first;
    leader.count = 1;
    leader.leads = true;
    to.push_back(leader);
    rest.count -= before.count + 1;
    rest.first = at->first + 1;
  }
  append_span(to, rest);
}

}  // namespace execo::detail
