// The part of start() that is the same for all operations: who may call the callback, and until
// when.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

#include "execo/detail/detached_operation.hpp"

namespace execo::detail {

/// Throws: std::logic_error if the calling thread is inside a context.
void refuse_in_a_context(const char* what);

class started_operation : public detached_operation {
 public:
  /// When it returns, the callback is not running, unless this is called from inside it, and will
  /// not be called. The operation is asked to stop unless it has ended.
  void abandon() noexcept;
  void wait_for_end();
  bool over() const noexcept { return gate_.load(std::memory_order_acquire) == gate::closed; }

 protected:
  explicit started_operation(loop& affinity) : detached_operation(affinity) {}
  virtual void deliver() = 0;  // throws what the callback throws
  virtual void drop_callback() noexcept = 0;
  virtual void drop_body() noexcept = 0;

 private:
  enum class gate : std::uint32_t { open, calling, dropped, closed };
  void on_end() noexcept final;
  std::atomic<gate> gate_{gate::open};
};

using started_ref = state_ref<started_operation>;

}  // namespace execo::detail
