// What a report counts. How it is shown: report_table.cpp.
#include "execo/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace execo {
namespace {

void count_result(report_stats& s, const result& r) {
  ++s.total;
  if (r.how() != end_reason::not_started) {
    ++s.started;
    ++s.ended;
    if (!s.start || r.started() < *s.start) s.start = r.started();
    if (!s.end || r.ended() > *s.end) s.end = r.ended();
  }
  if (r.killed()) ++s.killed;
  if (r.forced_kill()) ++s.forced_kills;
  if (!r.output_complete()) ++s.incomplete;
  if (r.may_still_run()) ++s.may_still_run;
  if (r.ok()) {
    ++s.ok;
    return;
  }
  switch (r.how()) {
    case end_reason::exited:
    case end_reason::signaled:
      ++s.bad_exits;
      break;
    case end_reason::timed_out:
      ++s.timeouts;
      break;
    case end_reason::cancelled:
      ++s.cancelled;
      break;
    case end_reason::not_started:
      break;
    default:
      ++s.errors;
      break;
  }
}

// An entry that never started has no dates; one that has started and still runs has no
// end.
void add_stats(report_stats& to, const report_stats& s, bool& open) {
  to.total += s.total;
  to.started += s.started;
  to.ended += s.ended;
  to.ok += s.ok;
  to.errors += s.errors;
  to.timeouts += s.timeouts;
  to.cancelled += s.cancelled;
  to.killed += s.killed;
  to.forced_kills += s.forced_kills;
  to.may_still_run += s.may_still_run;
  to.bad_exits += s.bad_exits;
  to.incomplete += s.incomplete;
  if (s.start && (!to.start || *s.start < *to.start)) to.start = s.start;
  if (s.end && (!to.end || *s.end > *to.end)) to.end = s.end;
  if (s.ended < s.started) open = true;
}

void count_results(report_stats& s, const action_result& r) {
  for (const host_result& h : r.all()) count_result(s, h);
  const action_stats& counted = r.stats();
  if (r.all().size() == counted.hosts) return;
  // Of the results that next() took, only the numbers are known.
  s.total = counted.hosts;
  s.ended = counted.done - counted.count(end_reason::not_started);
  s.started = s.ended + counted.running;
  s.ok = counted.ok;
  s.incomplete = counted.incomplete;
  s.timeouts = counted.failed(end_reason::timed_out);
  s.cancelled = counted.failed(end_reason::cancelled);
  s.bad_exits = counted.bad_exits() + counted.failed(end_reason::signaled);
  s.errors = s.ended - s.ok - s.timeouts - s.cancelled - s.bad_exits;
}

report_stats of_action(const action_result& r) {
  report_stats s;
  s.name = r.name().empty() ? "action" : r.name();
  count_results(s, r);
  for (const action_result& part : r.parts()) s.parts.push_back(of_action(part));
  return s;
}

using json = nlohmann::ordered_json;

json date_of(const std::optional<time_point>& t) {
  if (!t) return nullptr;
  return format_time(*t);
}

json json_of(const report_stats& s) {
  json object;
  object["name"] = s.name;
  object["start"] = date_of(s.start);
  object["end"] = date_of(s.end);
  object["length"] = nullptr;
  if (auto length = s.length()) object["length"] = std::chrono::duration<double>(*length).count();
  object["total"] = s.total;
  object["started"] = s.started;
  object["ended"] = s.ended;
  object["ok"] = s.ok;
  object["errors"] = s.errors;
  object["timeouts"] = s.timeouts;
  object["cancelled"] = s.cancelled;
  object["killed"] = s.killed;
  object["forced_kills"] = s.forced_kills;
  object["may_still_run"] = s.may_still_run;
  object["bad_exits"] = s.bad_exits;
  object["incomplete"] = s.incomplete;
  object["parts"] = json::array();
  for (const report_stats& part : s.parts) object["parts"].push_back(json_of(part));
  return object;
}

}  // namespace

std::optional<duration> report_stats::length() const {
  if (!start || !end) return std::nullopt;
  return *end - *start;
}

report_options& report_options::wide(bool on) noexcept {
  wide_ = on;
  return *this;
}
report_options& report_options::brief(bool on) noexcept {
  brief_ = on;
  return *this;
}
report_options& report_options::colors(bool on) noexcept {
  colors_ = on;
  return *this;
}
report_options& report_options::utc(bool on) noexcept {
  utc_ = on;
  return *this;
}

report::report(std::string_view name) { own_.name = name; }
report::report(const result& r) : report() { add(r); }
report::report(const action_result& r) : report() { add(r); }

report& report::add(const result& r, std::string_view name) {
  report_stats entry;
  entry.name = name.empty() ? r.name() : std::string(name);
  count_result(entry, r);
  return add(std::move(entry));
}

report& report::add(const host_result& r, std::string_view name) {
  const result& plain = r;
  return add(plain, name.empty() ? r.host.to_string() + ": " + r.name() : std::string(name));
}

report& report::add(const action_result& r, std::string_view name) {
  report_stats entry = of_action(r);
  if (!name.empty()) entry.name = name;
  return add(std::move(entry));
}

report& report::add(const report& other) { return add(other.stats()); }

report& report::add(report_stats entry) {
  entries_.push_back(std::move(entry));
  return *this;
}

report& report::count(const result& r) {
  count_result(own_, r);
  return *this;
}

report_stats report::stats() const {
  report_stats total = own_;
  bool open = false;
  for (const report_stats& entry : entries_) add_stats(total, entry, open);
  if (open) total.end.reset();
  total.parts = entries_;
  return total;
}

bool report::ok() const {
  report_stats total = stats();
  return total.ok == total.total;
}

std::string report::to_json() const {
  return json_of(stats()).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace execo
