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
  static_cast<list_node&>(waiter).link_before(pinging_);
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
    : net_(std::move(net)), within_(within) {
  if (within <= duration::zero()) throw std::invalid_argument("ping: a time above 0 is needed");
}

loop& tree_ping_op::bind(loop* affinity) { return net_->place(affinity); }

void tree_ping_op::on_start(bool stopped) noexcept {
  abandoned_ = stopped;
  if (stopped) return complete();
  // It may be over, and gone, when this returns.
  std::exception_ptr problem;
  try {
    return net_->ping(*this);
  } catch (...) {
    problem = std::current_exception();
  }
  end(std::move(problem));
}

void tree_ping_op::on_stop() noexcept {
  if (!list_node::linked()) return stop_missed();
  abandoned_ = true;
  net_->leave(*this);
}

void tree_ping_op::end(std::exception_ptr error) noexcept {
  error_ = std::move(error);
  list_node::unlink();
  complete();
}

tree_answers tree_ping_op::await_resume() {
  if (abandoned_) throw operation_cancelled();
  if (error_) std::rethrow_exception(error_);
  return std::move(found_);
}

}  // namespace execo::detail
