// Results of an action on their way to who takes them: one by one by next(), or all at its end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "execo/host_result.hpp"

namespace execo::detail {

class result_queue {
 public:
  bool taken_one_by_one() const noexcept { return one_by_one_; }
  /// From now on. Without the memory for it, those kept so far are lost.
  void take_one_by_one() {
    if (std::exchange(one_by_one_, true)) return;
    std::vector<host_result> before = std::exchange(kept_, {});
    for (host_result& r : before) ready_.push_back(std::move(r));
  }
  void push(host_result r) {
    if (one_by_one_) {
      ready_.push_back(std::move(r));
    } else {
      kept_.push_back(std::move(r));
    }
  }
  /// Nothing is ready unless they are taken one by one.
  bool empty() const noexcept { return ready_.empty(); }
  host_result pop() {
    host_result first = std::move(ready_.front());
    ready_.pop_front();
    return first;
  }
  /// In the order of the hosts.
  std::vector<host_result> take_all() {
    std::vector<host_result> all = std::exchange(kept_, {});
    for (host_result& r : ready_) all.push_back(std::move(r));
    ready_.clear();
    std::ranges::sort(all, {}, &host_result::index);
    return all;
  }

 private:
  std::vector<host_result> kept_;
  std::deque<host_result> ready_;
  bool one_by_one_ = false;
};

}  // namespace execo::detail
