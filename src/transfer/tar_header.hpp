// One member of a tar archive before its contents: a ustar header (POSIX.1-1988), with a pax header
// (POSIX.1-2001) in front of it for what that has no room for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "transfer/source_tree.hpp"

namespace execo::detail {

inline constexpr std::size_t tar_block = 512;

/// What fills the last block of `size` bytes.
constexpr std::size_t tar_padding(std::uint64_t size) noexcept {
  return static_cast<std::size_t>((tar_block - size % tar_block) % tar_block);
}

class tar_member {
 public:
  std::string_view name;
  source_entry::kind what = source_entry::kind::file;
  std::string_view target;  // of a link
  std::uint64_t size = 0;
  unsigned mode = 0644;
  std::int64_t modified = 0;
  std::uint64_t user = 0;
  std::uint64_t group = 0;
};

/// Its size without making it.
std::size_t tar_header_size(const tar_member& of);
std::string tar_header(const tar_member& of);

}  // namespace execo::detail
