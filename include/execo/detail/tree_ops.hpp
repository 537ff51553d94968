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

/// Of hosts that are to be up, or failed: all of the tree, or those that are added.
class [[nodiscard]] tree_deploy_op final : public operation, private list_node {
 public:
  explicit tree_deploy_op(tree_net_ref net) noexcept : net_(std::move(net)) {}
  tree_deploy_op(tree_net_ref net, std::vector<host> added) noexcept
      : net_(std::move(net)), added_(std::move(added)), adds_(true) {}
  tree_deploy_op(tree_deploy_op&& other) noexcept;

  /// Throws: operation_cancelled if the wait was abandoned; why there is no tree.
  std::vector<tree_host> await_resume();

 private:
  friend class tree_net;
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }
  const char* what() const noexcept override { return "hosts of a tree that are to be up"; }
  void end(std::exception_ptr error) noexcept;

  tree_net_ref net_;
  std::vector<host> added_;
  std::vector<std::uint32_t> hosts_;  // that it waits for
  std::size_t settled_ = 0;           // of them, from the front: each has been up, or has failed
  std::vector<tree_host> found_;
  std::exception_ptr error_;
  bool adds_ = false;
  bool abandoned_ = false;
};

class [[nodiscard]] tree_ping_op final : public operation, private list_node {
 public:
  /// Throws: std::invalid_argument for a time that is not above 0.
  tree_ping_op(tree_net_ref net, duration within);
  tree_ping_op(tree_ping_op&& other) noexcept
      : operation(std::move(other)),
        list_node(),
        net_(std::move(other.net_)),
        within_(other.within_) {}

  /// Throws: operation_cancelled if the wait was abandoned; why there is no tree.
  tree_answers await_resume();

 private:
  friend class tree_net;
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }
  const char* what() const noexcept override { return "answers of the agents of a tree"; }
  void end(std::exception_ptr error) noexcept;

  tree_net_ref net_;
  duration within_;
  tree_answers found_;
  std::exception_ptr error_;
  bool abandoned_ = false;
};

class [[nodiscard]] tree_close_op final : public operation, private list_node {
 public:
  explicit tree_close_op(tree_net_ref net) noexcept : net_(std::move(net)) {}
  tree_close_op(tree_close_op&& other) noexcept
      : operation(std::move(other)), list_node(), net_(std::move(other.net_)) {}

  /// Throws: operation_cancelled if the wait was abandoned.
  tree_stats await_resume() {
    if (abandoned_) throw operation_cancelled();
    return std::move(found_);
  }

 private:
  friend class tree_net;
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }
  const char* what() const noexcept override { return "a tree that is to be over"; }
  void end() noexcept;

  tree_net_ref net_;
  tree_stats found_;
  bool abandoned_ = false;
};

}  // namespace execo::detail
