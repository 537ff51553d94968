#include "fleet/output_stream.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace execo::fleet {

namespace {

constexpr std::size_t read_size = 64 * 1024;

}  // namespace

output_stream::~output_stream() { close_pipe(); }

void output_stream::attach(reactor& r, unique_fd pipe, delegate<> changed) {
  reactor_ = &r;
  changed_ = changed;
  pipe_ = std::move(pipe);
  watch_.ready = delegate<std::uint32_t>::to<&output_stream::on_ready>(this);
  r.add(pipe_.get(), EPOLLIN | EPOLLET, watch_);
}

void output_stream::on_ready(std::uint32_t) {
  if (!pipe_) return;
  readable_ = true;
  changed_();
}

void output_stream::close_pipe() {
  if (!pipe_) return;
  reactor_->remove(pipe_.get(), watch_);
  pipe_.reset();
  readable_ = false;
}

void output_stream::resize_terminal(const winsize& size) noexcept {
  if (pipe_) (void)::ioctl(pipe_.get(), TIOCSWINSZ, &size);  // the size is a hint to programs
}

void output_stream::abandon() {
  close_pipe();
  waiting_.clear();
  sent_ = 0;
}

void output_stream::fill(std::size_t limit) {
  static std::array<char, read_size> buffer;  // one thread reads, and never twice at a time
  if (pipe_ && end_when_empty_) readable_ = true;
  while (readable() && waiting() < limit) {
    ssize_t n = ::read(pipe_.get(), buffer.data(), std::min(buffer.size(), limit - waiting()));
    if (n > 0) {
      waiting_.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      readable_ = false;
      if (end_when_empty_) close_pipe();
    } else {
      close_pipe();  // the end; a terminal without a process gives EIO instead (pty(7))
    }
  }
}

std::size_t output_stream::send(ssh_channel channel, std::size_t max_bytes) {
  std::size_t window = ssh_channel_window_size(channel);
  auto length = static_cast<std::uint32_t>(std::min({max_bytes, window, waiting()}));
  if (length == 0) return 0;
  const char* from = waiting_.data() + sent_;
  int taken = side_ == channel_side::out ? ssh_channel_write(channel, from, length)
                                         : ssh_channel_write_stderr(channel, from, length);
  if (taken <= 0) return 0;
  sent_ += static_cast<std::size_t>(taken);
  if (waiting() == 0) {
    sent_ = 0;
    waiting_.clear();
    if (waiting_.capacity() > 4096) waiting_.shrink_to_fit();  // thousands of streams may idle
  } else if (sent_ >= output_limit) {
    waiting_.erase(0, sent_);
    sent_ = 0;
  }
  return static_cast<std::size_t>(taken);
}

std::size_t output_stream::first_line() const noexcept {
  std::size_t end = waiting_.find('\n', sent_);
  return end == std::string::npos ? waiting() : end + 1 - sent_;
}

}  // namespace execo::fleet
