#include "action/copy_factory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "action/action_access.hpp"
#include "execo/printable.hpp"
#include "execo/transfer.hpp"
#include "process/lifecycle.hpp"
#include "transfer/copy_fallback.hpp"

namespace execo::detail {
namespace {

// What the tools of the script say.
constexpr std::size_t max_said = std::size_t{64} * 1024;
constexpr std::size_t first_part = 4;
constexpr std::size_t mark_word = first_script_word - 1;

std::string with_percent_doubled(const std::string& text) {
  std::string made;
  for (char c : text) made.append(c == '%' ? 2 : 1, c);
  return made;
}

std::string current_directory() {
  std::error_code none;
  return std::filesystem::current_path(none).string();
}

}  // namespace

void copy_factory::prepare(const command& what) {
  if (way.is_by_others() && by_sftp)
    throw std::invalid_argument("sftp: not by way of other hosts, leave out sftp() or via()");
  way.factory().prepare(what);
  directory_ = current_directory();
  command streams("");
  streams.set_out(capture(0));
  if (sends_input) streams.set_in(pipe());
  stdio_ = taken_stdio::now(streams, surroundings::caller::goes_on);
  streams.set_in(pipe());
  sftp_stdio_ = taken_stdio::now(streams, surroundings::caller::goes_on);
}

void copy_factory::begin(loop& on) {
  rings_ = on.rings().size();
  way.factory().begin(on);
}

intrusive_ptr<lifecycle> copy_factory::run_script(loop& on, std::size_t ring, attempt what,
                                                  const std::string& mark) {
  auto own = std::make_shared<command>(*what.what);
  own->handlers.clear();
  own->output_cap = max_said;
  if (sends_input) own->set_in(pipe());
  write_settings(*own);
  if (place() == command_place::here_with_tokens)
    for (std::size_t i = 0; i < script_parts; ++i)
      own->words[first_part + i] = with_percent_doubled(own->words[first_part + i]);
  own->words[mark_word] = mark;
  what.what = std::move(own);
  what.stdio = stdio_;
  return way.factory().make_run(on, ring, std::move(what));
}

void copy_factory::fill(copy_share& share) const {
  share.counts = counts_;
  // Rounded down to 0 it would be no limit.
  const std::uint64_t of_ring = bytes_a_second_in_all / rings_;
  share.rate = rate_limit(bytes_a_second_in_all == 0 ? 0 : std::max<std::uint64_t>(1, of_ring));
  share.bytes_a_second = bytes_a_second_each;
  share.idle_timeout = idle_timeout;
}

// What is counted or paced host by host is sent host by host, and agents write as who logs in.
bool copy_factory::sends_by_agents() const noexcept {
  return way.has_writing_agents() && bytes_a_second_in_all == 0 && bytes_a_second_each == 0 &&
         idle_timeout.count() == 0;
}

intrusive_ptr<lifecycle> copy_factory::run_agent(loop& on, std::size_t ring, attempt what,
                                                 std::shared_ptr<tree_file> file) {
  what.file = std::move(file);
  return run_script(on, ring, std::move(what), {});
}

std::string packed_script(std::string_view script, std::string_view without) {
  std::string packed;
  bool is_left_out = false;
  while (!script.empty()) {
    std::string_view line = script.substr(0, script.find('\n'));
    script.remove_prefix(std::min(line.size() + 1, script.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.starts_with("#+")) is_left_out = line.substr(2) == without;
    if (line.starts_with("#-")) is_left_out = false;
    if (is_left_out || line.empty() || line.starts_with('#')) continue;
    packed.append(line).append("`");
  }
  return packed;
}

// The loader splits the parts at their backquotes and joins the lines again, by no program.
command script_command(std::string_view packed, const char* name, std::vector<std::string> words,
                       std::string shown) {
  static_assert(script_parts == 6);
  command made("/bin/sh", "-c",
               "n=${IFS#??};t=$1$2$3$4$5$6;shift 6;"
               "s(){ set -f;IFS=\\`;set -- $t;IFS=$n;t=$*;set +f;unset IFS;};s;eval \"$t\"",
               name);
  made.add_words(word_list(std::vector<std::string>(script_parts + 1)));
  made.add_words(word_list(std::move(words)));
  made.given_name = std::move(shown);
  set_script(made, packed);
  return made;
}

void set_script(command& of, std::string_view packed) {
  const std::size_t each = packed.size() / script_parts + 1;
  for (std::size_t i = 0; i < script_parts; ++i) {
    std::string_view part = packed.substr(0, each);
    of.words[first_part + i] = part;
    packed.remove_prefix(part.size());
  }
}

std::string shown_paths(const std::vector<std::string>& paths) {
  constexpr std::size_t max_shown = 60;
  std::string first = printable(paths.front(), max_shown);
  return paths.size() == 1 ? first : fmt::format("{} and {} more", first, paths.size() - 1);
}

intrusive_ptr<lifecycle> copy_factory::run_sftp(loop& on, std::size_t ring, attempt what) {
  auto own = std::make_shared<command>(*what.what);
  own->handlers.clear();
  own->output_cap = max_said;
  own->words = {"sftp"};
  own->set_in(pipe());
  what.what = std::move(own);
  what.stdio = sftp_stdio_;
  what.subsystem = "sftp";
  return way.factory().make_run(on, ring, std::move(what));
}

intrusive_ptr<execution> copy_factory::as_execution(const intrusive_ptr<sftp_copy>& made) {
  return intrusive_ptr<execution>(made.get());
}

std::vector<std::string> copy_factory::script_paths(const command& what, std::size_t count) {
  assert(what.words.size() > mark_word + count);
  return std::vector<std::string>(what.words.end() - static_cast<std::ptrdiff_t>(count),
                                  what.words.end());
}

intrusive_ptr<execution> copy_factory::with_fallback(
    loop& on, std::size_t ring, const attempt& what, intrusive_ptr<copy_execution> first,
    std::function<intrusive_ptr<sftp_copy>(intrusive_ptr<lifecycle>)> second) {
  if (!way.may_speak_sftp()) return intrusive_ptr<execution>(first.get());
  auto make = [this, &on, ring, what, second = std::move(second), was_tried = false]() mutable {
    copy_fallback::next_try next;
    if (std::exchange(was_tried, true)) return next;
    next.copy = intrusive_ptr<copy_execution>(second(run_sftp(on, ring, what)).get());
    next.why = "the host runs no script of ours, but speaks SFTP";
    return next;
  };
  return intrusive_ptr<execution>(new copy_fallback(on, std::move(first), std::move(make)));
}

void check_paths(const std::vector<std::string>& paths, const char* what) {
  if (paths.empty()) throw std::invalid_argument(std::string(what) + ": no path");
  for (const std::string& path : paths) {
    if (path.empty()) throw std::invalid_argument(std::string(what) + ": an empty path");
    if (path.find('\0') != path.npos)
      throw std::invalid_argument(std::string(what) + ": a NUL byte in a path");
  }
}

void take_copy_way(fanout_action& to, ssh_options options) {
  to.limits = options.limits;
  static_cast<copy_factory&>(*to.factory).way.set_ssh(std::move(options));
}

std::string take_copy_tree_if_faster(fanout_action& to) {
  auto& made = static_cast<copy_factory&>(*to.factory);
  way_wishes wishes = to.wishes();
  wishes.by_sftp = made.by_sftp;
  return made.way.take_tree_if_faster(to.hosts, wishes);
}

copy_factory& configurable_copy(action& a) {
  return static_cast<copy_factory&>(*configurable(action_access::core(a)).factory);
}

void set_copy_ssh(action& a, ssh_options options) {
  fanout_action& mine = configurable(action_access::core(a));
  take_copy_way(mine, std::move(options));
  mine.take_defaults = nullptr;
}
void set_copy_via(action& a, const tree& shape) { configurable_copy(a).way.set_tree(shape); }
void set_copy_net(action& a, const tree_net_ref& net) {
  configurable_copy(a).way.set_net(net_of(net));
  configurable(action_access::core(a)).take_defaults = nullptr;
}
void set_sftp(action& a) { configurable_copy(a).by_sftp = true; }
void set_preserve(action& a) { configurable_copy(a).preserves = true; }
void set_resume(action& a) { configurable_copy(a).resumes = true; }
void set_sync(action& a) { configurable_copy(a).syncs = true; }
void set_skip(action& a, unchanged rule) {
  configurable_copy(a).skip =
      rule == unchanged::by_time ? skip_rule::same_time : skip_rule::same_digest;
}
void set_copy_rate(action& a, std::uint64_t in_all, std::uint64_t each) {
  copy_factory& made = configurable_copy(a);
  made.bytes_a_second_in_all = in_all;
  made.bytes_a_second_each = each;
}
void set_copy_timeout(action& a, duration limit) {
  configurable(action_access::core(a)).commands.what.run_timeout = limit;
}
void set_copy_idle_timeout(action& a, duration limit) { configurable_copy(a).idle_timeout = limit; }
void set_copy_total_timeout(action& a, duration limit) {
  configurable(action_access::core(a)).commands.what.total_timeout = limit;
}
void set_copy_kill_timeout(action& a, duration limit) {
  configurable(action_access::core(a)).commands.what.kill_timeout = limit;
}

copy_progress progress_of(const action& a) {
  auto& core = static_cast<fanout_action&>(action_access::core(const_cast<action&>(a)));
  const copy_counts& counts = static_cast<copy_factory&>(*core.factory).counts();
  action_stats stats = core.stats();
  copy_progress now;
  now.hosts = stats.hosts;
  now.hosts_done = stats.done;
  now.bytes = counts.expected();
  now.bytes_moved = counts.moved();
  now.bytes_skipped = counts.skipped();
  now.files = counts.files();
  now.elapsed = stats.elapsed;
  return now;
}

}  // namespace execo::detail
