#include "run_work.hpp"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "execo/broadcast.hpp"
#include "execo/way_choice.hpp"
#include "output_folders.hpp"

namespace execo::cli {

run_work::run_work(run_options& options, context& on, audience to)
    : options_(options), context_(on), audience_(std::move(to)) {
  choose_way();
  make();
}

// What `auto` is, when all is known that a tree may refuse.
void run_work::choose_way() {
  if (!options_.shape_if_faster) return;
  way_wishes wishes;
  wishes.shape = *options_.shape_if_faster;
  wishes.fanout = options_.fanout.value_or(0);
  wishes.usual_fanout = options_.usual_fanout;
  wishes.in_batches = options_.batches.given();
  wishes.by_sftp = options_.copy.by_sftp;
  const way_choice found = execo::choose_way(options_.hosts, options_.ssh, wishes);
  options_.ssh.via = ssh_client::direct;
  if (found.is_tree) {
    options_.shape = options_.shape_if_faster;
    return audience_.notice("the tree is used, since " + found.why);
  }
  why_no_tree_ = found.why;
  if (!options_.fanout) options_.fanout = options_.usual_fanout;
}

void run_work::make() {
  switch (options_.copy.way) {
    case copy_arguments::direction::none:
      return keep(made_command());
    case copy_arguments::direction::put:
      return set_copy(made_put());
    case copy_arguments::direction::get:
      return set_copy(made_get());
  }
}

copy_progress run_work::copied() const {
  if (const auto* way = std::get_if<put>(&work_)) return way->progress();
  if (const auto* way = std::get_if<get>(&work_)) return way->progress();
  return copy_progress();
}

void run_work::set_fanout(std::size_t at_a_time) {
  if (rollout_) {
    rollout_->fanout(at_a_time);
  } else if (auto* command = std::get_if<remote>(&work_)) {
    command->fanout(at_a_time);
  } else if (auto* way = std::get_if<put>(&work_)) {
    way->fanout(at_a_time);
  } else if (auto* back = std::get_if<get>(&work_)) {
    back->fanout(at_a_time);
  }
}

remote run_work::made_command() {
  std::vector<std::string> files;
  if (options_.folders.given()) files = output_folders::names_of(options_.hosts);
  remote made(wanted_command(), std::move(options_.hosts));
  if (!files.empty()) made.subst(output_folders::reference, std::move(files));
  set_ends(made);
  if (options_.has_terminal) made.pty(24, 80);
  set_streams(made);
  set_hosts(made);
  if (options_.command_retries > 0) made.retry(options_.command_retries);
  if (options_.idempotent) made.idempotent();
  return made;
}

put run_work::made_put() {
  const copy_arguments& asked = options_.copy;
  put made(asked.sources, std::move(options_.hosts), asked.destination);
  if (asked.makes_directories) made.make_directories();
  return made;
}

get run_work::made_get() {
  const copy_arguments& asked = options_.copy;
  get made(asked.sources, std::move(options_.hosts), asked.destination);
  made.max_size(asked.max_size_in_all, asked.max_size_of_each);
  return made;
}

// With --no-subst the paths of --outdir have references all the same.
command run_work::wanted_command() {
  if (options_.keep_braces && options_.folders.given()) {
    options_.keep_braces = false;
    for (std::string& word : options_.words) word = output_folders::with_references_kept(word);
  }
  return options_.quote_words ? command(options_.words) : command(options_.command_text());
}

void run_work::set_ends(remote& of) {
  of.timeout(options_.timeout)
      .first_output_timeout(options_.first_output_timeout)
      .idle_timeout(options_.idle_timeout)
      .total_timeout(options_.total_timeout)
      .kill_timeout(grace_after_term)
      .drain_timeout(options_.drain_timeout);
}

void run_work::set_streams(remote& to) {
  if (options_.feeds_input) to.in(broadcast(STDIN_FILENO));
  if (options_.folders.given()) set_folders(to);
  if (audience_.line) {
    to.max_output(0);  // lines are shown as they come, nothing is kept
    to.on_line(audience_.line);
  } else if (options_.max_output) {
    to.max_output(*options_.max_output);
  }
}

void run_work::set_folders(remote& to) {
  const output_folders& folders = options_.folders;
  folders.make();
  const bool is_shown = !audience_.line;
  if (!folders.out.empty()) to.out(output_folders::file_in(folders.out, is_shown));
  if (!folders.err.empty()) to.err(output_folders::file_in(folders.err, is_shown));
}

template <class Copy>
void run_work::set_copy(Copy copy) {
  copy.timeout(options_.timeout)
      .idle_timeout(options_.idle_timeout)
      .total_timeout(options_.total_timeout)
      .kill_timeout(grace_after_term)
      .max_rate(options_.copy.rate_in_all, options_.copy.rate_of_each);
  if (options_.copy.preserves) copy.preserve();
  if (options_.copy.by_sftp) copy.sftp();
  if (options_.copy.resumes) copy.resume();
  if (options_.copy.skip) copy.skip_unchanged(*options_.copy.skip);
  if (options_.copy.syncs) copy.sync();
  set_hosts(copy);
  keep(std::move(copy));
}

// What every kind of action has.
template <class Action>
void run_work::set_hosts(Action& of) {
  if (options_.keep_braces) of.verbatim();
  if (options_.journal) of.journal(*options_.journal);
  if (options_.journal && options_.journal->resumes()) of.allow_empty();
  if (options_.fanout) of.fanout(*options_.fanout);
  of.on(context_).on_notice(audience_.notice);
  set_way(of);
}

// --tree-stats asks the tree when the action has ended: until then it must stand. The hosts of the
// action become its hosts.
template <class Action>
void run_work::set_way(Action& of) {
  if (options_.shape && options_.tree_stats) {
    net_.emplace(std::vector<host>(), *options_.shape, options_.ssh);
    net_->on(context_);
    of.via(*net_);
  } else if (options_.shape) {
    of.via(*options_.shape);
  }
  of.ssh(std::move(options_.ssh));
}

template <class Action>
void run_work::keep(Action what) {
  if (!options_.batches.given()) {
    action_ = &work_.emplace<Action>(std::move(what));
    return;
  }
  action_ = &rollout_.emplace(std::move(what));
  options_.batches.configure(*rollout_);
  if (options_.show == layout::ndjson) return;
  rollout_->on_batch(
      [say = audience_.notice](const batch_report& batch) { say(batch.to_string()); });
}

}  // namespace execo::cli
