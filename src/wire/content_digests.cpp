#include "wire/content_digests.hpp"

#include <string>

#include "wire/blake2b.hpp"
#include "wire/file_messages.hpp"

namespace execo::detail {

namespace {

bytes16 joined_digest(const bytes16& before, const bytes16& part) {
  std::array<char, 2 * sizeof(bytes16)> both;
  std::copy(before.begin(), before.end(), both.begin());
  std::copy(part.begin(), part.end(), both.begin() + before.size());
  return blake2b128(std::string_view(both.data(), both.size()));
}

}  // namespace

void content_digests::add(const bytes16& part) {
  if (parts_ < max_kept) kept_.push_back(part);
  ++parts_;
  whole_ = joined_digest(whole_, part);
}

void content_digests::clear() noexcept {
  kept_.clear();
  parts_ = 0;
  whole_ = bytes16();
}

std::optional<bytes16> content_digests::front(std::uint64_t parts) const {
  if (parts == parts_) return whole_;
  if (parts > kept_.size()) return std::nullopt;
  bytes16 found{};
  for (std::size_t i = 0; i < parts; ++i) found = joined_digest(found, kept_[i]);
  return found;
}

bytes16 content_digests::of(std::uint64_t offset, std::string_view bytes) const noexcept {
  const std::uint64_t part = offset / file_part_limit;
  return part < kept_.size() ? kept_[static_cast<std::size_t>(part)] : part_digest(bytes);
}

}  // namespace execo::detail
