// How commands of actions come to hosts by way of each other.
#pragma once

#include <memory>
#include <utility>

#include "action/execution_factory.hpp"
#include "execo/connection.hpp"
#include "execo/tree.hpp"
#include "tree/talk_group.hpp"

namespace execo::detail {

class tree_root;

/// Of the factory of one action: what the action's commands say to each other.
class talking_factory {
 public:
  virtual ~talking_factory() = default;
  /// Null: they have no messages.
  void set_talk(intrusive_ptr<talk_group> talk) noexcept { talk_ = std::move(talk); }
  const intrusive_ptr<talk_group>& talk() const noexcept { return talk_; }

 protected:
  /// The action has ended.
  void end_talk() noexcept {
    if (talk_) talk_->close();
  }

 private:
  intrusive_ptr<talk_group> talk_;
};

/// Commands of one action that go by way of other hosts.
class talking_command_factory : public command_factory, public talking_factory {};

/// It has a tree of its own from begin() to end(), on the loop that it began on.
class tree_factory : public talking_command_factory {
 public:
  /// In place of begin(), for login_to() alone: it has no tree. Nothing follows but the
  /// destruction.
  virtual void begin_without_tree(loop& on) = 0;
  /// As make_transport(), for a command of an action with messages. Called on the ring.
  virtual std::unique_ptr<transport> make_talking_transport(
      loop& on, attempt& what, const intrusive_ptr<talk_group>& talk) = 0;
  /// Null: it has not begun, or was ended.
  virtual tree_root* root() const noexcept = 0;
};

/// Throws: std::invalid_argument for options that a tree cannot have.
std::shared_ptr<tree_factory> make_tree_factory(ssh_options options, const tree& shape);

/// Whether agents reach hosts themselves that they are given by these options.
/// Throws: std::invalid_argument for a connector that cannot be read.
bool hosts_connect_on(const ssh_options& options, bool site_trust);

/// Its place among the loops of its context.
std::size_t ring_of_loop(const loop& on) noexcept;

}  // namespace execo::detail
