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
  /// closed when needed. Returns the number of hosts. Pre: nothing is reserved yet.
  std::size_t take(std::size_t wanted, std::size_t each, std::size_t spare);
  /// A host starts to use its descriptors; it stops using them.
  void opened() noexcept;
  void closed() noexcept;
  void release() noexcept;
  /// RLIMIT_NOFILE, when take() looked.
  std::size_t limit() const noexcept { return limit_; }

 private:
  std::size_t taken_ = 0;   // descriptors
  std::size_t in_use_ = 0;  // of them
  std::size_t each_ = 0;
  std::size_t limit_ = 0;
};

}  // namespace execo::detail
