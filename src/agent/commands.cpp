#include "agent/commands.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "agent/descendants.hpp"
#include "agent/facts.hpp"
#include "wire/message_limits.hpp"
#include "wire/order_parts.hpp"

namespace execo::agent {
namespace {

using detail::command_end;
using detail::command_stream;
using detail::ended_message;
using detail::execute_flag;
using detail::execute_message;
using detail::index_ranges;

// For an orphan to have begun its program, so that its environment can be read.
constexpr milliseconds look_pause{20};

command_stream stream_of(unsigned output) {
  return output == 0 ? command_stream::output : command_stream::errors;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Child processes inherit it: it identifies the command that an orphan comes from.
constexpr const char* mark_name = "EXECO_MARK";

// A machine may be several hosts, and their agents each other's children.
std::string own_marks() { return std::to_string(::getpid()) + '.'; }
std::string mark_of(std::uint32_t run) { return own_marks() + std::to_string(run); }

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// What execve and the environment would cut short or misread.
bool is_sound(const execute_message& order) {
  auto sound_variable = [](const auto& one) {
    return !one.first.empty() && one.first.find('=') == std::string::npos && !has_nul(one.first) &&
           !has_nul(one.second);
  };
  return !order.words.empty() && !order.words.front().empty() && !has_nul(order.directory) &&
         std::ranges::none_of(order.words, has_nul) &&
         std::ranges::all_of(order.environment, sound_variable);
}

void describe_end(const job& of, ended_message& end) {
  const int status = of.status().value_or(0);
  const bool signaled = WIFSIGNALED(status);
  end.forced = of.cause() != job_cause::none && signaled && WTERMSIG(status) == SIGKILL;
  end.whole = of.output_complete();
  switch (of.cause()) {
    case job_cause::run_limit:
      end.how = command_end::run_limit;
      return;
    case job_cause::idle_limit:
      end.how = command_end::idle_limit;
      return;
    case job_cause::cancelled:
    case job_cause::abandoned:
      end.how = command_end::cancelled;
      return;
    case job_cause::none:
      break;
  }
  end.how = signaled ? command_end::signaled : command_end::exited;
  end.code = static_cast<std::uint32_t>(signaled ? WTERMSIG(status) : WEXITSTATUS(status));
}

detail::host_measure measure_of(const job& of) {
  detail::host_measure measure;
  measure.elapsed_us = static_cast<std::uint64_t>(of.elapsed().count());
  measure.output = of.total(0) + of.dropped(0);
  measure.errors = of.total(1) + of.dropped(1);
  measure.output_dropped = of.dropped(0);
  measure.errors_dropped = of.dropped(1);
  return measure;
}

}  // namespace

void commands::introduce(const detail::welcome_message& self) {
  index_ = self.index;
  window_ = self.stream_window;
  names_ = {"EXECO_HOST=" + self.host, "EXECO_FATHER=" + self.father};
}

job* commands::find(std::uint32_t run) noexcept {
  auto found = jobs_.find(run);
  return found != jobs_.end() ? found->second.get() : nullptr;
}

// -- orders
// ----------------------------------------------------------------------------------------

std::vector<std::string> commands::variables_of(const execute_message& order) const {
  std::vector<std::string> made = names_;
  if (order.count > 0) {
    made.push_back("EXECO_RANK=" + std::to_string(index_ + order.rank_shift));
    made.push_back("EXECO_COUNT=" + std::to_string(order.count));
  }
  for (const auto& [name, value] : order.environment) made.push_back(name + "=" + value);
  made.push_back(mark_name + ('=' + mark_of(order.run)));
  return made;
}

job_plan commands::plan_of(const execute_message& order) {
  job_plan plan;
  plan.run = order.run;
  child_plan& child = plan.child;
  if (order.form == detail::command_form::text) {
    // As sshd does: the user's shell reads the text, once.
    if (shell_.empty()) shell_ = login_shell();
    child.program = shell_;
    child.words = {file_name(child.program), "-c", order.words.front()};
  } else {
    child.program = order.words.front();
    child.words = order.words;
  }
  child.environment = variables_of(order);
  child.talk_program = talks_.equip(order.run, child.environment);
  child.directory = order.directory;
  child.around = &around_;
  plan.wants_input = order.has(execute_flag::input);
  if (!nothing_) nothing_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  plan.nothing = nothing_.get();
  if (order.has(execute_flag::terminal)) plan.terminal = terminal_size{order.rows, order.columns};
  plan.folds = order.has(execute_flag::fold);
  plan.caps = {order.output_cap, order.error_cap};
  plan.window = window_;
  plan.grace = milliseconds(order.kill_grace_ms);
  plan.run_limit = milliseconds(order.run_limit_ms);
  plan.idle_limit = milliseconds(order.idle_limit_ms);
  return plan;
}

void commands::execute(const execute_message& order) {
  if (find(order.run) != nullptr || partial_.contains(order.run)) return;
  if (known_runs_.contains(order.run)) {
    ended_message end;
    end.run = order.run;
    end.hosts = index_ranges(index_);
    end.how = command_end::twice;
    end.measures.emplace_back();
    return owner_.tell(end);
  }
  known_runs_.insert(order.run);
  if (!is_sound(order))
    return report_not_started(order.run, EINVAL, "the command has a NUL or no word");
  if (order.form == detail::command_form::connection) return connect(order);
  talks_.open(order);
  if (order.more > 0) {
    partial_.emplace(order.run, order);
    return;
  }
  launch(order);
}

void commands::launch(const execute_message& order) {
  job_owner& self = *this;
  const detail::unique_fd place = cgroups_.make(order.run);
  job_plan plan = plan_of(order);
  plan.child.cgroup = place.get();
  auto made = std::make_unique<job>(loop_, self, std::move(plan));
  const std::string& program =
      order.form == detail::command_form::text ? shell_ : order.words.front();
  const started_child child = made->start();
  if (child.pid < 0) {
    const std::string& object = std::string_view(child.step) == "chdir" ? order.directory : program;
    return report_not_started(order.run, child.error, std::string(child.step) + " " + object);
  }
  by_pid_.emplace(child.pid, made.get());
  jobs_.emplace(order.run, std::move(made));
  report_started(order.run);
}

void commands::connect(const execute_message& order) {
  job_owner& self = *this;
  job_plan plan;
  plan.run = order.run;
  plan.wants_input = true;
  plan.window = window_;
  auto made = std::make_unique<job>(loop_, self, std::move(plan));
  if (const int refusal = made->connect(order.words.front()); refusal != 0)
    return report_not_started(order.run, refusal, "connect");
  jobs_.emplace(order.run, std::move(made));
}

void commands::report_started(std::uint32_t run) {
  detail::started_message started;
  started.run = run;
  started.hosts = index_ranges(index_);
  started.after_us = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - loop_.now()).count());
  owner_.tell(started);
}

