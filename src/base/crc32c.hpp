// The checksum CRC-32C (Castagnoli, RFC 3720 appendix B.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace execo::detail {

/// The checksum of `bytes`; `before` is that of what precedes them, so that a text may come in
/// parts. Thread: any. The processor's instruction is used where there is one.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

/// The same from tables, on any processor: what the other is tested against.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace execo::detail
