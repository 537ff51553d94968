#include "transfer/get_execution.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "transfer/transfer_result.hpp"

namespace execo::detail {

get_execution::get_execution(loop& on, intrusive_ptr<lifecycle> sender, received_place where,
                             std::shared_ptr<get_share> shared, std::string mark)
    : copy_execution(on, std::move(sender), *shared, std::move(mark),
                     delegate<>::to<&get_execution::read_again>(this)),
      shared_(std::move(shared)),
      files_(std::move(where), shared_->preserves) {}

void get_execution::on_start() {
  assert(state_ == state::idle);
  state_ = state::reaching;
}

void get_execution::on_answer(std::span<const char> bytes) {
  hold_back(bytes.size());
  contain([&] { read_on(bytes); },
          [this](const std::exception_ptr& error) { check(failure_of(error)); });
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
  counts().expect(bytes);
  counts().moved(bytes);
  if (wait_for_rate(bytes)) peer().pause(stream::out, true);
}

void get_execution::read_again() { peer().pause(stream::out, false); }

// The first failure counts; the rest is of no use.
void get_execution::check(copy_failure failed) noexcept {
  if (!failed || state_ >= state::broken) return;
  failed_ = std::move(failed);
  bool is_over = state_ == state::trailing;
  state_ = state::broken;
  if (!is_over) peer().cancel(by_policy);
}

void get_execution::let_go() noexcept {
  files_.abandon();
  state_ = state::ended;
}

copy_failure get_execution::judged() {
  bool is_done =
      last_ && last_->what == get_answer::kind::done && peer_result().status().code() == 0;
  if (is_done) {
    copy_failure failed = files_.publish();
    if (!failed) counts().files(files_.files());
    return failed;
  }
  if (last_ && last_->what == get_answer::kind::failed)
    return failure_of_get(*last_, peer_result().err);
  copy_failure found = failure_of_tool(peer_result().err);
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
