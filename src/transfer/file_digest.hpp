// The SHA-256 of the first bytes of a file here, computed on a helper thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "execo/detail/delegate.hpp"
#include "loop/loop.hpp"
#include "transfer/copy_failure.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {

class file_digest {
 public:
  file_digest() = default;
  file_digest(const file_digest&) = delete;
  file_digest& operator=(const file_digest&) = delete;
  /// Nobody needs it any more.
  ~file_digest() { give_up(); }

  /// `done` is called from the loop; take() is good from there on.
  /// Throws: std::system_error without a thread, std::bad_alloc.
  void begin(loop& on, unique_fd file, std::uint64_t bytes, delegate<> done);
  void give_up() noexcept;
  /// The sum, to which more can be added; none: the file could not be read so far.
  std::optional<sha256> take() noexcept { return std::move(sum_); }

 private:
  class job;
  class link;

  std::shared_ptr<link> link_;
  std::optional<sha256> sum_;
};

}  // namespace execo::detail
