// BLAKE2b with 128 bits of result (RFC 7693).
#pragma once

#include <string_view>

#include "wire/codec.hpp"

namespace execo::detail {

/// Nobody can find two texts of one hash in less than about 2^64 trials.
bytes16 blake2b128(std::string_view bytes) noexcept;

}  // namespace execo::detail
