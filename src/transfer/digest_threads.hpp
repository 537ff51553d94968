// The threads that compute the digests of a loop's copies.
#pragma once

#include "loop/helper_threads.hpp"

namespace execo::detail {

/// Waited for at the end: OpenSSL takes its tables away when the program exits. A job that nobody
/// needs ends within one piece.
class digest_threads final : public loop_service {
 public:
  explicit digest_threads(loop& on) : threads(on, max_threads, work_at_end::awaited) {}
  helper_threads threads;

  /// What a job reads between two looks at whether somebody still needs it.
  static constexpr std::size_t bytes_at_once = std::size_t{256} * 1024;

 private:
  static constexpr std::size_t max_threads = 2;
};

}  // namespace execo::detail
