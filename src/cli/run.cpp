// `execo run`: from the command line to the exit status.
#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <optional>
#include <variant>

#include "command_line/option_table.hpp"
#include "commands.hpp"
#include "copy_options.hpp"
#include "descriptor_limit.hpp"
#include "execo/broadcast.hpp"
#include "execo/config.hpp"
#include "execo/log.hpp"
#include "execo/printable.hpp"
#include "execo/remote.hpp"
#include "execo/rollout.hpp"
#include "execo/sleep.hpp"
#include "execo/ssh_config.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/transfer.hpp"
#include "execo/when_any.hpp"
#include "interrupts.hpp"
#include "progress.hpp"
#include "prompt_broker.hpp"
#include "run.hpp"
#include "run_options.hpp"
#include "tally.hpp"
#include "text_input.hpp"
#include "view.hpp"

namespace execo::cli {
namespace {

using command_line::usage_error;

using std::chrono::steady_clock;

constexpr int exit_usage = 2;
constexpr int exit_machine = 71;       // EX_OSERR
constexpr int exit_interrupted = 130;  // 128 + SIGINT, as in shells

// TERM, this grace period, KILL, one more second for the peer: an interrupt ends within 2 s, and
// later only for hosts that answer and are slow.
constexpr auto grace_after_term = std::chrono::milliseconds(500);
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
  void configure_command();
  command wanted_command();
  void configure_streams(remote& action);
  void configure_folders(remote& action);
  void configure_put();
  template <class Copy>
  void configure_copy(Copy copy);
  template <class Action>
  void configure_hosts(Action& to);
  template <class Action>
  void set_action(Action what);
  copy_progress copied() const;
  void set_prompts();
  void check_place_to_ask(std::string_view option, std::string_view other) const;
  void note_who_gets_no_password();
  task<void> work();
  task<void> take_results();
  task<void> show_progress();
  void line(const output_line& l);
  void add(host_result r);
  void count_and_show(host_result r);
  void add_earlier_part();
  void note_earlier_part();
  void note_failures();
  void note_totals(duration elapsed);
  void tell(std::string_view what);
  int exit_status() const;
  void note_lack_of_memory() noexcept;
  void stop_when_output_is_lost();
  void ask_to_stop();
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
  bool output_lost_ = false;
  bool out_of_memory_ = false;
  std::string journal_problem_;  // empty: none
  context context_;
  std::variant<std::monostate, remote, put, get> work_;
  std::optional<rollout> rollout_;  // of what is not in `work_` then
  action* action_ = nullptr;        // one of these
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
  if (!options_.asks_password && !options_.password) return;
  if (!options_.ssh.connector.empty())
    console_.note("the password is not used: a connector gets none");
  if (options_.ssh.via == ssh_client::openssh)
    console_.note("the password is not used: the program ssh gets none; --via libssh sends it");
}

void run_session::configure() {
  set_prompts();
  note_who_gets_no_password();
  switch (options_.copy.way) {
    case copy_arguments::direction::none:
      return configure_command();
    case copy_arguments::direction::put:
      return configure_put();
    case copy_arguments::direction::get:
      return configure_copy(
          get(options_.copy.sources, std::move(options_.hosts), options_.copy.destination));
  }
}

void run_session::configure_put() {
  const copy_arguments& asked = options_.copy;
  put copy(asked.sources, std::move(options_.hosts), asked.destination);
  if (asked.resumes) copy.resume();
  if (asked.makes_directories) copy.make_directories();
  if (asked.skip) copy.skip_unchanged(*asked.skip);
  configure_copy(std::move(copy));
}

template <class Copy>
void run_session::configure_copy(Copy copy) {
  copy.timeout(options_.timeout)
      .idle_timeout(options_.idle_timeout)
      .total_timeout(options_.total_timeout)
      .kill_timeout(grace_after_term)
      .max_rate(options_.copy.rate_in_all, options_.copy.rate_of_each);
  if (options_.copy.preserves) copy.preserve();
  configure_hosts(copy);
  set_action(std::move(copy));
}

// What every kind of action has.
template <class Action>
void run_session::configure_hosts(Action& to) {
  if (options_.keep_braces) to.verbatim();
  to.on(context_)
      .fanout(options_.fanout)
      .ssh(std::move(options_.ssh))
      .on_notice([this](std::string_view notice) { tell(notice); });
}

// With --no-subst the paths of --outdir have references all the same.
command run_session::wanted_command() {
  if (options_.keep_braces && options_.folders.given()) {
    options_.keep_braces = false;
    for (std::string& word : options_.words) word = output_folders::with_references_kept(word);
  }
  return options_.quote_words ? command(options_.words) : command(options_.command_text());
}

void run_session::configure_streams(remote& action) {
  if (options_.feeds_input) action.in(broadcast(STDIN_FILENO));
  if (options_.folders.given()) configure_folders(action);
  if (view_->live()) {
    action.max_output(0);  // lines are shown as they come, nothing is kept
    action.on_line([this](const output_line& l) { line(l); });
  } else if (options_.max_output) {
    action.max_output(*options_.max_output);
  }
}

void run_session::configure_folders(remote& action) {
  const output_folders& to = options_.folders;
  to.make();
  const bool is_shown = !view_->live();
  if (!to.out.empty()) action.out(output_folders::file_in(to.out, is_shown));
  if (!to.err.empty()) action.err(output_folders::file_in(to.err, is_shown));
}

void run_session::configure_command() {
  std::vector<std::string> files;
  if (options_.folders.given()) files = output_folders::names_of(options_.hosts);
  remote action(wanted_command(), std::move(options_.hosts));
  if (!files.empty()) action.subst(output_folders::reference, std::move(files));
  action.timeout(options_.timeout)
      .first_output_timeout(options_.first_output_timeout)
      .idle_timeout(options_.idle_timeout)
      .total_timeout(options_.total_timeout)
      .kill_timeout(grace_after_term)
      .drain_timeout(options_.drain_timeout);
  if (options_.journal) action.journal(*options_.journal);
  if (resumes()) action.allow_empty();
  if (options_.has_terminal) action.pty(24, 80);
  configure_streams(action);
  configure_hosts(action);
  if (options_.command_retries > 0) action.retry(options_.command_retries);
  if (options_.idempotent) action.idempotent();
  set_action(std::move(action));
  if (resumes()) add_earlier_part();
}

template <class Action>
void run_session::set_action(Action what) {
  if (!options_.batches.given()) {
    action_ = &work_.emplace<Action>(std::move(what));
    return;
  }
  action_ = &rollout_.emplace(std::move(what));
  options_.batches.configure(*rollout_);
  if (!text()) return;
  rollout_->on_batch([this](const batch_report& batch) { tell(batch.to_string()); });
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
  interrupts watching(stop_, [this] { context_.post([this] { ask_to_stop(); }); });
  begun_ = steady_clock::now();
  running_ = true;
  sync_wait(context_, work());
  running_ = false;
  broker_.close();
  return report(steady_clock::now() - begun_);
}

// A posted call may run after the end of the run, when there is nothing left to stop.
void run_session::ask_to_stop() {
  if (running_) action_->request_stop();
}

task<void> run_session::work() {
  action_->start();
  if (stop_.raised()) action_->request_stop();
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
      r = co_await action_->next();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const journal_error& error) {
      journal_problem_ = error.what();
    }
    if (!journal_problem_.empty()) co_return;
    if (failed) {
      note_lack_of_memory();
      // The action has failed: next() gives the remaining results, then throws again.
      action_stats so_far = action_->stats();
      if (so_far.done == so_far.hosts) co_return;
    } else if (!r) {
      co_return;
    } else {
      add(std::move(*r));
    }
  }
}

// Of a rollout only the hosts are counted.
copy_progress run_session::copied() const {
  if (const auto* way = std::get_if<put>(&work_)) return way->progress();
  if (const auto* way = std::get_if<get>(&work_)) return way->progress();
  return copy_progress();
}

task<void> run_session::show_progress() {
  while (true) {
    co_await sleep(between_progress_lines);
    const duration elapsed = steady_clock::now() - begun_;
    std::string words = progress_words(action_->stats(), elapsed);
    if (options_.copy.given()) words += copy_words(copied(), elapsed);
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
  action_->request_stop();
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
  if (rollout_ && rollout_->verdict().how != rollout_end::complete)
    console_.note("rollout " + rollout_->verdict().to_string());
  if (!options_.quiet) note_totals(elapsed);
  console_.finish();
  if (stop_.raised()) return exit_interrupted;
  if (!journal_problem_.empty()) return exit_output_lost;
  if (out_of_memory_) return exit_machine;
  return console_.out_error() != 0 ? exit_output_lost : exit_status();
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
  if (options_.copy.given() && !rollout_)
    console_.note("copied" + copy_words(copied(), elapsed).substr(1));
  if (!resumes() || tally_.hosts() > 0) console_.note(tally_.summary(elapsed));
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
