// What the root of a tree gives an agent at its start: a welcome, how it comes to further hosts,
// and the program for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "execo/tree.hpp"
#include "tree/agent_image.hpp"
#include "tree/tree_child.hpp"
#include "wire/host_messages.hpp"
#include "wire/link_messages.hpp"

namespace execo::detail {

bytes16 random_bytes16();

class tree_outfit {
 public:
  explicit tree_outfit(const tree_settings& how) : how_(how), secret_(random_bytes16()) {}

  /// For a child of the root.
  welcome_message welcome(std::uint32_t index, const std::string& name) const;
  std::size_t stream_window() const noexcept { return stream_window_; }
  bool lets_agents_deploy() const noexcept { return how_.depth != 1; }
  /// It can start further hosts from now on. `hosts`: there are some.
  bool equip(tree_child& child, connector_message connector, bool hosts);

 private:
  bool send_program(tree_child& child);

  tree_settings how_;
  bytes16 secret_;
  const std::size_t stream_window_ = welcome_message().stream_window;
  const agent_image* program_ = nullptr;  // that plain_ is
  std::string plain_;
};

}  // namespace execo::detail
