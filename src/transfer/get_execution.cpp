#include "transfer/get_execution.hpp"

#include <errno.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "transfer/transfer_result.hpp"

namespace execo::detail {
namespace {

// Of a file here to another one, between which the loop does something else.
constexpr std::uint64_t copied_at_once = std::uint64_t{4} * 1024 * 1024;

copy_failure changed_here() {
  return copy_failure(failure_reason::source_changed,
                      "the file of another host, which is the same, was changed here");
}

}  // namespace

get_execution::get_execution(loop& on, intrusive_ptr<lifecycle> sender, received_place where,
                             std::shared_ptr<get_share> shared, std::string mark)
    : copy_execution(on, std::move(sender), *shared, std::move(mark),
                     delegate<>::to<&get_execution::read_again>(this)),
      shared_(std::move(shared)),
      files_(std::move(where), shared_->preserves, shared_->syncs, shared_->limits),
      wanted_(delegate<>::to<&get_execution::on_decided>(this)),
      copy_step_(delegate<>::to<&get_execution::copy_on>(this),
                 "a copy of what another host sent") {}

void get_execution::on_start() {
  assert(state_ == state::idle);
  state_ = state::reaching;
}

template <class Call>
void get_execution::guarded(Call&& call) noexcept {
  contain(std::forward<Call>(call),
          [this](const std::exception_ptr& error) { check(failure_of(error)); });
}

void get_execution::on_answer(std::span<const char> bytes) {
  hold_back(bytes.size());
  guarded([&] { read_on(bytes); });
}

void get_execution::read_on(std::span<const char>& bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case state::contents:
        take_contents(bytes);
        break;
      case state::archive:
        take_archive(bytes);
        break;
      case state::reaching:
      case state::entries:
      case state::offered:
      case state::comparing:
      case state::resuming:
      case state::waiting:
      case state::copying:
      case state::unchanged:
      case state::trailing: {
        std::optional<std::string> line = lines_.next(bytes);
        if (line) answer(*line);
        break;
      }
      default:
        return;
    }
  }
}

void get_execution::answer(std::string_view line) {
  std::optional<get_answer> read = read_get_answer(line);
  if (!read) return;
  bool is_first = state_ == state::reaching;
  bool is_next = is_first || state_ == state::entries;
  if (read->what == get_answer::kind::file) return is_next ? begin_file(read->entry) : void();
  if (read->what == get_answer::kind::entries) return is_first ? begin_entries() : void();
  if (read->what == get_answer::kind::entry)
    return state_ == state::entries ? check(files_.on_entry(read->entry)) : void();
  if (read->what == get_answer::kind::tar) return is_first ? begin_archive() : void();
  if (read->what == get_answer::kind::sum) return take_sum(read->word);
  // The first one counts.
  if (!last_) last_ = std::move(read);
  if (is_next) state_ = state::trailing;
}

// Asked for, or offered: of the file as it is. Else of what was sent.
void get_execution::take_sum(const std::string& hex) {
  if (state_ == state::offered) {
    theirs_ = hex;
    return want(wish::file, hex);
  }
  if (state_ == state::comparing) {
    theirs_ = hex;
    return compare_on();
  }
  bool is_known = hex != "none" && !digest_.empty();
  if (is_known && hex != digest_)
    check(copy_failure(failure_reason::source_changed, "a file was changed while it was read"));
}

void get_execution::begin_entries() {
  state_ = state::entries;
  after_file_ = state::entries;
  check(open());
}

copy_failure get_execution::open() {
  if (files_.is_open()) return {};
  return shared_->resumes ? files_.open_kept() : files_.open();
}

void get_execution::begin_file(const tar_entry& entry) {
  digest_.clear();
  ours_.reset();
  theirs_.reset();
  if (shared_->answers()) return check(choose(entry));
  const bool is_asked = shared_->turns && entry.size > shared_->unasked_size;
  check(is_asked ? begin_offered(entry) : begin_new(entry));
}

copy_failure get_execution::begin_offered(const tar_entry& entry) {
  entry_ = entry;
  state_ = state::offered;
  return {};
}

copy_failure get_execution::begin_new(const tar_entry& entry) {
  copy_failure failed = open();
  if (!failed) failed = files_.on_entry(entry);
  if (failed) return failed;
  left_ = entry.size;
  sum_.emplace();
  begin_contents();
  return {};
}

copy_failure get_execution::choose(const tar_entry& entry) {
  entry_ = entry;
  if (after_file_ == state::trailing)
    if (copy_failure failed = files_.find_base()) return failed;
  struct stat about {};
  unique_fd here = files_.same_size(entry, about);
  if (!here || shared_->skip == skip_rule::none) return begin_kept();
  if (shared_->skip == skip_rule::same_digest) return compare(std::move(here)), copy_failure();
  if (!entry.is_time_known || about.st_mtim.tv_sec != entry.modified) return begin_kept();
  leave_out();
  return {};
}

