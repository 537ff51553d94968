// Whether the agents of a tree that stands are there: who waits for their answers, one after the
// other.
#include <stdexcept>
#include <utility>

#include "action/tree_net.hpp"
#include "base/contain.hpp"
#include "execo/printable.hpp"
#include "tree/tree_root.hpp"

namespace execo::detail {

void tree_net::ping(tree_ping_op& waiter) {
  if (open() == nullptr) throw std::logic_error(was_closed);
  waiter.link_before(pinging_);
  ask_agents();
}

void tree_net::leave(tree_ping_op& waiter) noexcept {
  const bool was_first = pinging_.next() == &static_cast<list_node&>(waiter);
  waiter.end({});
  if (!was_first || state_ != state::open) return;
  factory_->root()->wave().stop();
  ask_agents();
}

// Starts the wave of the first waiter, unless one is in flight.
void tree_net::ask_agents() noexcept {
  tree_wave& wave = factory_->root()->wave();
  while (pinging_.linked() && wave.is_idle()) {
    auto& waiter = static_cast<tree_ping_op&>(*pinging_.next());
    contain([&] { wave.begin(waiter.within_, delegate<>::to<&tree_net::agents_answered>(this)); },
            [&](std::exception_ptr error) { waiter.end(std::move(error)); });
  }
}

void tree_net::agents_answered() {
  auto& waiter = static_cast<tree_ping_op&>(*pinging_.next());
  std::exception_ptr problem;
  contain([&] { waiter.found_ = answers(); },
          [&](std::exception_ptr error) { problem = std::move(error); });
  waiter.end(std::move(problem));
  if (state_ == state::open) ask_agents();
}

tree_answers tree_net::answers() const {
  const tree_root& root = *factory_->root();
  tree_answers made;
  made.answered = root.wave().answered();
  made.took = root.wave().took();
  for (std::uint32_t index : root.wave().silent()) {
    tree_host& one = made.silent.emplace_back(shown(index));
    if (!one.up) continue;
    one.error_context = printable(one.host.name()) + ": its agent has not answered";
    if (!one.parent.empty())
      one.error_context += "; it was reached through " + printable(one.parent);
  }
  return made;
}

// -- the awaiter ----------------------------------------------------------------------------------

tree_ping_op::tree_ping_op(tree_net_ref net, duration within)
    : tree_op(std::move(net)), within_(within) {
  if (within <= duration::zero()) throw std::invalid_argument("ping: a time above 0 is needed");
}

void tree_ping_op::enter() { net_->ping(*this); }
void tree_ping_op::leave() noexcept { net_->leave(*this); }

}  // namespace execo::detail
