#include "transfer/put_execution.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "execo/printable.hpp"
#include "transfer/transfer_result.hpp"

namespace execo::detail {
namespace {

// A host that runs something else in place of the receiver may read what it is sent, and wait.
constexpr auto max_answer_time = std::chrono::seconds(60);

}  // namespace

put_execution::put_execution(loop& on, intrusive_ptr<lifecycle> receiver,
                             std::shared_ptr<put_content> what, std::shared_ptr<put_share> shared,
                             std::string mark)
    : copy_execution(on, std::move(receiver), *shared, std::move(mark),
                     delegate<>::to<&put_execution::send_part>(this)),
      content_(std::move(what)),
      shared_(std::move(shared)),
      answer_(delegate<>::to<&put_execution::unanswered>(this), "answer of a receiver") {}

void put_execution::on_start() {
  assert(state_ == state::idle);
  state_ = state::reaching;
  counts().expect(content_->size());
}

template <class Call>
void put_execution::guarded(Call&& call) noexcept {
  contain(std::forward<Call>(call),
          [this](const std::exception_ptr& error) { fail(failure_of(error)); });
}

void put_execution::on_begun() {
  // An archive has its digest at its end.
  bool compares = shared_->how.skip == skip_rule::same_digest;
  bool needs_digest = content_->bytes().how() == payload::form::file || compares;
  if (!needs_digest || content_->has_digest()) return tell();
  if (content_->failed()) return fail(content_->failed());
  state_ = state::digesting;
  if (compares) content_->want_each_digest();
  content_->wait_for_digest(static_cast<digest_waiter&>(*this));
}

void put_execution::on_digest() noexcept {
  guarded([this] {
    if (content_->failed()) return fail(content_->failed());
    if (state_ == state::digesting) return tell();
    if (state_ == state::sending) send_next();
  });
}

// Which files of an archive the host has.
bool put_execution::asks() const noexcept {
  bool is_asked = shared_->how.resumes || shared_->how.skip != skip_rule::none;
  return is_asked && content_->bytes().how() == payload::form::archive;
}

void put_execution::tell() {
  state_ = state::telling;
  bool is_file = content_->bytes().how() == payload::form::file;
  std::string key = is_file ? content_->digest() : std::string();
  if (asks() && shared_->how.resumes) key = key_of_files(content_->tree());
  header_ = put_header(content_->tree(), content_->bytes(), shared_->how, key,
                       asks() ? content_->names().size() : 0);
  peer().input().write(delegate<std::size_t, bool>::to<&put_execution::on_written>(this),
                       std::span<const char>(header_));
  // To compare digests takes as long as the file is large.
  if (shared_->how.skip != skip_rule::same_digest) home().arm_after(answer_, max_answer_time);
}

void put_execution::on_answer(std::span<const char> bytes) {
  guarded([&] {
    while (!bytes.empty()) {
      if (list_ != nullptr) {
        take_list(bytes);
      } else if (std::optional<std::string> line = lines_.next(bytes)) {
        answer(*line);
      }
    }
  });
}

void put_execution::take_list(std::span<const char>& bytes) {
  const std::size_t count = std::min(bytes.size(), list_->left);
  list_->text.append(bytes.data(), count);
  list_->left -= count;
  bytes = bytes.subspan(count);
  if (list_->left == 0) list_ = nullptr;
}

// A host has no more to say than there are files.
void put_execution::expect_list(host_list& list, const put_answer& of) {
  constexpr std::uint64_t max_of_each = 128;
  const std::uint64_t files = content_->tree().files;
  if (!asks() || of.marks > files || of.lines > files * max_of_each)
    return fail(copy_failure(std::make_error_code(std::errc::bad_message),
                             "the host has listed other files than it was asked about"));
  list.text.clear();
  list.marks = static_cast<std::size_t>(of.marks);
  list.left = static_cast<std::size_t>(of.marks + of.lines);
  if (list.left > 0) list_ = &list;
}

void put_execution::answer(std::string_view line) {
  std::optional<put_answer> read = read_put_answer(line);
  if (!read) return;
  home().disarm(answer_);
  if (read->what == put_answer::kind::kept) return expect_list(kept_, *read);
  if (read->what == put_answer::kind::old) return expect_list(old_, *read);
  if (read->what == put_answer::kind::plain) {
    wanted_form_ = payload::form::indexed_archive;
    return;
  }
  if (read->what == put_answer::kind::names) {
    wants_names_ = asks();
    return state_ == state::asking ? told() : void();
  }
  if (read->what == put_answer::kind::ready) {
    if (!wanted_from_) wanted_from_ = std::min(read->offset, content_->size());
    return state_ == state::asking ? told() : void();
  }
  if (read->what == put_answer::kind::unchanged) counts().skipped(content_->size());
  last_ = std::move(read);
  conclude();
}

// What the receiver wants next, if it has answered.
void put_execution::told() {
  if (std::exchange(wants_names_, false)) return say_names();
  if (wanted_from_) begin_to_send();
}

void put_execution::say_names() {
  state_ = state::listing;
  peer().input().write(delegate<std::size_t, bool>::to<&put_execution::on_written>(this),
                       std::span<const char>(content_->names()));
}

void put_execution::choose() {
  auto lines_of = [this](const host_list& list) {
    std::string_view text = list.text;
    return lines_of_list(text.substr(0, list.marks), text.substr(list.marks),
                         content_->tree().files);
  };
  files_there there;
  there.kept = lines_of(kept_);
  there.old = lines_of(old_);
  const std::uint64_t whole = content_->size();
  selection which;
  if (asks())
    which = choose_entries(content_->tree(), there, shared_->how.skip, content_->digest_of_each());
  content_ = content_->part_of(std::move(which), wanted_form_);
  counts().skipped(whole - std::min(whole, content_->size()));
  kept_ = host_list();
  old_ = host_list();
}

void put_execution::begin_to_send() {
  if (content_->bytes().how() != payload::form::file) choose();
  state_ = state::sending;
  offset_ = *wanted_from_;
  counts().skipped(offset_);
  send_next();
}

void put_execution::send_next() {
  if (state_ != state::sending) return;
  if (offset_ == content_->size()) return conclude();
  copy_failure why;
  switch (content_->take(offset_, part_, why)) {
    case put_content::got::bytes:
      return wait_for_rate(part_.bytes.size()) ? void() : send_part();
    case put_content::got::no_room:
      return content_->wait(static_cast<piece_waiter&>(*this));
    case put_content::got::needs_digest:
      return content_->wait_for_digest(static_cast<digest_waiter&>(*this));
    case put_content::got::failure:
      return fail(std::move(why));
  }
}

void put_execution::on_room() noexcept {
  guarded([this] { send_next(); });
}

void put_execution::send_part() {
  if (state_ != state::sending) return give_back();
  peer().input().write(delegate<std::size_t, bool>::to<&put_execution::on_written>(this),
                       part_.bytes);
}

// Of the header, or of a part. A receiver that takes no more says why, or ends.
void put_execution::on_written(std::size_t left, bool closed) {
  note_progress();
  if (part_.of != nullptr) {
    std::size_t count = part_.bytes.size() - left;
    counts().moved(count);
    offset_ += count;
    give_back();
  }
  if (closed) return;
  if (state_ == state::sending) return guarded([this] { send_next(); });
  if (state_ != state::telling && state_ != state::listing) return;
  state_ = state::asking;
  // The answer may come before the transport has said that the question is through.
  guarded([this] { told(); });
}

void put_execution::unanswered() {
  fail(copy_failure(std::make_error_code(std::errc::timed_out),
                    "the receiver of a copy did not answer; does the host run commands as they "
                    "are sent?"));
  peer().cancel(by_policy);
}

void put_execution::give_back() noexcept {
  if (part_.of == nullptr) return;
  content_->give_back(part_);
  part_ = put_content::part();
}

void put_execution::conclude() noexcept {
  if (state_ >= state::concluding) return;
  state_ = state::concluding;
  peer().input().end_writing();
}

void put_execution::on_stopping(execution&) noexcept {
  if (state_ >= state::telling) conclude();
}

// The end of file before the last byte makes the receiver remove what it has.
void put_execution::fail(copy_failure why) noexcept {
  if (state_ >= state::concluding) return;
  failed_ = std::move(why);
  conclude();
}

copy_failure put_execution::judged() {
  const result& end = peer_result();
  const bool is_done = last_ && last_->what != put_answer::kind::failed;
  if (is_done && end.status().code() == 0) {
    if (last_->what == put_answer::kind::done) counts().files(content_->files());
    return copy_failure();
  }
  if (last_) return failure_of_put(*last_, end.err);
  copy_failure none = failure_of_tool(end.err);
  none.context = "the host did not run the receiver of a copy, which needs /bin/sh" +
                 (none.context.empty() ? std::string() : ": " + none.context);
  return none;
}

void put_execution::let_go() noexcept {
  home().disarm(answer_);
  digest_waiter::unlink();
  piece_waiter::unlink();
  give_back();
  state_ = state::ended;
}

}  // namespace execo::detail
