#include "transfer/sftp_client.hpp"

#include <errno.h>
#include <limits.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_unsent = std::size_t{64} * 1024;
constexpr std::size_t max_words = 100;
// Of those 64 that have a slot: a call always finds one.
constexpr std::size_t max_pipelined = 60;

copy_failure not_sftp(std::string_view came) {
  return copy_failure(std::make_error_code(std::errc::protocol_error),
                      "the host does not answer in SFTP; it sent \"" + printable(came, max_words) +
                          "\"; does a start-up file of its shell print something?");
}

bool has_long_name(std::string_view path) {
  if (path.size() >= PATH_MAX) return true;
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/'), path.size());
    if (end > NAME_MAX) return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

int number_of(sftp_status status, const std::string& path) {
  switch (status) {
    case sftp_status::no_such_file:
      return ENOENT;
    case sftp_status::permission_denied:
      return EACCES;
    case sftp_status::bad_message:
      return has_long_name(path) ? ENAMETOOLONG : EINVAL;
    case sftp_status::unsupported:
      return ENOTSUP;
    case sftp_status::stopped:
      return ECANCELED;
    case sftp_status::lost:
      return EPIPE;
    default:
      return EIO;
  }
}

}  // namespace

copy_failure failure_of_sftp(const sftp_answer& status, std::string_view step,
                             const std::string& path) {
  int number = status.is(sftp_answer::kind::status) ? number_of(status.status, path) : EPROTO;
  std::string what(step);
  if (!what.empty()) what += ' ';
  what += shown_path(path);
  if (number == EIO && !status.text.empty())
    what += ": the SFTP server said \"" + printable(status.text, max_words) + "\"";
  if (number == EPIPE) what += ": the SFTP server ended before it answered";
  if (number == EPROTO) what += ": the SFTP server gave an answer to something else";
  return copy_failure::of_errno(number, std::move(what));
}

void sftp_client::begin() {
  assert(state_ == state::idle);
  state_ = state::greeting;
  unsent_ = sftp_init();
  send();
}

// -- what comes ----------------------------------------------------------------------------------

copy_failure sftp_client::feed(std::span<const char> bytes) {
  while (state_ != state::lost) {
    std::optional<std::string_view> packet = packets_.next(bytes);
    if (!packet && packets_.broken()) {
      std::string came(packets_.pending());
      came.append(bytes.data(), std::min(bytes.size(), max_words));
      return not_sftp(came);
    }
    if (!packet) return {};
    if (copy_failure failed = take(*packet)) return failed;
  }
  return {};
}

copy_failure sftp_client::take(std::string_view packet) {
  std::optional<sftp_answer> read = read_sftp_answer(packet);
  if (!read) return not_sftp(packet);
  if (!was_greeted_) return greet(*read);
  slot& of = slots_[read->id % max_in_flight];
  if (of.what == slot::use::none || of.id != read->id)
    return copy_failure(std::make_error_code(std::errc::protocol_error),
                        "the SFTP server answered what it was not asked");
  --in_flight_;
  const slot::use use = std::exchange(of.what, slot::use::none);
  if (use == slot::use::call) answer_ = std::move(*read);
  if (use == slot::use::write && !read->ok() && !refusal_) refusal_ = std::move(*read);
  if (use == slot::use::read && !take_data(of.chunk, std::move(*read)))
    return copy_failure(std::make_error_code(std::errc::protocol_error),
                        "the SFTP server sent more or less than it was asked for");
  wake_if_due();
  return {};
}

copy_failure sftp_client::greet(const sftp_answer& answer) {
  if (!answer.is(sftp_answer::kind::version)) return not_sftp("an answer without a version");
  was_greeted_ = true;
  auto has_name = [&](std::string_view name) {
    return std::ranges::find(answer.extensions, name) != answer.extensions.end();
  };
  extensions_.renames_over = has_name("posix-rename@openssh.com");
  extensions_.syncs = has_name("fsync@openssh.com");
  extensions_.knows_room = has_name("statvfs@openssh.com");
  if (state_ == state::greeting) state_ = state::open;
  wake_if_due();
  return {};
}

// False: no server may send that.
bool sftp_client::take_data(std::size_t number, sftp_answer answer) {
  sftp_chunk& to = chunks_[number % max_in_flight];
  if (!answer.is(sftp_answer::kind::data)) {
    to.end = std::move(answer);
    return to.end->is(sftp_answer::kind::status) && !to.end->ok();
  }
  if (answer.data.empty() || answer.data.size() > to.size - to.bytes.size()) return false;
  if (to.bytes.empty()) std::swap(to.bytes, spare_);
  to.bytes.append(answer.data);
  if (!to.is_complete() && goes_on()) ask_for_rest(number);
  return true;
}

void sftp_client::drop_first_chunk() noexcept {
  assert(outstanding() > 0);
  sftp_chunk& done = chunks_[first_++ % max_in_flight];
  std::swap(done.bytes, spare_);
  spare_.clear();
  done.bytes.clear();
  done.end.reset();
}

