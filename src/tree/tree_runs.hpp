// What runs on the hosts of a tree, by the number of its run: each run is of one host and of the
// seat that has ordered it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "tree/tree_seat.hpp"
#include "wire/frame.hpp"

namespace execo::detail {

class tree_runs {
 public:
  /// One that is not in use.
  std::uint32_t new_number() noexcept;
  /// It was sent by that link. Pre: the seat has its host, and no run.
  void add(std::uint32_t run, tree_seat& seat, std::uint32_t link);
  /// No event comes to it any more. A run that it has goes on.
  void leave(tree_seat& seat) noexcept;
  /// A frame of a run has come by that link. False if it may not.
  bool take(std::uint32_t link, const frame& f);

 private:
  std::unordered_map<std::uint32_t, tree_seat*> seats_;
  std::uint32_t last_ = 0;
};

}  // namespace execo::detail
