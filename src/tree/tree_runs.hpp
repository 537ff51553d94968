// What runs on the hosts of a tree, by the number of its run: a run is of one host and of the seat
// that has ordered it, or of many hosts whose output is folded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "tree/folded_runs.hpp"
#include "tree/tree_seat.hpp"
#include "wire/frame.hpp"

namespace execo::detail {

class tree_runs {
 public:
  /// One that is not in use.
  std::uint32_t new_number() noexcept;
  /// It was sent by that link. Pre: the seat has its host, and no run.
  void add(std::uint32_t run, tree_seat& seat, std::uint32_t link);
  /// The same for all that an order that folds is for on that link. Pre: their hosts differ.
  void add_folded(std::uint32_t run, std::span<tree_seat* const> seats, std::uint32_t link);
  /// Orders that wait to be sent.
  folded_runs& folded() noexcept { return folded_; }
  /// Nothing comes by it any more.
  void drop(std::uint32_t link) { folded_.drop(link); }
  /// No event comes to it any more. A run that it has goes on.
  void leave(tree_seat& seat) noexcept;
  /// A frame of a run has come by that link. False if it may not.
  bool take(std::uint32_t link, const frame& f);

 private:
  bool take_folded(folded_run& of, const frame& f);

  folded_runs folded_;
  std::unordered_map<std::uint32_t, tree_seat*> seats_;  // of runs of one host
  std::uint32_t last_ = 0;
};

}  // namespace execo::detail
