// A program of ours that is part of the library, to be executed: it needs no file of its own, and
// no folder that may be executed from.
#pragma once

#include "base/fd.hpp"

namespace execo::detail {

/// A copy of the program [begin, end) in memory, open for reading. None, with errno set, where
/// memory may not be executed.
unique_fd program_in_memory(const char* name, const char* begin, const char* end) noexcept;

}  // namespace execo::detail