void get_execution::compare(unique_fd here) {
  state_ = state::comparing;
  computed_.begin(home(), std::move(here), entry_.size,
                  delegate<>::to<&get_execution::on_compared>(this));
  say("digest\n");
}

void get_execution::on_compared() {
  if (state_ != state::comparing) return;
  std::optional<sha256> sum = computed_.take();
  ours_ = sum ? sum->hex() : std::string();
  guarded([this] { compare_on(); });
}

void get_execution::compare_on() {
  if (!ours_ || !theirs_) return;
  if (!ours_->empty() && *ours_ == *theirs_) return leave_out();
  check(begin_kept());
}

void get_execution::leave_out() {
  state_ = after_file_ == state::entries ? state::entries : state::unchanged;
  files_.leave(entry_);
  counts().expect(entry_.size);
  counts().skipped(entry_.size);
  say("nothing\n");
}

// Without a time it cannot be told whether what is kept is of the same file.
copy_failure get_execution::begin_kept() {
  if (!shared_->resumes || !entry_.is_time_known)
    return want(wish::file, theirs_.value_or(std::string())), copy_failure();
  std::uint64_t have = 0;
  copy_failure failed = open();
  if (!failed) failed = files_.on_kept_entry(entry_, have);
  return failed ? failed : resume(have);
}

copy_failure get_execution::resume(std::uint64_t have) {
  if (have == 0) return begin_sending(0, sha256()), copy_failure();
  unique_fd kept = files_.written();
  if (!kept) return copy_failure::of_errno(errno, files_.shown(entry_.name));
  state_ = state::resuming;
  left_ = entry_.size - have;
  computed_.begin(home(), std::move(kept), have, delegate<>::to<&get_execution::on_resumed>(this));
  return {};
}

void get_execution::on_resumed() {
  if (state_ != state::resuming) return;
  guarded([this] {
    std::optional<sha256> sum = computed_.take();
    if (!sum) return check(copy_failure::of_errno(EIO, "read " + files_.shown(entry_.name)));
    begin_sending(entry_.size - left_, std::move(*sum));
  });
}

void get_execution::begin_sending(std::uint64_t have, sha256 so_far) {
  left_ = entry_.size - have;
  sum_ = std::move(so_far);
  counts().expect(have);
  counts().skipped(have);
  want(wish::rest_of_file);
}

// -- turns, and what other hosts have sent
// ----------------------------------------------------------

void get_execution::want(wish what, const std::string& digest) {
  wish_ = what;
  if (!shared_->turns) return take_turn();
  state_ = state::waiting;
  shared_->turns->want(wanted_, digest, entry_.size);
}

void get_execution::on_decided() {
  if (state_ != state::waiting) return;
  guarded([this] { wanted_.is_sending() ? take_turn() : check(begin_copying()); });
}

void get_execution::take_turn() {
  copy_failure failed;
  std::uint64_t from = 0;
  switch (wish_) {
    case wish::file:
      failed = begin_new(entry_);
      break;
    case wish::rest_of_file:
      from = entry_.size - left_;
      begin_contents();
      break;
    case wish::archive:
      state_ = state::archive;
      failed = files_.open();
      break;
  }
  if (failed) return check(std::move(failed));
  if (state_ != state::broken) say("from " + std::to_string(from) + "\n");
}

copy_failure get_execution::begin_copying() {
  // Whoever may write here has changed it meanwhile.
  if (!shared_->turns->is_as_it_came(wanted_))
    return shared_->turns->doubt(wanted_), copy_failure();
  copy_failure failed = open();
  if (!failed) failed = files_.on_entry(entry_);
  if (failed) return failed;
  state_ = state::copying;
  left_ = entry_.size;
  counts().expect(left_);
  return left_ > 0 ? copy_some() : end_copying();
}

void get_execution::copy_on() {
  guarded([this] { check(copy_some()); });
}

copy_failure get_execution::copy_some() {
  std::uint64_t count = std::min(copied_at_once, left_);
  if (copy_failure failed =
          files_.copy_contents(shared_->turns->file_of(wanted_), entry_.size - left_, count))
    return failed;
  if (count == 0) return changed_here();
  left_ -= count;
  counts().skipped(count);
  if (left_ == 0) return end_copying();
  home().arm_after(copy_step_, clock::duration(0));
  return {};
}

