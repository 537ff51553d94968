/// tree_network: a tree that stays, for one action after the other.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "execo/connection.hpp"
#include "execo/context.hpp"
#include "execo/detail/host_arguments.hpp"
#include "execo/detail/tree_ops.hpp"
#include "execo/tree.hpp"
#include "execo/tree_answers.hpp"
#include "execo/tree_host.hpp"

namespace execo {

class tree_network;

namespace detail {
tree_net_ref make_tree_net(std::vector<host> hosts, const tree& shape,
                           std::optional<ssh_options> options);
void drop_tree_net(const tree_net_ref& net) noexcept;
/// Throws: std::logic_error if it was moved from.
const tree_net_ref& state_of(const tree_network& net);
}  // namespace detail

/// Hosts with an agent on each, which stay up between actions:
///
///     tree_network net("node[1-400]", tree().arity(16));
///     co_await net.deploy();
///     action_result all = co_await remote("uname -r", "node[1-40]").via(net);
///
/// It begins when it is first used, and lives on one loop, until what lives there is ended: with
/// the context, or with the sync_wait on it. A host that was lost is reached again,
/// by itself: after a second, then after pauses up to a minute. An idle tree costs a heartbeat.
///
/// The handle owns it: with the handle it ends, as by close().
class [[nodiscard]] tree_network {
 public:
  /// Without options it has those of its context, as an action has. An agent reaches a host as they
  /// say.
  /// Throws: std::invalid_argument for text that is no set of hosts.
  explicit tree_network(detail::host_arguments hosts, const tree& shape = tree())
      : net_(detail::make_tree_net(std::move(hosts).take(), shape, std::nullopt)) {}
  /// Throws: also for options that a tree cannot have.
  tree_network(detail::host_arguments hosts, const tree& shape, ssh_options options)
      : net_(detail::make_tree_net(std::move(hosts).take(), shape, std::move(options))) {}
  tree_network(tree_network&&) noexcept = default;
  tree_network& operator=(tree_network&& other) noexcept {
    std::swap(net_, other.net_);
    return *this;
  }
  ~tree_network() {
    if (net_) detail::drop_tree_net(net_);
  }

  // -- before it begins; then these throw std::logic_error --------------------------------------
  /// Where it lives. Default: where it is first used: the awaiting coroutine's or the action's
  /// loop.
  tree_network& on(executor where) &;
  tree_network&& on(executor where) && { return std::move(on(where)); }
  /// Called for a host that was up and is not any more, with the reason.
  /// Pre: `call` does not throw; else the program ends. Thread: the loop of the tree.
  tree_network& on_lost(std::function<void(const tree_host&)> call) &;
  tree_network&& on_lost(std::function<void(const tree_host&)> call) && {
    return std::move(on_lost(std::move(call)));
  }
  /// Called for one that was lost and is up again. Pre and thread: as above.
  tree_network& on_healed(std::function<void(const tree_host&)> call) &;
  tree_network&& on_healed(std::function<void(const tree_host&)> call) && {
    return std::move(on_healed(std::move(call)));
  }

  /// Waits until each of its hosts is up or has failed; those that have failed before are tried
  /// again. Gives them in order. Without it hosts come up when an action wants them.
  /// Stop: hosts come up all the same; throws operation_cancelled.
  /// Resumes: on the awaiting coroutine's loop, else on that of the tree.
  /// Throws: never for hosts. std::invalid_argument for options that a tree cannot have,
  /// std::logic_error if it was closed before.
  detail::tree_deploy_op deploy() const { return detail::tree_deploy_op(detail::state_of(*this)); }
  /// The same for these, which are its hosts from now on.
  detail::tree_deploy_op add(detail::host_arguments hosts) const {
    return detail::tree_deploy_op(detail::state_of(*this), std::move(hosts).take());
  }
  /// Asks the agents of all hosts that are up whether they are there: one small frame down each
  /// link, and one back, for an agent and all behind it. Who has not answered in that time counts
  /// as silent; others are not held up by it. One at a time: the next begins when this has ended.
  /// Stop: gives up waiting for answers, and throws operation_cancelled.
  /// Resumes: as above.
  /// Throws: never for hosts. std::invalid_argument for a time that is not above 0,
  /// std::logic_error if it was closed before, or is closed meanwhile.
  detail::tree_ping_op ping(duration within = std::chrono::seconds(10)) const {
    return detail::tree_ping_op(detail::state_of(*this), within);
  }
  /// Ends what still runs on its hosts, and all agents, waits for their end, and gives what the
  /// tree was like and what it has cost. A command that has not ended is `connection_lost`.
  /// Stop: it ends all the same; throws operation_cancelled.
  /// Resumes: as above.
  detail::tree_close_op close() const { return detail::tree_close_op(detail::state_of(*this)); }

  /// How many hosts are up, and how deep it is, now.
  /// Thread: any.
  tree_status status() const;

 private:
  friend const detail::tree_net_ref& detail::state_of(const tree_network& net);
  detail::tree_net_ref net_;
};

}  // namespace execo
