// One read(2) or write(2) that may wait for as long as it likes, on a thread of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "io/unblocked_file.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class blocking_call {
 public:
  /// `done` is called from the loop with a count or a negative errno.
  blocking_call(loop& on, delegate<int> done) noexcept;
  blocking_call(const blocking_call&) = delete;
  blocking_call& operator=(const blocking_call&) = delete;
  ~blocking_call();

  /// Begin it; 0, or the errno that says why there is none. Pre: not active().
  int read(int fd, std::size_t size) noexcept;
  int write(int fd, std::span<const char> bytes) noexcept;
  bool active() const noexcept { return job_ != nullptr; }
  /// Leaves the thread to itself: `done` is not called any more. Bytes it reads yet are lost.
  void abandon() noexcept;

  /// What a read brought, from `done` to the next call.
  const char* bytes() const noexcept;

 private:
  class job;
  int begin(int fd, unblocked_file::direction way, std::size_t size, const char* bytes) noexcept;

  loop& loop_;
  delegate<int> done_;
  job* job_ = nullptr;
  std::unique_ptr<job> finished_;
};

}  // namespace execo::detail