bool commands::add_part(const detail::part_message& part) {
  auto found = partial_.find(part.run);
  // One that was cancelled.
  if (found == partial_.end()) return true;
  if (!append_part(found->second, part)) return false;
  if (found->second.more > 0) return true;
  const execute_message whole = std::move(found->second);
  partial_.erase(found);
  if (is_sound(whole))
    launch(whole);
  else
    report_not_started(whole.run, EINVAL, "the command has a NUL or no word");
  return true;
}

void commands::drop_partial(std::uint32_t run) {
  if (partial_.erase(run) == 0) return;
  talks_.close(run);
  ended_message end;
  end.run = run;
  end.hosts = index_ranges(index_);
  end.how = command_end::cancelled;
  end.measures.emplace_back();
  owner_.tell(end);
}

void commands::report_not_started(std::uint32_t run, int error, std::string_view what) {
  talks_.close(run);
  cgroups_.drop(run);
  ended_message end;
  end.run = run;
  end.hosts = index_ranges(index_);
  end.how = command_end::not_started;
  end.code = static_cast<std::uint32_t>(error);
  end.text = std::string(what.substr(0, 900)) + ": " + words_of_error(error);
  end.measures.emplace_back();
  owner_.tell(end);
}

bool commands::input(const detail::input_message& what) {
  job* to = find(what.run);
  if (to != nullptr && to->takes_input()) return to->add_input(what.bytes, what.end);
  // What is for nobody any more is taken, so that it does not wait anywhere.
  return true;
}

bool commands::credit(const detail::credit_message& what) {
  if (what.stream != 1 && what.stream != 2) return false;
  job* of = find(what.run);
  return of == nullptr || of->add_credit(what.stream - 1U, what.data);
}

void commands::signal(std::uint32_t run, int number) {
  job* to = find(run);
  if (to == nullptr) return;
  if (number == 0) return to->expect_end();
  to->signal(number);
}

void commands::cancel(std::uint32_t run) {
  drop_partial(run);
  if (job* which = find(run)) which->cancel(job_cause::cancelled, which->grace());
}

void commands::cancel_all(milliseconds grace) {
  while (!partial_.empty()) drop_partial(partial_.begin()->first);
  for (auto& [run, one] : jobs_) one->cancel(job_cause::abandoned, grace);
}

