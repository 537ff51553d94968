// `execo run`: from the command line to the exit status.
#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <optional>

#include "command_line/option_table.hpp"
#include "commands.hpp"
#include "copy_options.hpp"
#include "descriptor_limit.hpp"
#include "execo/config.hpp"
#include "execo/log.hpp"
#include "execo/printable.hpp"
#include "execo/sleep.hpp"
#include "execo/ssh_config.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/when_any.hpp"
#include "interrupts.hpp"
#include "progress.hpp"
#include "prompt_broker.hpp"
#include "run.hpp"
#include "run_options.hpp"
#include "run_work.hpp"
#include "tally.hpp"
#include "text_input.hpp"
#include "tree_picture.hpp"
#include "view.hpp"

namespace execo::cli {
namespace {

using command_line::usage_error;

using std::chrono::steady_clock;

constexpr int exit_usage = 2;
constexpr int exit_machine = 71;       // EX_OSERR
constexpr int exit_interrupted = 130;  // 128 + SIGINT, as in shells

constexpr auto between_progress_lines = std::chrono::milliseconds(200);

secret_prompt prompt_with(const secret& given) {
  return secret_prompt([given](const std::string&) -> std::optional<secret> { return given; });
}

// One run. Runs on the context's thread; the interrupts' thread only posts to it.
class run_session {
 public:
  explicit run_session(run_options options);
  ~run_session() { running_ = false; }  // before the context, which still runs posted calls
  run_session(const run_session&) = delete;
  run_session& operator=(const run_session&) = delete;

  /// Throws: std::invalid_argument for options that the library cannot use, std::system_error.
  int run();

 private:
  void configure();
  void set_prompts();
  void check_place_to_ask(std::string_view option, std::string_view other) const;
  void note_who_gets_no_password();
  task<void> work();
  task<void> run_action();
  task<void> close_tree();
  task<void> take_results();
  task<void> show_progress();
  void line(const output_line& l);
  void add(host_result r);
  void count_and_show(host_result r);
  void add_earlier_part();
  void note_earlier_part();
  void note_failures();
  void note_totals(duration elapsed);
  bool show_tree();
  void tell(std::string_view what);
  int exit_status() const;
  void note_lack_of_memory() noexcept;
  void stop_when_output_is_lost();
  void ask_to_stop();
  void steer(steering what);
  void finish_view();
  int report(duration elapsed);
  bool text() const noexcept { return options_.show != layout::ndjson; }
  bool resumes() const noexcept { return options_.journal && options_.journal->resumes(); }

