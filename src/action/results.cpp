// Gathers the results of hosts by their output.
#include <algorithm>
#include <functional>
#include <unordered_map>

#include "execo/action_result.hpp"

namespace execo {

std::string host_result::describe() const { return host.name() + ": " + result::describe(); }

struct output_gatherer::state {
  struct group {
    host_result sample;
    std::vector<std::string> names;
  };
  bool by_out = true;
  bool by_err = true;
  std::vector<group> groups;
  std::unordered_multimap<std::size_t, std::size_t> by_digest;
};

output_gatherer::output_gatherer() : state_(std::make_unique<state>()) {}
output_gatherer::output_gatherer(stream by) : output_gatherer() {
  (by == stream::out ? state_->by_err : state_->by_out) = false;
}
output_gatherer::output_gatherer(output_gatherer&&) noexcept = default;
output_gatherer& output_gatherer::operator=(output_gatherer&&) noexcept = default;
output_gatherer::~output_gatherer() = default;

namespace {

// Which call noticed a lost connection makes no difference; the phase of a deadline or stop does.
bool same_end(const result& a, const result& b) {
  bool with_phase = a.how() == end_reason::timed_out || a.how() == end_reason::cancelled;
  return a.how() == b.how() && a.status() == b.status() &&
         (!with_phase || a.phase() == b.phase()) && a.output_complete() == b.output_complete();
}
bool same_out(const result& a, const result& b) {
  return a.out_dropped() == b.out_dropped() && a.out == b.out;
}
bool same_err(const result& a, const result& b) {
  return a.err_dropped() == b.err_dropped() && a.err == b.err;
}

void largest_first(std::vector<output_group>& groups) {
  std::ranges::sort(groups, [](const output_group& a, const output_group& b) {
    return a.count != b.count ? a.count > b.count : a.sample.index < b.sample.index;
  });
}

}  // namespace

void output_gatherer::add(host_result r) {
  const bool by_out = state_->by_out;
  const bool by_err = state_->by_err;
  const std::hash<std::string_view> hash;
  auto key = static_cast<std::size_t>(r.how());
  if (by_out) key += hash(r.out) * 31;
  if (by_err) key += hash(r.err);
  auto [first, last] = state_->by_digest.equal_range(key);
  for (auto it = first; it != last; ++it) {
    state::group& g = state_->groups[it->second];
    if (!same_end(g.sample, r)) continue;
    if ((by_out && !same_out(g.sample, r)) || (by_err && !same_err(g.sample, r))) continue;
    g.names.push_back(r.host.to_string());
    return;
  }
  state_->by_digest.emplace(key, state_->groups.size());
  state::group g;
  g.names.push_back(r.host.to_string());
  g.sample = std::move(r);
  state_->groups.push_back(std::move(g));
}

std::vector<output_group> output_gatherer::groups() const& {
  std::vector<output_group> made;
  made.reserve(state_->groups.size());
  for (const state::group& g : state_->groups) {
    output_group group;
    group.hosts = host_set::from_names(g.names);
    group.count = g.names.size();
    group.sample = g.sample;
    made.push_back(std::move(group));
  }
  largest_first(made);
  return made;
}

std::vector<output_group> output_gatherer::groups() && {
  std::vector<output_group> made;
  made.reserve(state_->groups.size());
  for (state::group& g : state_->groups) {
    output_group group;
    group.hosts = host_set::from_names(g.names);
    group.count = g.names.size();
    group.sample = std::move(g.sample);
    made.push_back(std::move(group));
  }
  state_->groups.clear();
  state_->by_digest.clear();
  largest_first(made);
  return made;
}

}  // namespace execo
