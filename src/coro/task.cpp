#include "execo/task.hpp"

#include <array>
#include <new>
#include <stdexcept>

#include "execo/detail/group.hpp"
#include "loop/loop.hpp"

namespace execo::detail {
namespace {

// Free lists by size class of 32 bytes, up to 1 KiB. A thread keeps what a few thousand children
// that run at once leave behind.
constexpr std::size_t class_bytes = 32;
constexpr std::size_t class_count = 32;
constexpr std::size_t keep_bytes = 512 * 1024;

struct free_frame_node {
  free_frame_node* next;
};

struct frame_lists {
  std::array<free_frame_node*, class_count> head{};
  std::size_t kept = 0;  // bytes
  bool owned = false;    // by the owner below
};

// Without a destructor of its own, so that an access does not ask whether it is there yet.
constinit thread_local frame_lists frames;

/// Frees the lists of its thread at the end of it.
struct frame_owner {
  frame_owner() noexcept { frames.owned = true; }
  frame_owner(const frame_owner&) = delete;
  frame_owner& operator=(const frame_owner&) = delete;
  ~frame_owner() {
    for (free_frame_node*& node : frames.head)
      while (node != nullptr) ::operator delete(std::exchange(node, node->next));
    // What other destructors of the thread still free goes straight back.
    frames.kept = keep_bytes;
  }
};

void own_lists() noexcept { static thread_local frame_owner owner; }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EXECO_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXECO_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef EXECO_ADDRESS_SANITIZER
#define EXECO_ADDRESS_SANITIZER 0
#endif

// A recycled frame would hide a use after free from AddressSanitizer.
constexpr bool recycles = EXECO_ADDRESS_SANITIZER == 0;

}  // namespace

void* allocate_frame(std::size_t size) {
  std::size_t k = (size - 1) / class_bytes;
  if (!recycles || k >= class_count) return ::operator new(size);
  if (free_frame_node* node = frames.head[k]) {
    frames.head[k] = node->next;
    frames.kept -= (k + 1) * class_bytes;
    return node;
  }
  return ::operator new((k + 1) * class_bytes);
}

void free_frame(void* frame, std::size_t size) noexcept {
  std::size_t k = (size - 1) / class_bytes;
  if (!recycles || k >= class_count || frames.kept >= keep_bytes) {
    ::operator delete(frame);
    return;
  }
  if (!frames.owned) own_lists();
  frames.head[k] = new (frame) free_frame_node{frames.head[k]};
  frames.kept += (k + 1) * class_bytes;
}

void refuse_second_await() {
  throw std::logic_error(
      "a task that was awaited before, or moved from: call the "
      "coroutine again for another one");
}

std::coroutine_handle<> task_promise_base::next() noexcept {
  const bool on_own_loop = loop::current() == affinity_;
  const bool at_once = on_own_loop && !loop::stack_is_deep();
  if (parent_kind_ == parent_kind::group) {
    if (at_once) return leave_group();
    resume_later(delegate<>::to<&task_promise_base::resume_group>(this));
    return std::noop_coroutine();
  }
  if (parent_kind_ == parent_kind::adapter && on_own_loop && stop_ != nullptr)
    stop_->set_cancelled(stop_->requested() && is_cancelled(error_));
  auto awaiting = std::coroutine_handle<>::from_address(parent_);
  if (at_once) return awaiting;
  resume_later(delegate<>::resuming(awaiting));
  return std::noop_coroutine();
}

// The group frees this frame.
std::coroutine_handle<> task_promise_base::leave_group() noexcept {
  return static_cast<child_group*>(parent_)->child_done(index_, error_ != nullptr);
}

void task_promise_base::resume_group() noexcept { leave_group().resume(); }

void task_promise_base::resume_later(delegate<> how) noexcept {
  run = how;
  if (loop::current() == affinity_) {
    affinity_->defer(*this);
  } else {
    affinity_->post(*this);
  }
}

std::coroutine_handle<> task_starter::start(std::coroutine_handle<> awaiting, env where,
                                            std::coroutine_handle<> child,
                                            task_promise_base& promise) {
  if (where.affinity == nullptr) where.affinity = &loop_or_default(nullptr);
  // Nothing of the task listens before it runs on its loop: another library's token may be heard
  // from here on.
  const bool foreign = where.adapter != nullptr;
  if (foreign) {
    where.prepare_adapter(awaiting);
    where.adapter->join(awaiting, where);
  }
  using parent_kind = task_promise_base::parent_kind;
  promise.parent_kind_ = foreign ? parent_kind::adapter : parent_kind::awaiter;
  promise.affinity_ = where.affinity;
  promise.stop_ = where.stop;
  promise.parent_ = awaiting.address();
  if (loop::current() == where.affinity && !loop::stack_is_deep()) return child;
  promise.resume_later(delegate<>::resuming(child));
  return std::noop_coroutine();
}

// The body is empty: to resume it is to arrive.
affine_continuation affine_continuation::to(env, std::coroutine_handle<>) { co_return; }

std::coroutine_handle<> affine_continuation::promise_type::arrive() noexcept {
  if (is_current(*where_.affinity)) return to_;
  step_.run = delegate<>::resuming(to_);
  // The last touch: on its own loop the awaiting coroutine may free this frame before post()
  // returns.
  where_.affinity->post(step_);
  return std::noop_coroutine();
}

}  // namespace execo::detail
