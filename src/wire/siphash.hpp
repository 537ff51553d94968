// SipHash-2-4 with 128 bits of result (Aumasson and Bernstein).
#pragma once

#include <string_view>

#include "wire/codec.hpp"

namespace execo::detail {

/// Who does not know the key cannot find two texts of one hash; who knows it can.
bytes16 siphash128(const bytes16& key, std::string_view bytes) noexcept;

}  // namespace execo::detail
