// Ways to hosts that lead through an agent of a tree: it connects to them and passes bytes on. The
// sessions are those of the root with the hosts, end to end: the agent sees what a router sees.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/failure.hpp"
#include "ssh/route.hpp"

namespace execo::detail {

class tree_root;

class tunnel_source final : public route_source {
 public:
  tunnel_source(loop& on, tree_root& root, const host& gateway)
      : loop_(on), root_(&root), gateway_(gateway), name_("through " + gateway.name()) {}

  const std::string& name() const noexcept override { return name_; }
  std::unique_ptr<route> make(ssh_environment& shared, const route_target& to, delegate<> wake,
                              delegate<> over) override;

  loop& home() const noexcept { return loop_; }
  /// Null: the tree is over.
  tree_root* root() const noexcept { return root_; }
  void end() noexcept { root_ = nullptr; }
  const host& gateway() const noexcept { return gateway_; }
  /// Why the gateway cannot be used; nothing: it may be.
  const std::optional<failure>& problem() const noexcept { return problem_; }
  void set_problem(std::optional<failure> why) { problem_ = std::move(why); }

 private:
  loop& loop_;
  tree_root* root_;
  const host gateway_;
  const std::string name_;
  std::optional<failure> problem_;
};

}  // namespace execo::detail
