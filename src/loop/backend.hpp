// What a loop needs of the kernel. Two implementations: io_uring and epoll.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "loop/io_request.hpp"

namespace execo::detail {

/// What one `receive` brings at most: the capacity of a pipe.
constexpr std::size_t receive_bytes = 64 * 1024;

class backend {
 public:
  virtual ~backend() = default;

  /// Starts a request; its `done` comes from a later wait(), never from here.
  virtual void start(io_request& request) noexcept = 0;

  /// Asks for an early end; `done` still comes, from a later wait().
  virtual void cancel(io_request& request) noexcept = 0;

  /// Reads and writes of this descriptor come again and again, and forget() comes before it is
  /// closed: what epoll knows of it may outlast one request. Pre: open, and no request has it.
  virtual void keep(int fd) noexcept { (void)fd; }
  /// Pre: no request has it.
  virtual void forget(int fd) noexcept { (void)fd; }

  /// Submits what was started, waits at most `timeout_ns` (0: not at all, -1: without limit) for
  /// something to complete, and calls `done` of all that did. The loop's wake descriptor ends the
  /// wait. False: the kernel refuses to go on, see refusal(); another backend takes surrender().
  virtual bool wait(std::int64_t timeout_ns) = 0;

  /// A descriptor that is readable when wait(0) has something to do. Made on the first call.
  /// Throws: std::system_error if it cannot be made.
  virtual int readiness() = 0;

  /// False: wait(0) may have something to do though readiness() does not say so.
  virtual bool has_looked() const noexcept { return true; }

  /// How descriptors that are read and written here are best opened: epoll needs O_NONBLOCK, and
  /// io_uring, which waits by itself, polls one that has it where that can be avoided.
  virtual bool wants_nonblocking() const noexcept = 0;

  /// "uring (SINGLE_ISSUER, DEFER_TASKRUN)", for people.
  virtual std::string describe() const = 0;

  /// Why wait() gave up.
  virtual std::string refusal() const { return {}; }

  /// Gives up everything that is in flight, chained by `next`. None of it has completed, and none
  /// completes here any more.
  virtual io_request* surrender() noexcept { return nullptr; }
};

/// The backend that this machine allows. EXECO_BACKEND=uring|epoll forces one. `wake` is the loop's
/// eventfd: readable, it ends a wait().
/// Throws: std::system_error if none can be made, std::invalid_argument for another EXECO_BACKEND.
std::unique_ptr<backend> make_backend(int wake);

/// O_NONBLOCK for a descriptor that is read or written here, as which it is ours alone.
void refuse_to_block(int fd) noexcept;

}  // namespace execo::detail
