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

void scope::prepare_to_spawn() {
  detail::loop* here = detail::loop::current();
  if (here == nullptr || (is_bound() && here != &affinity()))
    throw std::logic_error("spawn from a coroutine on the context of the scope");
  bind_to(*here);
  if (first_free_ < slots_.size()) return;
  slots_.emplace_back();
  slots_.back().next_free = slots_.size();
}

void scope::start(std::coroutine_handle<> handle, detail::task_promise_base& promise) noexcept {
  const std::size_t index = first_free_;
  slot& chosen = slots_[index];
  chosen.handle = handle;
  chosen.promise = &promise;
  first_free_ = chosen.next_free;
  ++running_;
  start_child(handle, promise, static_cast<detail::child_index>(index));
}

void scope::on_begin() noexcept {}

void scope::on_child_done(detail::child_index index, bool failed) noexcept {
  slot& ended = slots_[index];
  --running_;
  const bool is_first = failed && !first_error_;
  if (is_first) first_error_ = std::move(ended.promise->error());
  ended.handle.destroy();
  ended.next_free = first_free_;
  first_free_ = index;
  if (is_first) stop().request();
}

void scope::join_op::await_resume() {
  if (scope_.first_error_) std::rethrow_exception(std::exchange(scope_.first_error_, nullptr));
}

}  // namespace execo