void commands::resume_all() {
  for (auto& [run, one] : jobs_) one->resume();
}

// -- what they tell
// --------------------------------------------------------------------------------

void commands::on_output(job& from, unsigned stream, std::string_view bytes) {
  detail::output_message output;
  output.run = from.run();
  output.host = index_;
  output.stream = stream_of(stream);
  output.offset = from.total(stream) - bytes.size();
  while (!bytes.empty()) {
    output.bytes = bytes.substr(0, detail::chunk_limit);
    bytes.remove_prefix(output.bytes.size());
    owner_.tell(output);
    output.offset += output.bytes.size();
  }
}

void commands::on_input_taken(job& by, std::size_t bytes) {
  detail::credit_message credit;
  credit.run = by.run();
  credit.host = index_;
  credit.data = static_cast<std::uint32_t>(bytes);
  owner_.tell(credit);
}

void commands::on_job_ended(job& which) {
  ended_.push_back(which.run());
  if (which.refusal() != 0) return report_not_started(which.run(), which.refusal(), "connect");
  for (unsigned stream : {0U, 1U}) report_kept(which, stream);
  ended_message end;
  end.run = which.run();
  end.hosts = index_ranges(index_);
  describe_end(which, end);
  end.measures.push_back(measure_of(which));
  owner_.tell(end);
}

void commands::report_kept(const job& of, unsigned stream) {
  detail::folded_message block;
  block.run = of.run();
  block.hosts = index_ranges(index_);
  block.stream = stream_of(stream);
  for (std::string_view left = of.kept(stream); !left.empty();) {
    block.bytes = left.substr(0, detail::chunk_limit);
    left.remove_prefix(block.bytes.size());
    owner_.tell(block);
    block.offset += block.bytes.size();
  }
}

void commands::collect() {
  for (std::uint32_t run : ended_) {
    jobs_.erase(run);
    talks_.close(run);
    cgroups_.drop(run);
  }
  ended_.clear();
}

// -- processes
// -------------------------------------------------------------------------------------

bool commands::on_zombie(pid_t pid, int status, const rusage& used) {
  auto found = by_pid_.find(pid);
  if (found == by_pid_.end()) return false;
  job& which = *found->second;
  by_pid_.erase(found);
  if (which.state() != job_state::running) swept_.push_back({pid, which.run()});
  which.on_exit(status, used);
  return true;
}

void commands::sweep() {
  if (swept_.empty()) return;
  bool killed = false, unsure = false;
  for (ended_command& one : swept_) killed |= clear_cgroup(one);
  for (pid_t one : children_of(::getpid())) {
    if (by_pid_.contains(one) || owner_.has_process(one)) continue;
    ended_command* const of = who_left(one, unsure);
    if (of == nullptr) continue;
    of->is_left = lingers(*of);
    if (of->is_left) continue;
    kill_tree(one);
    killed = true;
  }
  for (const ended_command& one : swept_) {
    job* const of = find(one.run);
    if (!one.is_left && of != nullptr && of->lingers() && !of->has_group()) of->on_rest_gone();
  }
  switch (looks_.after(killed, unsure)) {
    case next_look::at_ends:
      return;
    case next_look::soon:
      return loop_.arm(look_due_, loop_.now() + look_pause);
    case next_look::none:
      for (const ended_command& one : swept_) cgroups_.drop(one.run);
      std::erase_if(swept_, [this](const auto& one) { return !lingers(one); });
  }
}

bool commands::clear_cgroup(ended_command& of) {
  const bool has_some = cgroups_.has_processes(of.run);
  of.is_left = has_some && lingers(of);
  return has_some && !of.is_left && cgroups_.kill(of.run);
}

bool commands::lingers(const ended_command& which) noexcept {
  const job* const of = find(which.run);
  return of != nullptr && of->lingers();
}

ended_command* commands::who_left(pid_t orphan, bool& unsure) {
  auto found = std::ranges::find(swept_, session_of(orphan), &ended_command::session);
  if (found == swept_.end()) {
    const std::string around = environment_of(orphan);
    const std::string mark = variable_in(around, mark_name);
    if (mark.starts_with(own_marks()))
      found =
          std::ranges::find_if(swept_, [&](const auto& one) { return mark == mark_of(one.run); });
    else if (cgroups_.hold_commands())
      return nullptr;  // what is in a cgroup of theirs is handled by clear_cgroup()
    else if (by_pid_.empty())
      found = swept_.begin();
    else
      unsure |= around.empty();
  }
  return found != swept_.end() ? &*found : nullptr;
}

}  // namespace execo::agent
