// Operations on results: gathering, counting, checking.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "execo/action.hpp"

namespace execo {

std::string host_result::describe() const { return host.name() + ": " + result::describe(); }

struct output_gatherer::state {
  struct group {
    host_result sample;
    std::vector<std::string> names;
  };
  std::vector<group> groups;
  std::unordered_multimap<std::size_t, std::size_t> by_digest;
};

output_gatherer::output_gatherer() : state_(std::make_unique<state>()) {}
output_gatherer::output_gatherer(output_gatherer&&) noexcept = default;
output_gatherer& output_gatherer::operator=(output_gatherer&&) noexcept = default;
output_gatherer::~output_gatherer() = default;

namespace {

// Which call noticed a lost connection makes no difference; the phase of a deadline or stop does.
bool alike(const result& a, const result& b) {
  bool with_phase = a.how() == end_reason::timed_out || a.how() == end_reason::cancelled;
  return a.how() == b.how() && a.status() == b.status() &&
         (!with_phase || a.phase() == b.phase()) && a.out_dropped() == b.out_dropped() &&
         a.err_dropped() == b.err_dropped() && a.output_complete() == b.output_complete() &&
         a.out == b.out && a.err == b.err;
}

std::size_t digest(const result& r) {
  std::hash<std::string_view> hash;
  return hash(r.out) * 31 + hash(r.err) + static_cast<std::size_t>(r.how());
}

void largest_first(std::vector<output_group>& groups) {
  std::ranges::sort(groups, [](const output_group& a, const output_group& b) {
    return a.count != b.count ? a.count > b.count : a.sample.index < b.sample.index;
  });
}

}  // namespace

void output_gatherer::add(host_result r) {
  std::size_t key = digest(r);
  auto [first, last] = state_->by_digest.equal_range(key);
  for (auto it = first; it != last; ++it) {
    state::group& g = state_->groups[it->second];
    if (!alike(g.sample, r)) continue;
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
  *state_ = state();
  largest_first(made);
  return made;
}

std::vector<const host_result*> action_result::failed() const& {
  std::vector<const host_result*> bad;
  for (const host_result& r : *results_)
    if (!r.ok()) bad.push_back(&r);
  return bad;
}

std::vector<output_group> action_result::by_output() const {
  output_gatherer gatherer;
  for (const host_result& r : *results_) gatherer.add(r);
  return gatherer.groups();
}

std::string action_result::describe() const {
  if (ok()) return fmt::format("{} hosts, all ok", stats_.hosts);
  if (stats_.hosts == 0) return "there was no host to run on: name one, or call allow_empty()";
  std::vector<const host_result*> bad = failed();
  std::string text = fmt::format("{} of {} hosts failed", stats_.hosts - stats_.ok, stats_.hosts);
  if (!bad.empty()) text += "; the first: " + bad.front()->describe();
  return text;
}

const action_result& action_result::check() const {
  if (!ok()) throw process_error(describe());
  return *this;
}

}  // namespace execo
