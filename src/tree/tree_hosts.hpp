// The hosts of a tree by number: how far each of them is, and through whom it is reached.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "execo/detail/node.hpp"
#include "execo/host.hpp"
#include "execo/tree.hpp"
#include "process/failure.hpp"
#include "tree/tree_way.hpp"
#include "wire/frame.hpp"
#include "wire/host_messages.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

// unknown -> wanted, when a seat enters -> up, failed or direct; from up to unknown when the way
// is lost; from failed to wanted when another seat enters. direct: it can have no agent.
enum class tree_stage : std::uint8_t { unknown, wanted, up, failed, direct };
inline constexpr std::size_t tree_stage_count = 5;

// open -> root_only  agents cannot come to it, or one has tried and failed
enum class tree_reach : std::uint8_t { open, root_only };

class tree_hosts {
 public:
  static constexpr std::uint32_t no_link = 0xffff'ffff;

  class node {
   public:
    explicit node(const host& h) : where(h) {}
    host where;
    tree_stage at = tree_stage::unknown;  // set by set_stage() alone
    tree_reach by = tree_reach::open;
    std::uint8_t asked = 0;  // for signatures
    std::uint8_t depth = 0;
    std::uint16_t zone = 0;
    std::uint32_t parent = no_host;
    std::uint32_t through = no_host;        // whose agent passes on what its session says
    std::uint32_t carries = 0;              // children of the root whose sessions it passes on
    std::uint32_t link = no_link;           // the child of the root through which it is reached
    std::unique_ptr<const work_item> item;  // while it is wanted, once that was asked for
    list_node seats;                        // that wait for it
  };

  /// Pre: `way` outlives it.
  explicit tree_hosts(const tree_way& way) noexcept : way_(way) {}

  /// The number of a host. Throws: std::bad_alloc.
  std::uint32_t index_of(const host& where);
  std::size_t size() const noexcept { return nodes_.size(); }
  node& operator[](std::uint32_t index) noexcept { return nodes_[index]; }
  const node& operator[](std::uint32_t index) const noexcept { return nodes_[index]; }

  /// As whom, and where; found once, for as long as the host is wanted.
  const work_item& item_of(std::uint32_t index);

  void set_stage(node& its, tree_stage to) noexcept;
  void set_up(std::uint32_t index, std::uint32_t link, std::uint32_t parent,
              unsigned depth) noexcept;
  /// It was reached, and can have no agent.
  void set_direct(std::uint32_t index, const failure& why);
  bool is_direct(const host& where) const;
  /// Pre: it is direct.
  const failure& why_direct(std::uint32_t index) const { return without_agent_.at(index); }

  /// The root itself reaches it, since an agent could not. True: it is the first one.
  bool note_why_here(std::uint32_t index, std::string why) {
    why_here_.insert_or_assign(index, std::move(why));
    return why_here_.size() == 1;
  }
  /// Empty: no agent has tried it.
  std::string why_here(std::uint32_t index) const;

  bool are_all(tree_stage at, const index_ranges& hosts) const;
  bool are_behind(std::uint32_t link, const index_ranges& hosts) const;
  std::size_t count(tree_stage at) const noexcept {
    return in_stage_[static_cast<std::size_t>(at)];
  }
  /// All but the children of the root.
  tree_status status() const noexcept;

 private:
  const tree_way& way_;
  std::deque<node> nodes_;                                    // by index
  std::unordered_map<std::string, std::uint32_t> indices_;    // by user, name and port
  std::unordered_map<std::uint32_t, failure> without_agent_;  // why a host has none
  std::unordered_map<std::uint32_t, std::string> why_here_;
  std::array<std::size_t, tree_stage_count> in_stage_{};  // hosts, by stage
  std::array<std::size_t, 256> on_level_{};               // hosts that are up, by depth
};

}  // namespace execo::detail
