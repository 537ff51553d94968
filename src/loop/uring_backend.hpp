// The io_uring backend: one ring, one enter per wait.
#pragma once

#include <memory>

#include "loop/backend.hpp"

namespace execo::detail {

/// How large a ring is made. Completions beyond the queue still arrive through the kernel's
/// overflow list (IORING_FEAT_NODROP), only slower, so the second is a multiple of the first.
struct ring_size {
  unsigned submissions = 512;
  unsigned completions = 1024;
};

/// Null when this kernel or its policy refuses io_uring; `why` then says so.
std::unique_ptr<backend> make_uring_backend(std::string& why, int wake,
                                            ring_size size = ring_size());

}  // namespace execo::detail
