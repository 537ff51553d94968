// The io_uring backend: one ring, one enter per wait.
#pragma once

#include <memory>

#include "loop/backend.hpp"

namespace execo::detail {

/// Null when this kernel or its policy refuses io_uring; `why` then says so.
std::unique_ptr<backend> make_uring_backend(std::string& why);

}  // namespace execo::detail
