// How a copy comes to its hosts: directly, by a tree of its own, or by one that stands.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "action/execution_factory.hpp"
#include "action/tree_net.hpp"
#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "execo/tree.hpp"
#include "execo/way_choice.hpp"

namespace execo::detail {

class copy_way {
 public:
  copy_way();

  // -- before the start; the last one of set_tree() and set_net() counts ------------------------
  void set_ssh(ssh_options options);
  void set_tree(const tree& shape);
  void set_net(intrusive_ptr<tree_net> net);
  /// Takes a tree if ssh_client::automatic does, and says why; empty: it takes none.
  std::string take_tree_if_faster(const std::vector<host>& hosts, const way_wishes& wishes);
  /// Each of so many hosts is sent so many bytes: a tree that may have any shape, and does not
  /// stand yet, gets the one for that. Pre: the factory was prepared with `what`, and has not
  /// begun.
  void fit_shape(const command& what, std::uint64_t hosts, std::uint64_t bytes);

  command_factory& factory() const noexcept { return *factory_; }
  bool is_by_others() const noexcept { return shape_ || net_; }
  /// Whether agents of a tree may write the files: they do so as the user that logs in.
  bool has_writing_agents() const noexcept { return is_by_others() && options().become.empty(); }
  /// It ends at an ssh server, without a tree and `become`.
  bool may_speak_sftp() const noexcept {
    return !is_by_others() && options_.connector.empty() && options_.become.empty();
  }

 private:
  const ssh_options& options() const noexcept { return net_ ? net_->options() : options_; }
  void choose();

  ssh_options options_;
  std::optional<tree> shape_;
  intrusive_ptr<tree_net> net_;
  std::shared_ptr<command_factory> factory_;
};

}  // namespace execo::detail
