#include "execo/pipeline.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "base/fd.hpp"
#include "execo/when_all.hpp"
#include "io/stdio_spec.hpp"
#include "process/process_state.hpp"

namespace execo {
namespace detail {

void process_handle::read_from(const reader& other) {
  command& mine = configurable();
  process_state& from = *other.state_;
  if (&from == &shared_state()) throw std::logic_error("a process does not read its own output");
  if (from.run) throw std::logic_error("an output is joined to an input before its process starts");
  sink& to = other.which_ == stream::out ? from.what.out : from.what.err;
  if (stdio_access::of(to) != nullptr)
    throw std::logic_error("an output that has a sink is not joined to an input");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "pipe");
  unique_fd reading(ends[0]), writing(ends[1]);
  to = stdio_access::hand_over_sink(std::move(writing));
  mine.set_in(stdio_access::hand_over_source(std::move(reading)));
  // The stream goes elsewhere.
  from.read_early[other.which_ == stream::out ? 0 : 1] = false;
}

}  // namespace detail

namespace {

bool needed_no_more(const result& r) {
  return r.how() == end_reason::signaled && r.status().signal() == SIGPIPE;
}

using handle = detail::process_handle;

/// `verb`: run() or wait(), of each member.
template <class Op>
task<pipeline_result> ends_of(std::vector<process>& members, Op (handle::*verb)() &) {
  std::vector<Op> verbs;
  verbs.reserve(members.size());
  for (process& one : members) verbs.push_back((one.*verb)());
  std::vector<result> ends = co_await when_all(std::move(verbs));
  co_return pipeline_result(std::move(ends));
}

task<pipeline_result> run_owned(std::vector<process> members) {
  pipeline_result end = co_await ends_of<process::run_op>(members, &handle::run);
  co_return end;
}

}  // namespace

const result* pipeline_result::first_failed() const noexcept {
  for (const result& one : all_) {
    const bool is_last = &one == &all_.back();
    if (!one.ok() && (is_last || !needed_no_more(one))) return &one;
  }
  return nullptr;
}

std::string pipeline_result::describe() const {
  const result* failed = first_failed();
  if (failed != nullptr) return failed->describe();
  return fmt::format("ok, {} commands", all_.size());
}

const pipeline_result& pipeline_result::check() const {
  if (const result* failed = first_failed()) failed->check();
  return *this;
}

pipeline::pipeline(process first, process second) {
  second.in(first.out());
  members_.reserve(2);
  members_.push_back(std::move(first));
  members_.push_back(std::move(second));
}

pipeline& pipeline::add(process next) & {
  next.in(members_.back().out());
  members_.push_back(std::move(next));
  return *this;
}

pipeline& pipeline::on(executor where) & {
  for (process& one : members_) one.on(where);
  return *this;
}

pipeline& pipeline::start() & {
  for (process& one : members_) one.start();
  return *this;
}

task<pipeline_result> pipeline::run() & { return ends_of<process::run_op>(members_, &handle::run); }
task<pipeline_result> pipeline::run() && { return run_owned(std::move(members_)); }
task<pipeline_result> pipeline::wait() & {
  return ends_of<process::wait_op>(members_, &handle::wait);
}

void pipeline::kill() noexcept {
  for (process& one : members_) one.kill();
}

void pipeline::kill(int signal) noexcept {
  for (process& one : members_) one.kill(signal);
}

}  // namespace execo
