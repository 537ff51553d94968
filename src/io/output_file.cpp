#include "io/output_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace execo::detail {

output_file::output_file(loop& on, output_file_owner& owner)
    : loop_(on), owner_(owner), poll_(callback<int>::to<&output_file::on_ready>(this)) {}

std::string output_file::name() const {
  return target_ ? target_->path() : "descriptor " + std::to_string(borrowed_);
}

std::error_code output_file::open() {
  // A number of our own: epoll knows one waiter for each.
  int fd = target_ ? open_file(target_->open_path().c_str(), target_->open_flags())
                   : ::fcntl(borrowed_, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return {target_ ? -fd : errno, std::system_category()};
  fd_.reset(fd);
  struct stat what {};
  regular_ = ::fstat(fd, &what) == 0 && S_ISREG(what.st_mode);
  return {};
}

bool output_file::take(std::span<const char> bytes) {
  if (failed_ || bytes.empty()) return true;
  if (!fd_) {
    if (std::error_code why = open()) return fail(why.value(), "open"), true;
  }
  if (waiting_.size() - written_ > most_held) return false;
  if (written_ >= most_waiting) {
    waiting_.erase(0, written_);
    written_ = 0;
  }
  waiting_.append(bytes.data(), bytes.size());
  if (!poll_.active) write_on();
  return true;
}

// A descriptor that blocks takes PIPE_BUF bytes at once when it polls writable, pipe(7).
void output_file::write_on() {
  while (!flushed()) {
    std::size_t part = waiting_.size() - written_;
    if (!regular_) {
      pollfd ready{fd_.get(), POLLOUT, 0};
      if (::poll(&ready, 1, 0) == 0) {
        poll_.prepare_poll(fd_.get(), POLLOUT);
        loop_.start(poll_);
        return;
      }
      part = std::min<std::size_t>(part, PIPE_BUF);
    }
    ssize_t n = ::write(fd_.get(), waiting_.data() + written_, part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      poll_.prepare_poll(fd_.get(), POLLOUT);
      loop_.start(poll_);
      return;
    }
    if (n < 0) return fail(errno, "write");
    written_ += static_cast<std::size_t>(n);
  }
  waiting_.clear();
  written_ = 0;
}

void output_file::on_ready(int result) {
  if (result >= 0 && !failed_) write_on();
  if (!poll_.active && (flushed() || failed_)) owner_.on_file_flushed();
}

void output_file::give_up() noexcept {
  if (flushed()) return;
  failed_ = true;
  waiting_.clear();
  written_ = 0;
  if (poll_.active) loop_.cancel(poll_);
}

void output_file::fail(int error, const char* step) noexcept {
  failed_ = true;
  waiting_.clear();
  written_ = 0;
  owner_.on_file_failed({error, std::system_category()}, std::string(step) + " " + name());
}

std::error_code output_file::settle(bool whole) {
  fd_.reset();
  return target_ ? target_->settle(whole && !failed_) : std::error_code();
}

}  // namespace execo::detail
