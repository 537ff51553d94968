// Which runs are not over on which hosts at and below this agent.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "wire/index_ranges.hpp"

namespace execo::agent {

/// Pure. The order for a run opens hosts, its end there closes them: an end is told once.
class run_book {
 public:
  /// `talk`: the number of the one that its commands are in; 0: none.
  void open(std::uint32_t run, const detail::index_ranges& hosts, bool folds,
            std::uint32_t talk = 0);
  /// False, and nothing is done, if it is not open on all of them. `over`: it is open nowhere now.
  bool close(std::uint32_t run, const detail::index_ranges& hosts, bool& over);

  bool empty() const noexcept { return runs_.empty(); }
  bool is_open(std::uint32_t run, const detail::index_ranges& hosts) const noexcept;
  /// Whether its output is folded. False if it is open nowhere.
  bool folds(std::uint32_t run) const noexcept;
  /// 0: none, or it is open nowhere.
  std::uint32_t talk_of(std::uint32_t run) const noexcept;
  /// Where a run of that talk is open.
  detail::index_ranges open_in(std::uint32_t talk) const;
  /// The runs that are open on some of these hosts, with those.
  std::vector<std::pair<std::uint32_t, detail::index_ranges>> open_on(
      const detail::index_ranges& hosts) const;

 private:
  class entry {
   public:
    detail::index_ranges hosts;
    bool folds = false;
    std::uint32_t talk = 0;
  };
  std::map<std::uint32_t, entry> runs_;
};

}  // namespace execo::agent
