// Reads and writes of descriptors as awaitables, straight on the loop: for tests and benches of the
// loop itself, below processes and sessions.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "base/fd.hpp"
#include "execo/detail/operation.hpp"
#include "loop/registered_fd.hpp"

namespace execo::test {

/// One read or write: the count, 0 at the end of input, or a negative errno. A stop that comes
/// before anything was moved throws operation_cancelled.
class [[nodiscard]] transfer_op final : public detail::operation {
 public:
  transfer_op(detail::io_kind kind, int fd, void* buffer, std::size_t size) noexcept
      : kind_(kind), fd_(fd), buffer_(buffer), size_(size) {}
  transfer_op(transfer_op&& other) noexcept
      : operation(std::move(other)),
        kind_(other.kind_),
        fd_(other.fd_),
        buffer_(other.buffer_),
        size_(other.size_) {}
  int await_resume() const {
    if (result_ == -ECANCELED) throw operation_cancelled();
    return result_;
  }

 private:
  void on_start(bool stopped) noexcept override {
    if (stopped) return on_done(-ECANCELED);
    if (kind_ == detail::io_kind::read) {
      request_.prepare_read(fd_, buffer_, size_);
    } else {
      request_.prepare_write(fd_, buffer_, size_);
    }
    work().start(request_);
  }
  void on_stop() noexcept override { work().cancel(request_); }
  void on_done(int result) {
    result_ = result;
    complete();
  }

  detail::io_kind kind_;
  int fd_;
  void* buffer_;
  std::size_t size_;
  int result_ = 0;
  detail::io_request request_{detail::delegate<int>::to<&transfer_op::on_done>(this)};
};

inline transfer_op read_some(int fd, void* into, std::size_t size) noexcept {
  return transfer_op(detail::io_kind::read, fd, into, size);
}
inline transfer_op write_some(int fd, const void* bytes, std::size_t size) noexcept {
  return transfer_op(detail::io_kind::write, fd, const_cast<void*>(bytes), size);
}

/// Suspends, and resumes from the ready queue of its loop.
class [[nodiscard]] turn_op final : public detail::operation {
 public:
  // Not `= default`: turn_op() would fill the whole object with zeros first.
  turn_op() noexcept {}
  turn_op(turn_op&& other) noexcept : operation(std::move(other)) {}
  void await_resume() const noexcept {}

 private:
  void on_start(bool) noexcept override { complete(); }
  void on_stop() noexcept override {}
};

/// A pipe whose ends suit the loop, as long as it.
class pipe_ends {
 public:
  /// Throws: std::system_error.
  explicit pipe_ends(detail::loop& on) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | (on.wants_nonblocking() ? O_NONBLOCK : 0)) != 0)
      throw std::system_error(errno, std::system_category(), "pipe2");
    out = detail::registered_fd(detail::unique_fd(ends[0]), on);
    in = detail::registered_fd(detail::unique_fd(ends[1]), on);
  }
  detail::registered_fd out;  // to read from
  detail::registered_fd in;   // to write to
};

}  // namespace execo::test
