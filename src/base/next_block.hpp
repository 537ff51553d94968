// Memory that somebody else takes from the allocator, and hardly uses.
#pragma once

#include <cstddef>

namespace execo::detail {

/// The whole pages within the block of `bytes` that the allocator gives out next take no memory
/// until they are written to: what they held before is given back to the kernel. Is in vain where
/// the allocator then gives out another block. On the thread that is to get it.
void vacate_next_block(std::size_t bytes) noexcept;

}  // namespace execo::detail
