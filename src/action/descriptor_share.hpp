// The descriptors of this process, shared out between its actions: two that run side by side do not
// both count on all of them.
#pragma once

#include <cstddef>

namespace execo::detail {

/// What one action may use. Given back when destroyed.
/// Thread: any, one at a time.
class descriptor_share {
 public:
  descriptor_share() = default;
  descriptor_share(const descriptor_share&) = delete;
  descriptor_share& operator=(const descriptor_share&) = delete;
  ~descriptor_share() { release(); }

  /// Takes room for `wanted` hosts that use `each` descriptors, or for as many as there are,
  /// at least one: an action never waits for another one. `spare` descriptors are open now, and
  /// closed when they are needed. Gives the number of hosts. Pre: nothing is taken yet.
  std::size_t take(std::size_t wanted, std::size_t each, std::size_t spare);
  /// A host begins to use its descriptors, and ends that.
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
