#include "io/output_file.hpp"

#include <errno.h>
#include <poll.h>

#include <algorithm>
#include <cassert>

#include "base/contain.hpp"

namespace execo::detail {

output_file::output_file(loop& on, output_file_owner& owner)
    : owner_(owner),
      ready_(on, delegate<int>::to<&output_file::on_ready>(this)),
      call_(on, delegate<int>::to<&output_file::on_written>(this)) {}

std::string output_file::name() const {
  return target_ ? target_->path() : "descriptor " + std::to_string(borrowed_.given);
}

std::error_code output_file::open() {
  int error = target_ ? file_.open(target_->open_path(), target_->open_flags())
                      : file_.borrow(borrowed_.number);
  return {error, std::system_category()};
}

bool output_file::take(std::span<const char> bytes) {
  if (failed_ || bytes.empty()) return true;
  if (!file_) {
    if (std::error_code why = open()) return fail(why.value(), "open"), true;
  }
  if (waiting_.size() - written_ > max_held) return false;
  if (written_ >= max_waiting) {
    waiting_.erase(0, written_);
    written_ = 0;
  }
  waiting_.append(bytes.data(), bytes.size());
  if (!busy()) write_on();
  return true;
}

void output_file::write_on() {
  while (!flushed() && write_some()) {
  }
}

// False: it has to wait, or failed.
bool output_file::write_some() {
  if (file_.needs_thread()) return write_on_thread();
  ssize_t n = file_.write(waiting_.data() + written_, waiting_.size() - written_);
  if (n >= 0) {
    wrote(static_cast<std::size_t>(n));
    return true;
  }
  if (n != -EAGAIN) {
    fail(static_cast<int>(-n), "write");
  } else if (file_.needs_thread()) {
    return true;
  } else {
    ready_.wait(file_.fd(), POLLOUT);
  }
  return false;
}

// Always false: what was written is reported later.
bool output_file::write_on_thread() {
  std::size_t part = std::min(waiting_.size() - written_, max_waiting);
  int error = call_.write(file_.fd(), {waiting_.data() + written_, part});
  if (error != 0) fail(error, "write");
  return false;
}

void output_file::wrote(std::size_t count) noexcept {
  ready_.progress();
  written_ += count;
  if (!flushed()) return;
  waiting_.clear();
  written_ = 0;
}

void output_file::on_ready(int result) {
  if (result >= 0 && !failed_) write_on();
  notify_if_flushed();
}

void output_file::on_written(int result) {
  if (result < 0) {
    fail(-result, "write");
  } else {
    wrote(static_cast<std::size_t>(result));
    write_on();
  }
  notify_if_flushed();
}

void output_file::notify_if_flushed() noexcept {
  if (!busy() && (flushed() || failed_)) owner_.on_file_flushed();
}

void output_file::give_up() noexcept {
  if (flushed()) return;
  failed_ = true;
  waiting_.clear();
  written_ = 0;
  ready_.cancel();
  call_.abandon();
}

void output_file::fail(int error, const char* step) noexcept {
  failed_ = true;
  waiting_.clear();
  written_ = 0;
  std::string context;
  contain([&] { context = std::string(step) + " " + name(); }, [](const std::exception_ptr&) {});
  owner_.on_file_failed({error, std::system_category()}, std::move(context));
}

std::error_code output_file::finalize(bool whole) {
  assert(!busy());
  file_.close();
  return target_ ? target_->finalize(whole && !failed_) : std::error_code();
}

}  // namespace execo::detail
