// The epoll backend: for kernels and sandboxes without io_uring.
#pragma once

#include <memory>

#include "loop/backend.hpp"

namespace execo::detail {

/// How the descriptors that it is given were opened.
enum class opened { nonblocking, for_io_uring };

/// Throws: std::system_error when the machine has no descriptor left for it.
std::unique_ptr<backend> make_epoll_backend(std::string reason, int wake,
                                            opened how = opened::nonblocking);

}  // namespace execo::detail