  run_options options_;
  stop_flag stop_;
  console console_;
  prompt_broker broker_;
  std::unique_ptr<view> view_;
  tally tally_;
  steady_clock::time_point begun_ = steady_clock::now();
  bool with_progress_ = false;
  bool running_ = false;
  bool flush_comes_ = false;
  bool suspended_ = false;  // no further host begins
  bool output_lost_ = false;
  bool out_of_memory_ = false;
  std::string journal_problem_;  // empty: none
  context context_;
  std::optional<run_work> work_;
  tree_stats tree_;
};

run_session::run_session(run_options options)
    : options_(std::move(options)),
      console_(stop_, options_.color),
      broker_(stop_, console_.turn()),
      view_(make_view(options_.show, options_.names, console_)),
      context_(options_.output_budget) {
  bool wanted = options_.progress == when::always ||
                (options_.progress == when::automatic && console_.err_is_terminal());
  with_progress_ = wanted && !options_.quiet;
}

// Whoever is there may be asked for a passphrase or a code, but a password is asked for on request.
void run_session::set_prompts() {
  ssh_options& ssh = options_.ssh;
  // What is typed goes to the commands.
  const bool is_typed_for_them = options_.feeds_input && ::isatty(STDIN_FILENO) == 1;
  if (broker_.can_ask() && !is_typed_for_them) {
    ssh.passphrase = broker_.prompt();
    ssh.one_time_code = broker_.prompt();
  }
  if (options_.password) ssh.password = prompt_with(*options_.password);
  if (options_.become_password) ssh.become_password = prompt_with(*options_.become_password);
  if (options_.asks_password) {
    check_place_to_ask("--ask-pass", "--password-fd");
    ssh.password = broker_.prompt();
  }
  if (options_.asks_become_password) {
    check_place_to_ask("--ask-become-pass", "--become-password-fd");
    std::string method(to_string(ssh.become_method));
    ssh.become_password = secret_prompt([this, method](const std::string& text) {
      return broker_.ask("[" + method + "] " + text);
    });
  }
}

void run_session::check_place_to_ask(std::string_view option, std::string_view other) const {
  if (broker_.can_ask()) return;
  throw usage_error(
      fmt::format("{}: there is no terminal to ask on, and no SSH_ASKPASS; {} N takes the password "
                  "from a descriptor",
                  option, other));
}

void run_session::note_who_gets_no_password() {
  const bool has_password = options_.asks_password || options_.password;
  if (has_password && !options_.ssh.connector.empty())
    console_.note("the password is not used: a connector gets none");
}

void run_session::configure() {
  set_prompts();
  note_who_gets_no_password();
  run_work::audience to;
  if (view_->live()) to.line = [this](const output_line& l) { line(l); };
  to.notice = [this](std::string_view notice) { tell(notice); };
  work_.emplace(options_, context_, std::move(to));
  if (resumes()) add_earlier_part();
}

// What happens on the way.
void run_session::tell(std::string_view what) {
  if (options_.quiet) return;
  console_.note(what);
  console_.flush();
}

// After the action has taken the file: it does not change any more.
void run_session::add_earlier_part() {
  const journal before(options_.journal->file());
  for (std::size_t i = 0; i < before.hosts().size(); ++i) {
    const journal_entry& one = before.entry(i);
    const bool runs_again =
        one.state == journal_state::unknown && options_.journal->is_idempotent();
    if (!runs_again) tally_.add_before(one);
  }
}

int run_session::run() {
  configure();
  interrupts watching(
      stop_, [this] { context_.post([this] { ask_to_stop(); }); },
      [this](steering what) { context_.post([this, what] { steer(what); }); });
  begun_ = steady_clock::now();
  running_ = true;
  sync_wait(context_, work());
  running_ = false;
  broker_.close();
  return report(steady_clock::now() - begun_);
}

// A posted call may run after the end of the run, when there is nothing left to stop.
void run_session::ask_to_stop() {
  if (running_) work_->action().request_stop();
}

// What a signal says to who watches the run.
void run_session::steer(steering what) {
  if (!running_ || stop_.raised()) return;
  if (!what.toggles()) {
    work_->set_fanout(what.fanout());
    return tell(fmt::format("{} hosts at a time from now on", what.fanout()));
  }
  suspended_ = !suspended_;
  if (suspended_) {
    work_->action().suspend_launching();
    return tell(fmt::format("no further host begins until `kill -USR1 {}`", ::getpid()));
  }
  work_->action().resume_launching();
  tell("hosts begin again");
}

task<void> run_session::work() {
  co_await run_action();
  co_await close_tree();
}

task<void> run_session::close_tree() {
  const tree_network* net = work_->net();
  if (net == nullptr) co_return;
  tree_ = co_await net->close();
}

task<void> run_session::run_action() {
  work_->action().start();
  if (stop_.raised()) work_->action().request_stop();
  if (!with_progress_) {
    co_await take_results();
    co_return;
  }
  auto both = when_any(take_results(), show_progress());
  co_await both;
}

task<void> run_session::take_results() {
  while (true) {
    std::optional<host_result> r;
    bool failed = false;
    try {
      r = co_await work_->action().next();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const journal_error& error) {
      journal_problem_ = error.what();
    }
    if (!journal_problem_.empty()) co_return;
    if (failed) {
      note_lack_of_memory();
      // The action has failed: next() gives the remaining results, then throws again.
      action_stats so_far = work_->action().stats();
      if (so_far.done == so_far.hosts) co_return;
    } else if (!r) {
      co_return;
    } else {
      add(std::move(*r));
    }
  }
}

task<void> run_session::show_progress() {
  while (true) {
    co_await sleep(between_progress_lines);
    const duration elapsed = steady_clock::now() - begun_;
    std::string words = progress_words(work_->action().stats(), elapsed);
    if (options_.copy.given()) words += copy_words(work_->copied(), elapsed);
    if (suspended_) words += ", suspended";
    console_.progress(words);
  }
}

// Lines that arrive together are written together, after the loop has handled what is ready.
void run_session::line(const output_line& l) {
  const output_folders& files = options_.folders;
  const bool is_in_file = !(l.from == stream::out ? files.out : files.err).empty();
  if (output_lost_ || is_in_file) return;
  view_->line(l);
  stop_when_output_is_lost();
  if (flush_comes_) return;
  flush_comes_ = true;
  context_.post([this] {
    flush_comes_ = false;
    console_.flush();
    stop_when_output_is_lost();
  });
}

void run_session::note_lack_of_memory() noexcept {
  out_of_memory_ = true;
  work_->action().request_stop();
}

void run_session::add(host_result r) {
  if (r.error() == std::errc::not_enough_memory) out_of_memory_ = true;
  try {
    count_and_show(std::move(r));
  } catch (const std::bad_alloc&) {
    note_lack_of_memory();
  }
}

void run_session::count_and_show(host_result r) {
  tally_.add(r);
  if (output_lost_) return;
  tally_.add_dropped(r, view_->live());
  view_->add(std::move(r));
  stop_when_output_is_lost();
}

void run_session::stop_when_output_is_lost() {
  if (output_lost_ || console_.out_error() == 0) return;
  output_lost_ = true;
  context_.post([this] { ask_to_stop(); });
}

void run_session::finish_view() {
  try {
    view_->finish();
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
}

int run_session::report(duration elapsed) {
  if (!output_lost_) finish_view();
  console_.flush();
  int error = console_.out_error();
  if (error != 0 && !stop_.raised()) {
    // No message for a reader that closed the pipe itself, as `head` does.
    if (error != EPIPE) console_.note(fmt::format("standard output: {}", ::strerror(error)));
    console_.finish();
    return exit_output_lost;
  }
  if (out_of_memory_) console_.note("out of memory");
  if (!journal_problem_.empty()) console_.note(journal_problem_);
  if (stop_.raised())
    console_.note(
        fmt::format("interrupted: {} of {} hosts did not complete",
                    tally_.count(end_reason::cancelled) + tally_.count(end_reason::not_started),
                    tally_.hosts()));
  if (stop_.raised() && options_.journal)
    console_.note(fmt::format("`execo resume {}` runs what is left",
                              printable(options_.journal->file().string())));
  if (text()) note_failures();
  if (const rollout* batches = work_->rollout();
      batches != nullptr && batches->verdict().how != rollout_end::complete)
    console_.note("rollout " + batches->verdict().to_string());
  if (!options_.quiet) note_totals(elapsed);
  const bool is_drawn = !options_.tree_stats || show_tree();
  console_.finish();
  if (stop_.raised()) return exit_interrupted;
  if (!journal_problem_.empty()) return exit_output_lost;
  if (out_of_memory_) return exit_machine;
  return console_.out_error() != 0 || !is_drawn ? exit_output_lost : exit_status();
}

int run_session::exit_status() const {
  return options_.gives_largest_code ? tally_.largest_code() : tally_.exit_status();
}

// What may still run and what is missing is said to who wants to hear of nothing else.
void run_session::note_failures() {
  if (!options_.quiet)
    for (const std::string& line : tally_.failures()) console_.note(line);
  for (const std::string& line : tally_.left_running()) console_.note(line);
  for (const std::string& line : tally_.dropped()) console_.note(line);
}

void run_session::note_totals(duration elapsed) {
  note_earlier_part();
  if (options_.copy.given() && work_->rollout() == nullptr)
    console_.note("copied" + copy_words(work_->copied(), elapsed).substr(1));
  if (!resumes() || tally_.hosts() > 0) console_.note(tally_.summary(elapsed));
}

// False: there is no picture of it.
bool run_session::show_tree() {
  if (work_->net() == nullptr) {
    console_.note("tree: none, since " + work_->why_no_tree());
    return true;
  }
  console_.note(tree_words(tree_));
  const std::string& file = *options_.tree_stats;
  if (file.empty() || write_tree_picture(tree_, file)) return true;
  console_.note(
      fmt::format("{}: the picture cannot be written: {}", printable(file), ::strerror(errno)));
  return false;
}

void run_session::note_earlier_part() {
  if (!resumes()) return;
  std::string line = fmt::format("{} hosts were done before", tally_.done_before());
  if (tally_.unknown_before() > 0)
    line += fmt::format(
        "; {} have begun, and their end is unknown: --idempotent runs the command there again",
        tally_.unknown_before());
  console_.note(tally_.hosts() > 0 ? line : "nothing is left to run: " + line);
}

// What is wrong for any host is found before the first one is reached.
void check_ssh_config(const run_options& options) {
  if (options.hosts.empty()) return;
  ssh_config::source from;
  from.file = options.ssh.config_file;
  from.options = options.ssh.config_lines;
  (void)ssh_config(std::move(from)).settings_of(options.hosts.front().name());
}

int fail(std::string_view line, int status) {
  complain("execo", line);
  return status;
}

}  // namespace

int put_main(int argc, char** argv) {
  return run_parsed(
      [&](const config& defaults) {
        return parse_put(command_line::words_after_name(argc, argv), defaults);
      },
      put_help);
}

int get_main(int argc, char** argv) {
  return run_parsed(
      [&](const config& defaults) {
        return parse_get(command_line::words_after_name(argc, argv), defaults);
      },
      get_help);
}

int run_main(int argc, char** argv) {
  return run_parsed(
      [&](const config& defaults) {
        return parse_run(command_line::words_after_name(argc, argv), defaults);
      },
      run_help);
}

int run_parsed(const std::function<std::optional<run_options>(const config&)>& parse,
               std::string (*help)()) {
  try {
    config defaults;
    std::string broken;
    try {
      defaults = load_config();
    } catch (const config_error& error) {
      broken = error.what();  // reported below, unless only help was asked for
    }
    std::optional<run_options> options;
    {
      // An error in one group is a warning, and does not affect the others.
      const warnings on_stderr{"execo"};
      options = parse(defaults);
    }
    if (!options) {
      write_output(help());
      return finish_output("execo", 0);
    }
    if (!broken.empty()) return fail(broken, exit_usage);
    check_ssh_config(*options);
    if (defaults.log != log_level::off)
      set_log(defaults.log, log_to(STDERR_FILENO, options->color));
    raise_descriptor_limit();
    // A closed output is then an error of write(), which ends the run in an orderly way.
    (void)::signal(SIGPIPE, SIG_IGN);
    return run_session(std::move(*options)).run();
  } catch (const usage_error& error) {
    return fail(error.what(), exit_usage);
  } catch (const ssh_config_error& error) {
    return fail(error.what(), exit_usage);
  } catch (const journal_error& error) {
    return fail(error.what(), exit_usage);
  } catch (const std::invalid_argument& error) {
    return fail(error.what(), exit_usage);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", exit_machine);
  } catch (const std::exception& error) {
    return fail(error.what(), exit_machine);
  }
}

}  // namespace execo::cli
