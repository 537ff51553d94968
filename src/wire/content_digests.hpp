// The digests of the parts of a content, and that of the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"

namespace execo::detail {

/// The digest of a part: its bytes are cut into four, and the digest is the BLAKE2b of those of the
/// four and of their length. Four at a time is what the processor is fast at.
bytes16 part_digest(std::string_view bytes) noexcept;

/// The same by plain BLAKE2b, on any processor: what the other is tested against.
bytes16 part_digest_by_blake2b(std::string_view bytes) noexcept;

/// What was found when the parts came is what they are given on with: who changes them meanwhile is
/// found out by the next one.
class content_digests {
 public:
  /// Of the next part.
  void add(const bytes16& part);
  void clear() noexcept;

  std::uint64_t parts() const noexcept { return parts_; }
  /// Of all parts so far: 16 zero bytes at first; each part makes it the digest of what it was and
  /// of the digest of the part.
  const bytes16& whole() const noexcept { return whole_; }
  /// The same of the first parts. Nothing: they are not known, or not all kept.
  std::optional<bytes16> front(std::uint64_t parts) const;
  /// Of the part that begins at `offset`, as it was added; computed from its bytes if it was not,
  /// or is not kept.
  bytes16 of(std::uint64_t offset, std::string_view bytes) const noexcept;

  /// Parts whose digests are kept: 1 MiB, for 4 GB of content.
  static constexpr std::size_t max_kept = 65'536;

 private:
  std::vector<bytes16> kept_;
  std::uint64_t parts_ = 0;
  bytes16 whole_{};
};

}  // namespace execo::detail
