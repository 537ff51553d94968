/// tree_messages: what the commands of an action by way of a tree say to each other and to this
/// process.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "execo/detail/talk_ops.hpp"
#include "execo/remote.hpp"
#include "execo/tree_message.hpp"

namespace execo {

/// Messages, barriers and reductions of the commands of an action by way of a tree:
///
///     remote work = std::move(remote("sh worker.sh", hosts).via(tree()));
///     tree_messages talk(work);
///     work.start();
///     co_await talk.broadcast("begin");
///     while (std::optional<tree_message> m = co_await talk.next_message()) use(*m);
///
/// Each command finds in its environment its EXECO_RANK, from 1, the EXECO_COUNT of all, and the
/// socket that execo_msg.h and the program execo-msg speak to. This process has rank 0. A message
/// has at most 32,768 bytes; messages of one sender come in their order. Hosts that have no agent
/// take no part.
///
/// It keeps the action running as a handle of it does.
class [[nodiscard]] tree_messages {
 public:
  /// Pre: via() was called; throws std::invalid_argument otherwise, and for a host that is twice
  /// in the action. Throws: std::logic_error if the action was started.
  explicit tree_messages(remote& commands);

  // -- before the action is started -------------------------------------------------------------
  /// Called for each barrier and reduction, when all commands that are there have come to it.
  /// Pre: `call` does not throw; else the program ends. Thread: the action's loop.
  tree_messages& on_reduced(std::function<void(const tree_reduction&)> call) &;
  /// What makes one text of those that the commands give to a fold, in the order of their ranks.
  /// If it throws, or gives more than 32,768 bytes, the fold fails in each command, with a reason.
  /// Thread: the action's loop.
  tree_messages& fold_with(std::function<std::string(const std::vector<tree_message>&)> fold) &;

  /// To one command, or to several. Waits until each has started and has room for it, or has ended;
  /// then it is on its way. Gives the number of those that get it.
  /// Stop: it may be sent; throws operation_cancelled.
  /// Resumes: on the awaiting coroutine's loop, else on the action's.
  /// Throws: std::invalid_argument for a rank that there is not, and above 32,768 bytes;
  /// std::logic_error if the tree is on another loop than the action.
  detail::talk_send_op send(std::size_t rank, std::string bytes) const;
  detail::talk_send_op send(std::vector<std::size_t> ranks, std::string bytes) const;
  /// To all commands.
  detail::talk_send_op broadcast(std::string bytes) const;

  /// The next message to rank 0; nothing once the action has ended and all were given. Whoever
  /// sends waits when 64 KiB are not taken.
  /// Stop: no message is lost; throws operation_cancelled.
  /// Resumes: as above.
  detail::talk_receive_op next_message() const { return detail::talk_receive_op(action_, talk_); }

 private:
  detail::action_ref action_;
  detail::talk_ref talk_;
};

}  // namespace execo
