// A result in full, and as counts.
#include <fmt/format.h>

#include "execo/status.hpp"

namespace execo {
namespace {

std::string in_words(const exit_status& status) {
  if (auto code = status.code()) return "exit code " + std::to_string(*code);
  if (status.signal()) return "signal " + status.signal_name();
  return "unknown";
}

void add_flags(std::string& text, const result& r) {
  const char* between = "";
  auto add = [&](bool is_set, const char* word) {
    if (!is_set) return;
    text += between;
    text += word;
    between = ", ";
  };
  text += "flags:    ";
  add(r.ok(), "ok");
  add(r.killed(), "killed");
  add(r.forced_kill(), "forced_kill");
  add(!r.output_complete(), "output cut short");
  add(r.notable(), "notable");
  text += '\n';
}

void add_output(std::string& text, const char* name, const std::string& output, std::uint64_t came,
                std::uint64_t dropped) {
  text +=
      fmt::format("{}: {} bytes of {}, {} dropped\n{}", name, output.size(), came, dropped, output);
  if (!output.empty() && output.back() != '\n') text += '\n';
}

}  // namespace

std::string result::dump() const {
  std::string text = fmt::format("command:  {}\nend:      {}", name_, to_string(how_));
  // What this system could not start was in no phase of an execution.
  if (how_ != end_reason::spawn_failed && how_ != end_reason::not_started)
    text += fmt::format(", {}", in_words(phase_));
  if (transport_ > transport_kind::local)
    text += fmt::format("\nover:     {}{}{}", to_string(transport_),
                        transport_why().empty() ? "" : ", since ", transport_why());
  text += fmt::format("\nstatus:   {}\n", in_words(status_));
  add_flags(text, *this);
  if (started_ != time_point()) {
    text += fmt::format("started:  {}\nended:    {}\nelapsed:  {}\n", format_time(started_),
                        format_time(ended()), format_duration(elapsed_));
  }
  if (error_) text += fmt::format("error:    {} ({})\n", error_.message(), error_.value());
  if (reason_ != failure_reason::none) text += fmt::format("reason:   {}\n", to_string(reason_));
  if (!error_context().empty()) text += fmt::format("context:  {}\n", error_context());
  if (usage_) {
    text += fmt::format("usage:    {} user, {} system", format_duration(usage_->user),
                        format_duration(usage_->system));
    if (usage_->peak_memory) text += fmt::format(", {} bytes of memory", *usage_->peak_memory);
    text += '\n';
  }
  if (scope_)
    text += fmt::format("scope:    {}, {} ended with it\n", to_string(*scope_), ended_with_it());
  if (may_still_run())
    text += fmt::format("left:     may still run, {} ({})\n", execo::in_words(leftover_),
                        to_string(leftover_));
  for (pid_t pid : escaped()) text += fmt::format("escaped:  process {}\n", pid);
  if (dropped_by_ != output_limit::none)
    text += fmt::format("dropped:  by the limit of its {}\n", to_string(dropped_by_));
  add_output(text, "out", out, out_bytes_, out_dropped_);
  add_output(text, "err", err, err_bytes_, err_dropped_);
  return text;
}

run_stats result::stats() const noexcept {
  run_stats counts;
  counts.commands = 1;
  counts.started = started_command_ == certainty::yes ? 1 : 0;
  counts.ok = ok_ ? 1 : 0;
  counts.non_zero = status_.code().value_or(0) != 0 ? 1 : 0;
  counts.signaled = status_.signal() ? 1 : 0;
  counts.timed_out = how_ == end_reason::timed_out ? 1 : 0;
  counts.cancelled = how_ == end_reason::cancelled ? 1 : 0;
  bool ran = how_ == end_reason::exited || how_ == end_reason::signaled;
  bool stopped = counts.timed_out + counts.cancelled != 0 || how_ == end_reason::not_started;
  counts.errors = ran || stopped ? 0 : 1;
  counts.killed = killed_ ? 1 : 0;
  counts.forced_kill = forced_kill_ ? 1 : 0;
  counts.incomplete = output_complete() ? 0 : 1;
  counts.may_still_run = may_still_run() ? 1 : 0;
  return counts;
}

std::string run_stats::to_string() const {
  std::string text = fmt::format("{} commands: {} ok", commands, ok);
  auto add = [&text](std::size_t count, const char* what) {
    if (count != 0) text += fmt::format(", {} {}", count, what);
  };
  add(non_zero, "with another exit code");
  add(signaled, "ended by a signal");
  add(timed_out, "timed out");
  add(cancelled, "cancelled");
  add(errors, "not run or lost");
  return text;
}

run_stats& run_stats::operator+=(const run_stats& other) noexcept {
  commands += other.commands;
  started += other.started;
  ok += other.ok;
  non_zero += other.non_zero;
  signaled += other.signaled;
  timed_out += other.timed_out;
  cancelled += other.cancelled;
  errors += other.errors;
  killed += other.killed;
  forced_kill += other.forced_kill;
  incomplete += other.incomplete;
  may_still_run += other.may_still_run;
  return *this;
}

}  // namespace execo