// -- what is sent --------------------------------------------------------------------------------

sftp_client::slot& sftp_client::take_slot(slot::use what) noexcept {
  assert(in_flight_ < max_in_flight);
  while (slots_[next_slot_ % max_in_flight].what != slot::use::none) ++next_slot_;
  const std::size_t number = next_slot_++ % max_in_flight;
  slot& taken = slots_[number];
  taken.what = what;
  taken.id = ++generation_ * static_cast<std::uint32_t>(max_in_flight) +
             static_cast<std::uint32_t>(number);
  ++in_flight_;
  return taken;
}

sftp_client::call_wait sftp_client::call(sftp_request request) {
  answer_.reset();
  if (goes_on()) {
    unsent_ += std::move(request).packet(take_slot(slot::use::call).id);
    send();
  }
  return call_wait(*this);
}

sftp_answer sftp_client::take_answer() {
  if (!answer_)
    return sftp_answer(state_ == state::stopped ? sftp_status::stopped : sftp_status::lost);
  return *std::exchange(answer_, std::nullopt);
}

void sftp_client::write(std::string_view handle, std::uint64_t offset,
                        std::span<const char> bytes) {
  if (!goes_on()) return;
  append_sftp_write(unsent_, take_slot(slot::use::write).id, handle, offset, bytes);
  send();
}

std::optional<sftp_answer> sftp_client::take_refusal() noexcept {
  return std::exchange(refusal_, std::nullopt);
}

void sftp_client::post(sftp_request request) {
  if (!goes_on()) return;
  unsent_ += std::move(request).packet(take_slot(slot::use::dropped).id);
  send();
}

void sftp_client::ask(std::uint64_t offset, std::uint32_t size) {
  if (!goes_on()) return;
  sftp_chunk& made = chunks_[last_ % max_in_flight];
  made.offset = offset;
  made.size = size;
  ask_for_rest(last_++);
}

void sftp_client::ask_for_rest(std::size_t number) {
  const sftp_chunk& of = chunks_[number % max_in_flight];
  slot& taken = take_slot(slot::use::read);
  taken.chunk = number;
  append_sftp_read(unsent_, taken.id, handle_, of.offset + of.bytes.size(),
                   of.size - static_cast<std::uint32_t>(of.bytes.size()));
  send();
}

void sftp_client::send() {
  if (is_writing_ || unsent_.empty() || state_ == state::lost) return;
  std::swap(unsent_, sending_);
  is_writing_ = true;
  peer_.input().write(delegate<std::size_t, bool>::to<&sftp_client::on_written>(this),
                      std::span<const char>(sending_));
}

// A server that reads no more ends, and the peer with it.
void sftp_client::on_written(std::size_t, bool closed) {
  is_writing_ = false;
  sending_.clear();
  if (closed) return unsent_.clear();
  send();
  wake_if_due();
}

// -- the coroutine -------------------------------------------------------------------------------

bool sftp_client::has_room() const noexcept {
  return in_flight_ < max_pipelined && outstanding() < max_pipelined && unsent_.size() < max_unsent;
}

sftp_client::wait sftp_client::event() noexcept {
  event_came_ = false;
  return wait(*this, awaited::event);
}

bool sftp_client::has(awaited what) const noexcept {
  if (state_ >= state::stopped) return true;
  switch (what) {
    case awaited::nothing:
      return true;
    case awaited::greeting:
      return was_greeted_;
    case awaited::answer:
      return answer_.has_value();
    case awaited::room:
      return has_room();
    case awaited::all:
      return in_flight_ == 0;
    case awaited::chunk:
      return outstanding() == 0 || first_chunk().is_complete();
    case awaited::event:
      return event_came_;
  }
  return true;
}

void sftp_client::suspend(awaited what, std::coroutine_handle<> waiting) noexcept {
  assert(awaits_ == awaited::nothing);
  awaits_ = what;
  waiting_ = waiting;
}

void sftp_client::wake_if_due() {
  if (awaits_ == awaited::nothing || !has(awaits_)) return;
  if (awaits_ == awaited::event) event_came_ = false;
  awaits_ = awaited::nothing;
  std::exchange(waiting_, {}).resume();
}

void sftp_client::notify() noexcept {
  event_came_ = true;
  wake_if_due();
}

void sftp_client::interrupt() noexcept {
  if (state_ >= state::stopped) return;
  state_ = state::stopped;
  for (slot& one : slots_)
    if (one.what != slot::use::none) one.what = slot::use::dropped;
  wake_if_due();
}

void sftp_client::go_on() noexcept {
  if (state_ == state::stopped) state_ = was_greeted_ ? state::open : state::lost;
  refusal_.reset();
}

void sftp_client::lose() noexcept {
  state_ = state::lost;
  wake_if_due();
}

}  // namespace execo::detail
