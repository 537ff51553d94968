#include "tally.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "execo/host_set.hpp"

namespace execo::cli {
namespace {

// "10 hosts (node[1-10])"; one name alone as it is.
std::string hosts_in_words(const std::vector<std::string>& names) {
  std::string set = host_set::from_names(names).to_string();
  return names.size() == 1 ? set : fmt::format("{} hosts ({})", names.size(), set);
}

// Ends whose context says how to cure them, although it names one host.
bool cured_by_its_context(end_reason how) {
  return how == end_reason::host_key_rejected || how == end_reason::auth_failed ||
         how == end_reason::protocol_error || how == end_reason::unsupported ||
         how == end_reason::output_failed;
}

// Of one that did not exit: as ssh says it of a host that it does not reach.
constexpr int code_without_exit = 255;

int code_of(const result& r) {
  constexpr int first_signal = 128;  // as shells say it
  if (r.how() == end_reason::exited) return r.status().code().value_or(code_without_exit);
  if (r.how() != end_reason::signaled) return code_without_exit;
  return first_signal + r.status().signal().value_or(0);
}

// A journal does not say which signal it was.
int code_of(const journal_entry& entry) {
  return entry.code.value_or(entry.ok ? 0 : code_without_exit);
}

}  // namespace

std::string end_in_words(const result& r) {
  switch (r.how()) {
    case end_reason::exited:
      return fmt::format("exited {}", r.status().code().value_or(-1));
    case end_reason::signaled:
      return "ended by signal " + r.status().signal_name();
    case end_reason::timed_out:
      return fmt::format("timed out {}", in_words(r.phase()));
    case end_reason::cancelled:
      // A host that waits for its turn to connect is in this phase too.
      if (r.phase() == phase::resolve) return "cancelled before connecting";
      return fmt::format("cancelled {}", in_words(r.phase()));
    case end_reason::not_started:
      return "not started";
    default:
      break;
  }
  std::string words(to_string(r.how()));
  std::ranges::replace(words, '_', ' ');
  return words;
}

std::string rate_in_words(double a_second) {
  return a_second < 9.995 ? fmt::format("{:.2g}", a_second) : fmt::format("{:.0f}", a_second);
}

void tally::add(const host_result& r) {
  ++hosts_;
  largest_code_ = std::max(largest_code_, code_of(r));
  if (r.may_still_run())
    left_running_[static_cast<std::size_t>(r.leftover())].push_back(r.host.to_string());
  if (r.ok()) {
    ++ok_;
    if (!r.output_complete()) ++incomplete_;
    return;
  }
  ++by_reason_[static_cast<std::size_t>(r.how())];
  // Hosts that fail in the same words are one failure: which call reported a reset, or how the loss
  // of a connection was noticed, makes no difference.
  std::string words = end_in_words(r);
  if (r.error() && r.how() != end_reason::connection_lost) words += ": " + r.error().message();
  for (failure& f : failures_) {
    if (f.words != words) continue;
    f.same_context = f.same_context && f.first.error_context() == r.error_context();
    f.names.push_back(r.host.to_string());
    return;
  }
  failure f;
  f.first = r;
  f.first.out = std::string();
  f.words = std::move(words);
  f.names.push_back(r.host.to_string());
  failures_.push_back(std::move(f));
}

void tally::add_before(const journal_entry& entry) {
  if (entry.state == journal_state::not_started) return;
  largest_code_ = std::max(largest_code_, code_of(entry));
  if (entry.state == journal_state::unknown) ++unknown_before_;
  if (entry.state != journal_state::done) return;
  ++done_before_;
  if (entry.ok) return;
  ++failed_before_;
  if (entry.how) ++before_[static_cast<std::size_t>(*entry.how)];
}

int tally::exit_status() const {
  std::size_t bad = failed() + failed_before_ + unknown_before_;
  if (bad == 0) return 0;
  std::size_t timed_out = of_whole_run(end_reason::timed_out);
  std::size_t ran = of_whole_run(end_reason::exited) + of_whole_run(end_reason::signaled) +
                    of_whole_run(end_reason::cancelled) + of_whole_run(end_reason::transfer_failed);
  if (bad > timed_out + ran) return 3;
  return timed_out > 0 ? 4 : 1;
}

std::vector<std::string> tally::failures() const {
  std::vector<const failure*> order;
  order.reserve(failures_.size());
  for (const failure& f : failures_) order.push_back(&f);
  std::ranges::sort(order, [](const failure* a, const failure* b) {
    std::size_t hosts_of_a = a->names.size();
    std::size_t hosts_of_b = b->names.size();
    return hosts_of_a != hosts_of_b ? hosts_of_a > hosts_of_b : a < b;
  });
  std::vector<std::string> lines;
  for (const failure* f : order) lines.push_back(in_one_line(*f));
  return lines;
}

std::string tally::in_one_line(const failure& f) {
  const host_result& r = f.first;
  // If a stop ended the command or kept it from starting, the state matters, not the duration.
  bool stopped = r.how() == end_reason::cancelled || r.how() == end_reason::not_started;
  if (f.names.size() == 1 && !stopped) return r.describe();
  std::string words = f.words;
  const std::string& context = r.error_context();
  // A context that all of them share comes before the cause, unless it contains it.
  if (f.same_context && !context.empty()) {
    std::string why = r.error() ? r.error().message() : "";
    words = end_in_words(r) + ": " + context;
    if (context.find(why) == context.npos) words += ": " + why;
  } else if (cured_by_its_context(r.how()) && !context.empty()) {
    words += "; the first: " + context;
  }
  return hosts_in_words(f.names) + ": " + words;
}

void tally::add_dropped(const host_result& r, bool live) {
  // A lost connection is reported by the end itself. Lines shown as they come have no cap.
  bool ended_itself = r.how() == end_reason::exited || r.how() == end_reason::signaled;
  bool capped = !live && r.out_dropped() + r.err_dropped() > 0;
  if (ended_itself && !r.output_complete() && !capped) cut_short_.push_back(r.host.to_string());
  if (live) return;
  auto add = [&r](left_out_by& stream, std::uint64_t bytes) {
    if (bytes == 0) return;
    left_out& to = stream[r.dropped_by() == output_limit::context ? 1 : 0];
    to.bytes += bytes;
    to.names.push_back(r.host.to_string());
  };
  add(out_, r.out_dropped());
  add(err_, r.err_dropped());
}

std::vector<std::string> tally::dropped() const {
  std::vector<std::string> lines;
  auto report = [&lines](const left_out_by& all, std::string_view stream) {
    for (std::size_t limit = 0; limit < all.size(); ++limit) {
      const left_out& of = all[limit];
      if (of.bytes == 0) continue;
      lines.push_back(fmt::format("{}: {} bytes of {} left out; {} SIZE keeps more",
                                  hosts_in_words(of.names), of.bytes, stream,
                                  limit == 0 ? "--max-output" : "--output-budget"));
    }
  };
  if (!cut_short_.empty())
    lines.push_back(hosts_in_words(cut_short_) +
                    ": the command ended, but its output did not: the rest was not read");
  report(out_, "stdout");
  report(err_, "stderr");
  return lines;
}

std::vector<std::string> tally::left_running() const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < left_running_.size(); ++i) {
    if (left_running_[i].empty()) continue;
    lines.push_back(fmt::format("{}: the command may still run: {}",
                                hosts_in_words(left_running_[i]),
                                in_words(static_cast<leftover_cause>(i))));
  }
  return lines;
}

std::string tally::summary(duration elapsed) const {
  std::string kinds;
  for (std::size_t i = 0; i < by_reason_.size(); ++i) {
    if (by_reason_[i] == 0) continue;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", by_reason_[i],
                         to_string(static_cast<end_reason>(i)));
  }
  if (!kinds.empty()) kinds = " (" + kinds + ")";
  std::string cut = incomplete_ == 0 ? "" : fmt::format(" ({} with output cut short)", incomplete_);
  double seconds = std::max(std::chrono::duration<double>(elapsed).count(), 1e-9);
  return fmt::format("{} {}: {} ok{}, {} failed{}; {}, {} hosts/s", hosts_,
                     hosts_ == 1 ? "host" : "hosts", ok_, cut, failed(), kinds,
                     format_duration(elapsed),
                     rate_in_words(static_cast<double>(hosts_) / seconds));
}

}  // namespace execo::cli
