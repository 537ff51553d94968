// The awaiters of a tree that stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include "execo/detail/node.hpp"
#include "execo/detail/operation.hpp"
#include "execo/detail/state_ref.hpp"
#include "execo/time.hpp"
#include "execo/tree_answers.hpp"
#include "execo/tree_host.hpp"
#include "execo/tree_stats.hpp"

namespace execo::detail {

class tree_net;
void retain(tree_net& net) noexcept;
void release(tree_net& net) noexcept;
using tree_net_ref = state_ref<tree_net>;

/// A wait for something of a tree that stands, which goes on when a stop ends the wait.
class tree_op : public operation, public list_node {
 protected:
  explicit tree_op(tree_net_ref net) noexcept : net_(std::move(net)) {}
  tree_op(tree_op&& other) noexcept
      : operation(std::move(other)), list_node(), net_(std::move(other.net_)) {}
  /// Throws: operation_cancelled if the wait was abandoned; what end() was given.
  void check() const;
  void on_start(bool stopped) noexcept override;

  tree_net_ref net_;

 private:
  friend class tree_net;
  /// Leads to end(), perhaps from inside this call. Throws: why there is nothing to wait for.
  virtual void enter() = 0;
  /// A stop ends it: leads to end().
  virtual void leave() noexcept { end({}); }
  loop& bind(loop* affinity) override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }
  void end(std::exception_ptr error) noexcept;

  std::exception_ptr error_;
  bool abandoned_ = false;
};

/// Of hosts that are to be up, or failed: all of the tree, or those that are added.
class [[nodiscard]] tree_deploy_op final : public tree_op {
 public:
  explicit tree_deploy_op(tree_net_ref net) noexcept : tree_op(std::move(net)) {}
  tree_deploy_op(tree_net_ref net, std::vector<host> added) noexcept
      : tree_op(std::move(net)), added_(std::move(added)), adds_(true) {}
  tree_deploy_op(tree_deploy_op&& other) noexcept
      : tree_op(std::move(other)), added_(std::move(other.added_)), adds_(other.adds_) {}

  /// Throws: operation_cancelled if the wait was abandoned; why there is no tree.
  std::vector<tree_host> await_resume() {
    check();
    return std::move(found_);
  }

 private:
  friend class tree_net;
  void enter() override;
  const char* what() const noexcept override { return "hosts of a tree that are to be up"; }

  std::vector<host> added_;
  std::vector<std::uint32_t> hosts_;  // that it waits for
  std::size_t settled_ = 0;           // of them, from the front: each has been up, or has failed
  std::vector<tree_host> found_;
  bool adds_ = false;
};

class [[nodiscard]] tree_ping_op final : public tree_op {
 public:
  /// Throws: std::invalid_argument for a time that is not above 0.
  tree_ping_op(tree_net_ref net, duration within);
  tree_ping_op(tree_ping_op&& other) noexcept : tree_op(std::move(other)), within_(other.within_) {}

  /// Throws: operation_cancelled if the wait was abandoned; why there is no tree.
  tree_answers await_resume() {
    check();
    return std::move(found_);
  }

 private:
  friend class tree_net;
  void enter() override;
  void leave() noexcept override;
  const char* what() const noexcept override { return "answers of the agents of a tree"; }

  duration within_;
  tree_answers found_;
};

class [[nodiscard]] tree_close_op final : public tree_op {
 public:
  explicit tree_close_op(tree_net_ref net) noexcept : tree_op(std::move(net)) {}
  tree_close_op(tree_close_op&& other) noexcept : tree_op(std::move(other)) {}

  /// Throws: operation_cancelled if the wait was abandoned.
  tree_stats await_resume() {
    check();
    return std::move(found_);
  }

 private:
  friend class tree_net;
  void on_start(bool stopped) noexcept override;
  void enter() override;
  const char* what() const noexcept override { return "a tree that is to be over"; }

  tree_stats found_;
};

}  // namespace execo::detail
