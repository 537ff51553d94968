// What shape a tree should have that a file is sent through.
#pragma once

#include <cstdint>

namespace execo::detail {

/// How many children each host should have for a copy of so many bytes: each child is sent all of
/// them once more, so few for a large file; but with few children the last host comes up late. It
/// is the number with which the model expects the copy to be over first, hosts being reached over
/// ssh, at 1 Gbit/s. 0: as many as connecting alone suggests.
unsigned copy_arity(std::uint64_t hosts, std::uint64_t bytes) noexcept;

}  // namespace execo::detail
