/// choose_way: whether hosts are reached by way of each other where ssh_client::automatic leaves it
/// open.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "execo/tree.hpp"

namespace execo {

/// What an action asks for besides its hosts and its options.
class way_wishes {
 public:
  way_wishes() = default;
  tree shape;                     ///< of the tree, if one is taken
  std::size_t fanout = 0;         ///< hosts at a time that were asked for; 0: none were
  std::size_t usual_fanout = 64;  ///< hosts at a time if none were, and no tree is taken
  bool in_batches = false;        ///< it is in a rollout
  bool by_sftp = false;           ///< it is a copy that is to be by SFTP
};

class way_choice {
 public:
  way_choice() = default;
  bool is_tree = false;
  std::string why;  ///< for people, as it stands after "since": "600 hosts take 1.4 s by it, ..."
};

/// What actions on those hosts do that have ssh_client::automatic: put(), get(), and remote()
/// without via(). They take a tree for more than 512 hosts, if a model of the costs of connecting
/// says that it is faster, and nothing that was asked for is refused by a tree or makes this
/// process reach all hosts itself. For the latter it may read the files of ssh_config(5), for the
/// first host. Throws: std::invalid_argument for a connector that cannot be read. Thread: one that
/// may read the environment.
way_choice choose_way(std::span<const host> hosts, const ssh_options& options,
                      const way_wishes& wishes = {});

}  // namespace execo
