// Lines of all hosts of an action on their way to next_line(). Bounded: beyond some bytes the hosts
// that write are held.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "execo/host_line.hpp"

namespace execo::detail {

class line_queue {
 public:
  /// Before the start.
  void enable() noexcept { enabled_ = true; }
  bool enabled() const noexcept { return enabled_; }
  bool empty() const noexcept { return lines_.empty(); }
  /// A host that has just written is to be held.
  bool full() const noexcept { return bytes_ > most; }
  void push(host_line line) {
    bytes_ += cost(line);
    lines_.push_back(std::move(line));
  }
  host_line pop() {
    host_line first = std::move(lines_.front());
    lines_.pop_front();
    bytes_ -= cost(first);
    return first;
  }
  /// One of the hosts that are held may write again.
  bool has_room() const noexcept { return bytes_ <= few; }

 private:
  static constexpr std::size_t most = 256 * 1024;
  static constexpr std::size_t few = 64 * 1024;
  static std::size_t cost(const host_line& line) noexcept {
    return line.text.size() + sizeof(host_line);
  }

  std::deque<host_line> lines_;
  std::size_t bytes_ = 0;
  bool enabled_ = false;
};

}  // namespace execo::detail
