// The results of an action: by host, counted, checked.
#include "execo/action_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <unordered_set>

#include "action/action_outcome.hpp"
#include "execo/action_error.hpp"
#include "execo/printable.hpp"

namespace execo {
namespace detail {

bool outcome_part::lacks_hosts() const noexcept {
  if (stats.allow_empty) return false;
  if (parts.empty()) return stats.hosts == 0;
  return std::ranges::any_of(parts, &outcome_part::lacks_hosts);
}

action_outcome::action_outcome(std::vector<host_result> results, outcome_part whole)
    : results_(std::move(results)), whole_(std::move(whole)) {}

host_results action_outcome::of(const outcome_part& part) const noexcept {
  if (&part == &whole_) return host_results(results_);
  auto first = std::ranges::lower_bound(results_, part.first, {}, &host_result::index);
  auto last = std::ranges::lower_bound(first, results_.end(), part.first + part.stats.hosts, {},
                                       &host_result::index);
  return host_results(first, last);
}

std::span<const std::uint32_t> action_outcome::named(std::string_view name) const {
  auto name_of = [this](std::uint32_t i) -> std::string_view { return results_[i].host.name(); };
  std::call_once(sorted_, [&] {
    by_name_.resize(results_.size());
    std::iota(by_name_.begin(), by_name_.end(), 0U);
    std::ranges::sort(by_name_, [&](std::uint32_t a, std::uint32_t b) {
      const int order = name_of(a).compare(name_of(b));
      return order != 0 ? order < 0 : a < b;
    });
  });
  auto found = std::ranges::equal_range(by_name_, name, {}, name_of);
  return {found.begin(), found.end()};
}

const host_result* action_outcome::find(const outcome_part& part, const host& which) const {
  const host_results mine = of(part);
  const bool name_alone = which.user().empty() && which.port() == 0;
  const host_result* by_name = nullptr;
  for (std::uint32_t i : named(which.name())) {
    const host_result* r = &results_[i];
    if (r < mine.data() || r >= mine.data() + mine.size()) continue;
    if (r->host == which) return r;
    if (name_alone && by_name == nullptr) by_name = r;
  }
  return by_name;
}

namespace {

host_set set_of(const std::vector<std::string>& names) { return host_set::from_names(names); }

std::optional<host> host_of(std::string_view text) {
  try {
    return host(text);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

// The names of the hosts with a result, as far as a line has room.
std::string hosts_in_words(const host_results& all) {
  constexpr std::size_t room = 200;
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const host_result& r : all) names.push_back(r.host.to_string());
  std::string text = set_of(names).to_string();
  if (text.size() <= room) return printable(text);
  return printable(text.substr(0, std::min(text.rfind(',', room), room))) + ", ...";
}

[[noreturn]] void throw_no_result(std::string_view text, const host_results& all,
                                  const action_stats& stats) {
  std::string what = fmt::format("no result of the host '{}'", printable(text));
  if (all.empty()) {
    what += ": there are no results";
  } else {
    what += fmt::format(" among those of {} hosts: {}", all.size(), hosts_in_words(all));
  }
  if (all.size() < stats.hosts)
    what += fmt::format("; next() took those of {} hosts", stats.hosts - all.size());
  throw std::out_of_range(what);
}

}  // namespace
}  // namespace detail

const host_result& host_results::at(std::size_t i) const {
  if (i >= size()) throw std::out_of_range(fmt::format("result {} of {}", i, size()));
  return (*this)[i];
}

action_result::action_result() : action_result(std::vector<host_result>(), action_stats()) {}

action_result::action_result(std::vector<host_result> results, action_stats stats) {
  detail::outcome_part whole;
  whole.stats = stats;
  if (!results.empty()) whole.name = results.front().name();
  whole_ = std::make_shared<const detail::action_outcome>(std::move(results), std::move(whole));
  part_ = &whole_->whole();
}

action_result::action_result(view, std::shared_ptr<const detail::action_outcome> whole,
                             const detail::outcome_part& part) noexcept
    : whole_(std::move(whole)), part_(&part) {}

const std::string& action_result::name() const noexcept { return part_->name; }

std::vector<action_result> action_result::parts() const {
  std::vector<action_result> made;
  for (const detail::outcome_part& part : part_->parts)
    made.push_back(action_result(view(), whole_, part));
  return made;
}

bool action_result::ok() const noexcept {
  return stats().ok == stats().hosts && !part_->lacks_hosts();
}

host_results action_result::all() const& noexcept { return whole_->of(*part_); }

std::vector<host_result> action_result::all() const&& {
  const host_results mine = whole_->of(*part_);
  return {mine.begin(), mine.end()};
}

const action_stats& action_result::stats() const noexcept { return part_->stats; }

const host_result& action_result::find(const host& which) const {
  const host_result* found = whole_->find(*part_, which);
  if (found == nullptr) detail::throw_no_result(which.to_string(), all(), stats());
  return *found;
}

const host_result& action_result::find_text(std::string_view text) const {
  const std::optional<host> which = detail::host_of(text);
  const host_result* found = which ? whole_->find(*part_, *which) : nullptr;
  if (found == nullptr) detail::throw_no_result(text, all(), stats());
  return *found;
}

std::vector<const host_result*> action_result::failed() const& {
  std::vector<const host_result*> bad;
  for (const host_result& r : all())
    if (!r.ok()) bad.push_back(&r);
  return bad;
}

host_set action_result::failed_hosts() const {
  std::vector<std::string> names;
  for (const host_result& r : all())
    if (!r.ok()) names.push_back(r.host.to_string());
  return detail::set_of(names);
}

host_set action_result::hosts(end_reason how) const {
  std::vector<std::string> names;
  for (const host_result& r : all())
    if (r.how() == how) names.push_back(r.host.to_string());
  return detail::set_of(names);
}

std::vector<output_group> action_result::by_output() const {
  output_gatherer gatherer(stream::out);
  for (const host_result& r : all()) gatherer.add(r);
  return std::move(gatherer).groups();
}

std::vector<output_group> action_result::by_error() const {
  output_gatherer gatherer(stream::err);
  for (const host_result& r : all()) gatherer.add(r);
  return std::move(gatherer).groups();
}

std::map<int, host_set> action_result::codes() const {
  std::map<int, std::vector<std::string>> names;
  for (const host_result& r : all()) names[r.exit_code()].push_back(r.host.to_string());
  std::map<int, host_set> made;
  for (const auto& [code, of_code] : names) made.emplace(code, detail::set_of(of_code));
  return made;
}

int action_result::max_code() const noexcept {
  int most = -1;
  for (const host_result& r : all()) most = std::max(most, r.exit_code());
  return most;
}

std::string action_result::describe() const {
  const action_stats& counted = stats();
  if (ok()) return fmt::format("{} hosts, all ok", counted.hosts);
  if (counted.ok == counted.hosts)
    return "there was no host to run on: name one, or call allow_empty()";
  std::vector<const host_result*> bad = failed();
  std::string text =
      fmt::format("{} of {} hosts failed", counted.hosts - counted.ok, counted.hosts);
  if (!bad.empty()) text += "; the first: " + bad.front()->describe();
  return text;
}

const action_result& action_result::check() const {
  if (!ok()) throw action_error(describe(), *this);
  return *this;
}

host_set filter_bad_hosts(const host_set& hosts, const action_result& r) {
  return hosts - r.failed_hosts();
}

std::vector<host> filter_bad_hosts(std::vector<host> hosts, const action_result& r) {
  std::unordered_set<host> bad;
  for (const host_result& one : r.all())
    if (!one.ok()) bad.insert(one.host);
  std::erase_if(hosts, [&](const host& h) { return bad.contains(h); });
  return hosts;
}

}  // namespace execo