copy_failure get_execution::end_copying() {
  if (!shared_->turns->is_as_it_came(wanted_)) return changed_here();
  leave_turn();
  digest_ = theirs_.value_or(std::string());
  state_ = after_file_;
  say("nothing\n");
  return files_.on_contents_end();
}

void get_execution::leave_turn() noexcept {
  if (shared_->turns) shared_->turns->end(wanted_);
}

void get_execution::begin_contents() {
  state_ = state::contents;
  if (left_ == 0) check(end_contents());
}

void get_execution::say(std::string_view line) {
  to_say_ += line;
  if (saying_.empty()) say_on();
}

void get_execution::say_on() {
  saying_ = std::exchange(to_say_, std::string());
  peer().input().write(delegate<std::size_t, bool>::to<&get_execution::on_said>(this),
                       std::span<const char>(saying_));
}

void get_execution::on_said(std::size_t, bool closed) {
  saying_.clear();
  if (!closed && !to_say_.empty()) say_on();
}

void get_execution::begin_archive() {
  if (shared_->turns && !shared_->answers()) return want(wish::archive);
  state_ = state::archive;
  if (shared_->answers()) peer().input().end_writing();
  check(files_.open());
}

void get_execution::take_contents(std::span<const char>& bytes) {
  auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
  std::span<const char> some = bytes.first(count);
  bytes = bytes.subspan(count);
  left_ -= count;
  count_moved(count);
  sum_->update(some);
  if (copy_failure failed = files_.on_contents(some)) return check(std::move(failed));
  if (left_ == 0) check(end_contents());
}

copy_failure get_execution::end_contents() {
  digest_ = sum_->hex();
  if (wanted_.has_digest() && digest_ != theirs_)
    return copy_failure(failure_reason::source_changed,
                        "what the host has sent has another digest than it said before");
  state_ = after_file_;
  unique_fd sent = wanted_.has_digest() ? files_.readable() : unique_fd();
  copy_failure failed = files_.on_contents_end();
  if (!failed && wanted_.is_sending()) shared_->turns->whole(wanted_, std::move(sent));
  return failed;
}

void get_execution::take_archive(std::span<const char>& bytes) {
  std::size_t before = bytes.size();
  copy_failure failed = tar_.feed(bytes);
  count_moved(before - bytes.size());
  if (failed) return check(std::move(failed));
  if (!tar_.over()) return;
  state_ = state::trailing;
  leave_turn();
}

void get_execution::count_moved(std::size_t bytes) noexcept {
  counts().expect(bytes);
  counts().moved(bytes);
  wanted_.came(bytes);
}

void get_execution::hold_back(std::size_t bytes) {
  if (!wait_for_rate(bytes)) return;
  wanted_.hold(true);
  peer().pause(stream::out, true);
}

void get_execution::read_again() {
  wanted_.hold(false);
  peer().pause(stream::out, false);
}

// The first failure counts; the rest is of no use.
void get_execution::check(copy_failure failed) noexcept {
  if (!failed || state_ >= state::broken) return;
  failed_ = std::move(failed);
  bool is_over = state_ == state::trailing;
  state_ = state::broken;
  home().disarm(copy_step_);
  leave_turn();
  if (!is_over) peer().cancel(by_policy);
}

// Of a sender that was cut off what has come is good.
bool get_execution::keeps() const noexcept {
  bool is_good = state_ == state::entries || state_ == state::comparing ||
                 state_ == state::resuming || state_ == state::waiting ||
                 state_ == state::contents || (state_ == state::trailing && !last_);
  const end_reason how = peer_result().how();
  return is_good && how != end_reason::exited && how != end_reason::transfer_failed;
}

void get_execution::let_go() noexcept {
  computed_.give_up();
  home().disarm(copy_step_);
  leave_turn();
  keeps() ? files_.keep() : files_.abandon();
  state_ = state::ended;
}

copy_failure get_execution::judged() {
  bool is_done = last_ && last_->what == get_answer::kind::done && state_ >= state::unchanged &&
                 peer_result().status().code() == 0;
  if (is_done && state_ == state::unchanged) return {};
  if (is_done) {
    copy_failure failed = files_.publish();
    if (!failed) counts().files(files_.files());
    return failed;
  }
  if (last_ && last_->what == get_answer::kind::failed)
    return failure_of_get(*last_, peer_result().err);
  copy_failure found = failure_of_tool(peer_result().err);
  if (state_ >= state::entries && state_ <= state::archive) {
    if (!found.why) found.reason = failure_reason::source_changed;
    if (found.context.empty()) found.context = "the end came before the last byte";
    return found;
  }
  found.context = "the host did not run the sender of a copy, which needs /bin/sh" +
                  (found.context.empty() ? std::string() : ": " + found.context);
  return found;
}

}  // namespace execo::detail
