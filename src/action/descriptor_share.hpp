// Divides the descriptors of this process between its actions, so that two concurrent actions do
// not both count on all of them.
#pragma once

#include <cstddef>

namespace execo::detail {

/// The share of one action. Released when destroyed.
/// Thread: any, one at a time.
class descriptor_share {
 public:
  descriptor_share() = default;
  descriptor_share(const descriptor_share&) = delete;
  descriptor_share& operator=(const descriptor_share&) = delete;
  ~descriptor_share() { release(); }

  /// Reserves descriptors for `wanted` hosts that use `each`, or for as many hosts as possible, at
  /// least one: an action never waits for another one. `spare` descriptors are open now, but are
  /// closed when needed. Returns the number of hosts. Called again, for more hosts or for fewer, it
  /// keeps at least what is in use, until that is closed. Pre: then `each` is the same.
  std::size_t take(std::size_t wanted, std::size_t each, std::size_t spare);
  /// A host starts to use its descriptors; it stops using them.
  void opened() noexcept;
  void closed() noexcept;
  void release() noexcept;
  /// RLIMIT_NOFILE, when take() looked.
  std::size_t limit() const noexcept { return limit_; }

 private:
  /// Gives back what is reserved beyond that many descriptors and beyond those in use.
  void keep(std::size_t descriptors) noexcept;

  std::size_t taken_ = 0;   // descriptors
  std::size_t in_use_ = 0;  // of them
  std::size_t wanted_ = 0;  // fewer than are taken while more are in use
  std::size_t each_ = 0;
  std::size_t limit_ = 0;
};

}  // namespace execo::detail
