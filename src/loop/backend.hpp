// What a loop needs of the kernel. Two implementations: io_uring and epoll.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "loop/io_request.hpp"

namespace execo::detail {

class backend {
 public:
  virtual ~backend() = default;

  /// Starts a request; its `done` comes from a later wait(), never from here.
  virtual void start(io_request& request) noexcept = 0;

  /// Asks for an early end; `done` still comes, from a later wait().
  virtual void cancel(io_request& request) noexcept = 0;

  /// Submits what was started, waits at most `timeout_ns` (0: not at all, -1: without limit) for
  /// something to complete, and calls `done` of all that did. wake() ends the wait.
  virtual void wait(std::int64_t timeout_ns) = 0;

  /// Ends a wait from any thread, or the next one.
  virtual void wake() noexcept = 0;

  /// A descriptor that is readable when wait(0) has something to do. Made on the first call.
  virtual int native_handle() = 0;

  /// How descriptors that are read and written here must be opened: io_uring waits on a blocking
  /// one and refuses to on O_NONBLOCK, epoll needs O_NONBLOCK.
  virtual bool wants_nonblocking() const noexcept = 0;

  /// "uring (DEFER_TASKRUN, WAITID)", for people.
  virtual std::string describe() const = 0;
};

/// The backend that this machine allows. EXECO_BACKEND=uring|epoll forces one.
/// Throws: std::system_error if none can be made, std::invalid_argument for another EXECO_BACKEND.
std::unique_ptr<backend> make_backend();

}  // namespace execo::detail
