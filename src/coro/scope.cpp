#include "execo/scope.hpp"

#include <stdexcept>

#include "base/end_program.hpp"
#include "loop/loop.hpp"

namespace execo {

scope::~scope() {
  if (running_ != 0)
    detail::end_program(
        "a scope was destroyed before its operations ended: co_await scope.join() on every path, "
        "or use with_scope()");
}

// Frames of operations that have ended are freed when half of them have: a scope that spawns for
// ever holds what runs, and as much again.
void scope::prepare_to_spawn() {
  detail::loop* here = detail::loop::current();
  if (here == nullptr || (is_bound() && here != &affinity()))
    throw std::logic_error("spawn from a coroutine on the context of the scope");
  bind_to(*here);
  if (ended_ > 16 && ended_ * 2 > children_.size()) {
    std::size_t kept = 0;
    for (auto& c : children_) {
      if (c->handle().done()) continue;
      children_[kept++] = std::move(c);
    }
    children_.resize(kept);
    ended_ = 0;
  }
}

void scope::on_begin() noexcept {}

void scope::on_child_done(detail::child_index, bool failed) noexcept {
  --running_;
  ++ended_;
  if (!failed || first_error_) return;
  for (auto& c : children_) {
    if (!c->promise().error) continue;
    first_error_ = c->promise().error;
    break;
  }
  stop().request();
}

void scope::join_op::await_resume() {
  scope_.children_.clear();
  scope_.ended_ = 0;
  if (scope_.first_error_) std::rethrow_exception(std::exchange(scope_.first_error_, nullptr));
}

}  // namespace execo
