// A file or descriptor that bytes are copied from or to without the loop's thread ever standing
// still in read(2) or write(2).
//
// All that the library reads and writes on a loop's thread, and why none of it blocks:
//
// | descriptor                              | how                                                 |
// |-----------------------------------------|-----------------------------------------------------|
// | our ends of a child's pipes             | ours alone: io_uring waits for a blocking one by    |
// |                                         | itself, epoll has them O_NONBLOCK                   |
// | our end of a child's terminal           | ours alone: O_NONBLOCK, since the kernel has no     |
// |                                         | other way for a terminal, io_uring included         |
// | sockets of ssh, eventfds, pidfds        | ours alone: O_NONBLOCK, or only polled              |
// | a FIFO, terminal or device by its path  | ours alone: O_NONBLOCK                              |
// | a regular file, ours or the caller's    | plain calls: it waits for a disk alone              |
// | a caller's pipe or socket               | RWF_NOWAIT, call by call                            |
// | a caller's FIFO or terminal             | O_NONBLOCK on an open file of our own, made through |
// |                                         | /proc/self/fd: RWF_NOWAIT is refused there          |
// | any other one of a caller's: a device,  | each call on a thread, which is left behind if the  |
// | the master of a terminal, no /proc      | run is given up while it waits                      |
//
// The flags of a caller's descriptor belong to all who share it and are never changed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "base/fd.hpp"
#include "io/file_path.hpp"

namespace execo::detail {

class unblocked_file {
 public:
  enum class direction : std::uint8_t { in, out };

  explicit unblocked_file(direction way) noexcept : way_(way) {}

  /// Opens a path, close-on-exec. 0 or an errno.
  int open(const file_path& path, int flags) noexcept;
  /// Takes a descriptor of the caller's, under a number of our own. 0 or an errno.
  int borrow(int fd) noexcept;
  void close() noexcept { fd_.reset(); }

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  int fd() const noexcept { return fd_.get(); }

  /// A count or a negative errno. -EAGAIN: when it polls ready, or on a thread if needs_thread().
  ssize_t read(void* into, std::size_t size) noexcept;
  ssize_t write(const void* from, std::size_t size) noexcept;
  /// No call on this thread is safe.
  bool needs_thread() const noexcept { return how_ == access::on_thread; }

 private:
  enum class access : std::uint8_t { plain, nowait, on_thread };

  ssize_t attempt(void* bytes, std::size_t size) noexcept;
  ssize_t transfer(void* bytes, std::size_t size) noexcept;
  void find_another_way() noexcept;

  unique_fd fd_;
  direction way_;
  access how_ = access::plain;
};

}  // namespace execo::detail
