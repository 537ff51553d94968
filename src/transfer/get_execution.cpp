#include "transfer/get_execution.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "transfer/transfer_result.hpp"

namespace execo::detail {

get_execution::get_execution(loop& on, intrusive_ptr<lifecycle> sender, received_place where,
                             std::shared_ptr<get_share> shared, std::string mark)
    : loop_(on),
      sender_(std::move(sender)),
      shared_(std::move(shared)),
      lines_(std::move(mark)),
      files_(std::move(where), shared_->preserves),
      rate_(shared_->bytes_a_second),
      turn_(delegate<>::to<&get_execution::read_again>(this), "rate limit of a copy"),
      stall_(delegate<>::to<&get_execution::stalled>(this), "idle timeout of a copy") {}

void get_execution::start() {
  assert(state_ == state::idle);
  state_ = state::reaching;
  sender_->attach(static_cast<end_observer&>(*this));
  sender_->set_tap(static_cast<output_tap*>(this));
  sender_->disable_end_log();
  sender_->start();
}

void get_execution::on_running(execution&) {
  if (tap_ != nullptr) tap_->on_running(*this);
  note_progress();
}

void get_execution::on_output(execution&, stream which, std::span<const char> bytes) {
  note_progress();
  if (which == stream::err) return;
  hold_back(bytes.size());
  contain([&] { read_on(bytes); },
          [this](const std::exception_ptr& error) { check(copy_failure(error_of(error), "")); });
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
  if (read->what == get_answer::kind::file) return is_first ? begin_file(read->entry) : void();
  if (read->what == get_answer::kind::tar) return is_first ? begin_archive() : void();
  if (read->what == get_answer::kind::sum) {
    bool is_known = read->word != "none" && !digest_.empty();
    if (is_known && read->word != digest_)
      check(copy_failure(failure_reason::source_changed, "a file was changed while it was read"));
    return;
  }
  // The first one counts.
  if (!last_) last_ = std::move(read);
  if (state_ == state::reaching) state_ = state::trailing;
}

void get_execution::begin_file(const tar_entry& entry) {
  state_ = state::contents;
  left_ = entry.size;
  sum_.emplace();
  copy_failure failed = files_.open();
  if (!failed) failed = files_.on_entry(entry);
  if (failed) return check(std::move(failed));
  if (left_ == 0) end_contents();
}

void get_execution::begin_archive() {
  state_ = state::archive;
  check(files_.open());
}

void get_execution::take_contents(std::span<const char>& bytes) {
  auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
  std::span<const char> some = bytes.first(count);
  bytes = bytes.subspan(count);
  left_ -= count;
  sum_->update(some);
  if (copy_failure failed = files_.on_contents(some)) return check(std::move(failed));
  if (left_ == 0) end_contents();
}

void get_execution::end_contents() {
  digest_ = sum_->hex();
  state_ = state::trailing;
  check(files_.on_contents_end());
}

void get_execution::take_archive(std::span<const char>& bytes) {
  if (copy_failure failed = tar_.feed(bytes)) return check(std::move(failed));
  if (tar_.over()) state_ = state::trailing;
}

void get_execution::hold_back(std::size_t bytes) {
  shared_->counts->expect(bytes);
  shared_->counts->moved(bytes);
  clock::duration wait =
      std::max(rate_.take(bytes, loop_.now()), shared_->rate.take(bytes, loop_.now()));
  if (wait.count() == 0) return;
  sender_->pause(stream::out, true);
  loop_.arm_after(turn_, wait);
}

void get_execution::read_again() { sender_->pause(stream::out, false); }

void get_execution::note_progress() {
  if (shared_->idle_timeout.count() > 0) loop_.arm_after(stall_, shared_->idle_timeout);
}

void get_execution::stalled() {
  is_stalled_ = true;
  sender_->cancel(by_policy);
}

// The first failure counts; the rest is of no use.
void get_execution::check(copy_failure failed) noexcept {
  if (!failed || state_ >= state::broken) return;
  failed_ = std::move(failed);
  bool is_over = state_ == state::trailing;
  state_ = state::broken;
  if (!is_over) sender_->cancel(by_policy);
}

void get_execution::on_end(execution&) noexcept {
  loop_.disarm(turn_);
  loop_.disarm(stall_);
  result_ = sender_->take_result();
  judge();
  files_.abandon();
  state_ = state::ended;
  if (logs_end_) log(end_level(result_), [this] { return result_.describe(); });
  if (tap_ != nullptr) tap_->on_ending(*this);
  // An observer may drop the last outside reference.
  intrusive_ptr<get_execution> alive(this);
  notify_observers();
}

void get_execution::judge() noexcept {
  if (is_stalled_ && result_.how() == end_reason::cancelled) return set_idle_timeout(result_);
  bool is_ours = failed_ && result_.how() == end_reason::cancelled;
  if (result_.how() != end_reason::exited && !is_ours) return;
  contain(
      [this] {
        copy_failure failed = judged();
        if (failed) set_transfer_failed(result_, std::move(failed));
      },
      [this](const std::exception_ptr& error) {
        set_transfer_failed(result_, copy_failure(error_of(error), ""));
      });
}

copy_failure get_execution::judged() {
  if (failed_) return std::move(failed_);
  bool is_done = last_ && last_->what == get_answer::kind::done && result_.status().code() == 0;
  if (is_done) {
    copy_failure failed = files_.publish();
    if (!failed) shared_->counts->files(files_.files());
    return failed;
  }
  if (last_ && last_->what == get_answer::kind::failed) return failure_of_get(*last_, result_.err);
  copy_failure found = failure_of_tool(result_.err);
  if (state_ == state::contents || state_ == state::archive) {
    if (!found.why) found.reason = failure_reason::source_changed;
    if (found.context.empty()) found.context = "the end came before the last byte";
    return found;
  }
  found.context = "the host did not run the sender of a copy, which needs /bin/sh" +
                  (found.context.empty() ? std::string() : ": " + found.context);
  return found;
}

}  // namespace execo::detail
