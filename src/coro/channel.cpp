#include "execo/detail/channel_core.hpp"

#include "loop/loop.hpp"

namespace execo::detail {
namespace {

constexpr unsigned steps_at_once = 128;
thread_local unsigned steps = 0;

}  // namespace

bool may_go_on_at_once() noexcept { return ++steps % steps_at_once != 0; }

void channel_waiter::finish(channel_waiter* first) noexcept {
  while (first != nullptr) {
    channel_waiter& served = *first;
    // Once it is notified, it may be gone.
    first = served.next_served;
    if (is_current(served.work())) {
      served.complete();
      continue;
    }
    served.step_.run = delegate<>::to<&channel_waiter::complete>(&served);
    served.work().post(served.step_);
  }
}

}  // namespace execo::detail
