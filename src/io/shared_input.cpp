#include "io/shared_input.hpp"

#include <cassert>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {

// -- shared_input
// ----------------------------------------------------------------------------------

void shared_input::take(std::span<const char> bytes) noexcept {
  contain(
      [&] {
        if (std::error_code why = spool_.append(bytes))
          return fail(why, "keep the rest of the input in ", spool_.folder());
        state_ = state::unread;
      },
      [&](const std::exception_ptr& error) { fail(error_of(error), "keep the input", {}); });
  notify_waiters();
}

void shared_input::fail(std::error_code why, std::string_view step,
                        const std::string& what) noexcept {
  state_ = state::failed;
  why_ = why;
  contain([&] { failed_step_ = std::string(step) + what; }, [](const std::exception_ptr&) {});
}

void shared_input::notify_waiters() noexcept {
  while (waiters_.linked()) {
    auto& next = static_cast<shared_input_reader&>(*waiters_.next());
    next.unlink();
    next.notify();
  }
}

// -- shared_input_reader
// ---------------------------------------------------------------------------

shared_input_reader::shared_input_reader(loop& on, input_file_owner& owner,
                                         std::shared_ptr<shared_input> from)
    : loop_(on),
      owner_(owner),
      input_(std::move(from)),
      notice_(delegate<>::to<&shared_input_reader::on_notified>(this)) {}

shared_input_reader::~shared_input_reader() { assert(!linked() && !busy()); }

bool shared_input_reader::busy() const noexcept {
  std::lock_guard lock(input_->mutex_);
  return state_ == state::notified || state_ == state::reading;
}

void shared_input_reader::read() {
  assert(state_ == state::idle);
  if (closed_) return;
  std::unique_lock lock(input_->mutex_);
  if (position_ < input_->spool_.size()) return deliver(std::move(lock));
  switch (input_->state_) {
    case shared_input::state::ended:
      lock.unlock();
      return owner_.on_file_end(0);
    case shared_input::state::failed: {
      std::string step = input_->failed_step_;
      int error = input_->why_.value();
      lock.unlock();
      return end(error, std::move(step));
    }
    default:
      return wait_for_more(std::move(lock));
  }
}

void shared_input_reader::deliver(std::unique_lock<std::mutex> lock) {
  std::span<const char> bytes = input_->spool_.in_memory(position_);
  if (bytes.empty()) return deliver_copied(std::move(lock));
  position_ += bytes.size();
  lock.unlock();
  owner_.on_file_bytes(bytes);
}

void shared_input_reader::deliver_copied(std::unique_lock<std::mutex> lock) {
  if (!copied_) copied_ = std::make_unique_for_overwrite<char[]>(copied_piece);
  ssize_t n = input_->spool_.read_file(position_, {copied_.get(), copied_piece});
  std::string folder = n < 0 ? input_->spool_.folder() : std::string();
  lock.unlock();
  if (n < 0) return end(static_cast<int>(-n), "read the rest of the input in " + folder);
  position_ += static_cast<std::uint64_t>(n);
  owner_.on_file_bytes({copied_.get(), static_cast<std::size_t>(n)});
}

void shared_input_reader::end(int error, std::string step) noexcept {
  failed_step_ = std::move(step);
  owner_.on_file_end(error);
}

void shared_input_reader::wait_for_more(std::unique_lock<std::mutex> lock) {
  if (input_->state_ == shared_input::state::reading) {
    state_ = state::waiting;
    return link_before(input_->waiters_);
  }
  input_->state_ = shared_input::state::reading;
  state_ = state::reading;
  lock.unlock();
  read_for_all();
}

void shared_input_reader::read_for_all() {
  lent_fd from;
  from.number = input_->from_.get();
  from.given = input_->given_;
  source_ =
      std::make_unique<input_file>(loop_, static_cast<input_file_owner&>(*this), file_path(), from);
  std::string context;
  std::error_code why = source_->open(context);
  if (why) return on_file_end(why.value());
  source_->read();
}

void shared_input_reader::on_file_bytes(std::span<const char> bytes) noexcept {
  std::lock_guard lock(input_->mutex_);
  input_->take(bytes);
  notify();
}

// Closed, it leaves the reading to another one.
void shared_input_reader::on_file_end(int error) noexcept {
  std::lock_guard lock(input_->mutex_);
  if (closed_) {
    input_->state_ = shared_input::state::unread;
  } else if (error != 0) {
    input_->fail({error, std::system_category()}, "read ", input_->name());
  } else {
    input_->state_ = shared_input::state::ended;
    input_->from_.reset();
  }
  input_->notify_waiters();
  notify();
}

void shared_input_reader::notify() noexcept {
  state_ = state::notified;
  if (loop::current() == &loop_) {
    loop_.defer(notice_);
  } else {
    loop_.post(notice_);
  }
}

// Not from inside a call of it: the file that was read for all is gone with its buffer.
void shared_input_reader::on_notified() {
  source_.reset();
  state_ = state::idle;
  if (closed_) return owner_.on_file_end(0);
  read();
}

void shared_input_reader::close() noexcept {
  if (std::exchange(closed_, true)) return;
  std::unique_lock lock(input_->mutex_);
  if (state_ == state::waiting) {
    unlink();
    state_ = state::idle;
  }
  if (state_ != state::reading) return;
  lock.unlock();
  const bool loses_bytes = source_->holds_bytes();
  source_->close();
  // Else it says so when it is not busy any more.
  if (state_ == state::reading && !source_->busy()) leave_reading(loses_bytes);
}

// A call on a thread is left to itself, and what it brings is lost: nobody could go on behind that.
void shared_input_reader::leave_reading(bool loses_bytes) noexcept {
  std::lock_guard lock(input_->mutex_);
  if (loses_bytes) {
    input_->fail(std::make_error_code(std::errc::operation_canceled), "read ", input_->name());
  } else {
    input_->state_ = shared_input::state::unread;
  }
  input_->notify_waiters();
  notify();
}

}  // namespace execo::detail
