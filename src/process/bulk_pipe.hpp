// A pipe whose writer waits for us again and again gets more room: each time it is full and each
// time it is empty costs two switches of context, which are long on a busy machine. Not from the
// beginning: a user without privileges has 64 MiB for all pipes (pipe(7), pipe-user-pages-soft),
// and beyond that every new pipe of the user's has two pages.
#pragma once

#include <cstddef>

#include "execo/detail/deadline_timer.hpp"
#include "loop/backend.hpp"

namespace execo::detail {

class bulk_pipe {
 public:
  bulk_pipe() noexcept = default;
  bulk_pipe(const bulk_pipe&) = delete;
  bulk_pipe& operator=(const bulk_pipe&) = delete;
  ~bulk_pipe();

  /// No option bounds what waits in the pipe.
  void allow() noexcept { allowed_ = true; }
  /// A read of our end brought so much.
  void saw(int fd, std::size_t bytes, clock::time_point now) noexcept {
    if (allowed_ && bytes == receive_bytes) count_full(fd, now);
  }

 private:
  void count_full(int fd, clock::time_point now) noexcept;

  clock::time_point since_{};
  unsigned full_ = 0;
  bool allowed_ = false;
  bool wide_ = false;
};

}  // namespace execo::detail
