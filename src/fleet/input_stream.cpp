#include "fleet/input_stream.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace execo::fleet {

input_stream::~input_stream() { close(); }

void input_stream::attach(reactor& r, unique_fd pipe, delegate<> changed) {
  reactor_ = &r;
  changed_ = changed;
  pipe_ = std::move(pipe);
  state_ = state::open;
  writable_ = true;
  watch_.ready = delegate<std::uint32_t>::to<&input_stream::on_ready>(this);
  r.add(pipe_.get(), EPOLLOUT | EPOLLET, watch_);
}

void input_stream::on_ready(std::uint32_t events) {
  if (!pipe_) return;
  writable_ = true;
  if ((events & EPOLLERR) != 0) close();  // all readers are gone
  changed_();
}

void input_stream::close() {
  state_ = state::closed;
  waiting_.clear();
  if (!pipe_) return;
  reactor_->remove(pipe_.get(), watch_);
  pipe_.reset();
}

std::size_t input_stream::write(const char* data, std::size_t length) {
  std::size_t done = 0;
  while (state_ == state::open && writable_ && done < length) {
    ssize_t n = ::write(pipe_.get(), data + done, length - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      writable_ = false;
    } else if (errno != EINTR) {
      close();
    }
  }
  return state_ == state::closed ? length : done;
}

std::size_t input_stream::take(const char* data, std::size_t length) {
  std::size_t done = waiting_.empty() ? write(data, length) : 0;
  kept_by_libssh_ = done < length;
  return done;
}

bool input_stream::pump(ssh_channel channel) {
  static std::array<char, 64 * 1024> buffer;  // one thread reads, and never twice at a time
  if (state_ == state::waiting) return false;
  bool moved = false;
  if (!waiting_.empty()) {
    std::size_t done = write(waiting_.data(), waiting_.size());
    moved = done > 0;
    if (!waiting_.empty()) waiting_.erase(0, done);
  }
  while (kept_by_libssh_ && waiting_.empty() && (writable_ || state_ == state::closed)) {
    int n = ssh_channel_read_nonblocking(channel, buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      kept_by_libssh_ = false;
      break;
    }
    moved = true;
    auto length = static_cast<std::size_t>(n);
    std::size_t done = write(buffer.data(), length);
    if (done < length) waiting_.assign(buffer.data() + done, length - done);
  }
  if (client_ended_ && !kept_by_libssh_ && waiting_.empty() && state_ == state::open) close();
  return moved;
}

}  // namespace execo::fleet
