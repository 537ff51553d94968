// One kernel operation as the loop and its backends see it. The owner fills it in, lends it to the
// loop with loop::start, and has it back when `done` is called: exactly once, on the loop's thread.
// Until then the request and the memory it points to belong to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "execo/detail/delegate.hpp"

namespace execo::detail {

/// Sockets connect and accept with the plain non-blocking calls after a poll.
enum class io_kind : std::uint8_t { none, read, receive, write, poll };

struct io_request {
  io_request() noexcept = default;
  explicit io_request(delegate<int> on_done) noexcept : done(on_done) {}
  io_request(const io_request&) = delete;
  io_request& operator=(const io_request&) = delete;

  /// Called with a count or a negative errno. -ECANCELED after loop::cancel unless it had finished.
  delegate<int> done;

  io_kind kind = io_kind::none;
  bool active = false;      // lent to the loop
  bool cancelling = false;  // a cancel was asked for
  bool polled = false;      // a backend's own: what it waits for is readiness
  int fd = -1;
  void* buffer = nullptr;
  std::uint32_t size = 0;  // of buffer
  std::uint32_t events = 0;
  io_request* next = nullptr;        // a backend's own queue
  io_request* previous = nullptr;    // and list
  io_request* next_early = nullptr;  // of those whose completion waits for the next wait
  int result = 0;                    // their result
  unsigned flags = 0;

  void prepare_read(int from, void* into, std::size_t n) noexcept {
    prepare(io_kind::read, from, into, n);
  }
  /// Reads into memory of the loop's: `buffer` holds what came, during `done` only. What waits for
  /// a quiet peer so costs no memory.
  void prepare_receive(int from) noexcept { prepare(io_kind::receive, from, nullptr, 0); }
  void prepare_write(int to, const void* bytes, std::size_t n) noexcept {
    prepare(io_kind::write, to, const_cast<void*>(bytes), n);
  }
  /// Completes with the ready POLL* bits, once.
  void prepare_poll(int on, std::uint32_t poll_events) noexcept {
    prepare(io_kind::poll, on, nullptr, 0);
    events = poll_events;
  }

 private:
  void prepare(io_kind k, int f, void* b, std::size_t n) noexcept {
    kind = k;
    fd = f;
    buffer = b;
    size = static_cast<std::uint32_t>(n);
    events = 0;
  }
};

}  // namespace execo::detail
