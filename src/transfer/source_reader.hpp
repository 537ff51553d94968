// Reads the files of a source tree, any part at any time, and notices when one was changed since
// the tree was read.
#pragma once

#include <cstdint>
#include <span>

#include "base/fd.hpp"
#include "transfer/source_tree.hpp"

namespace execo::detail {

class source_reader {
 public:
  /// Fills `into` with what the file has from `offset` on. Pre: it has that much by its entry.
  copy_failure read(const source_entry& file, std::uint64_t offset, std::span<char> into);

 private:
  copy_failure open(const source_entry& file);

  const source_entry* opened_ = nullptr;  // the last one that was read
  unique_fd fd_;
};

}  // namespace execo::detail
