// The hosts of an action that wait for another attempt, with the results of their last ones. They
// hold no descriptor and no place among the hosts in progress; their output counts towards the
// budget of the context.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "execo/detail/deadline_timer.hpp"
#include "execo/host_result.hpp"

namespace execo::detail {

class retry_queue {
  using list = std::multimap<clock::time_point, host_result>;

 public:
  using place = list::node_type;

  bool empty() const noexcept { return waiting_.empty(); }
  /// The memory for one that waits until then: put() needs none.
  static place make_place(clock::time_point until) {
    list one;
    return one.extract(one.emplace(until, host_result()));
  }
  void put(place where, host_result last) noexcept {
    where.mapped() = std::move(last);
    waiting_.insert(std::move(where));
  }
  /// When the first one is due.
  std::optional<clock::time_point> next() const noexcept {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.begin()->first;
  }
  bool is_due(clock::time_point now) const noexcept {
    return !waiting_.empty() && waiting_.begin()->first <= now;
  }
  /// Pre: !empty().
  host_result pop() noexcept { return std::move(waiting_.extract(waiting_.begin()).mapped()); }

  bool contains(std::size_t index) const noexcept { return find(index) != waiting_.end(); }
  std::optional<host_result> take(std::size_t index) noexcept {
    const list::const_iterator found = find(index);
    if (found == waiting_.end()) return std::nullopt;
    return std::move(waiting_.extract(found).mapped());
  }

 private:
  list::const_iterator find(std::size_t index) const noexcept {
    return std::ranges::find_if(waiting_,
                                [&](const auto& one) { return one.second.index == index; });
  }

  list waiting_;
};

}  // namespace execo::detail
