// What lives on a loop, for people who look for what does not end.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "execo/time.hpp"
#include "loop/loop.hpp"

namespace execo::detail {
namespace {

// Of each kind: enough to see what is stuck, and no book.
constexpr std::size_t max_lines = 100;

void append(std::string& text, const std::vector<std::string>& lines) {
  std::size_t shown = std::min(lines.size(), max_lines);
  for (std::size_t i = 0; i < shown; ++i) text += "  " + lines[i] + "\n";
  if (shown < lines.size()) text += fmt::format("  ... and {} more\n", lines.size() - shown);
}

}  // namespace

std::vector<std::string> timer_heap::describe(clock::time_point now) const {
  std::vector<entry> by_deadline = entries_;
  std::ranges::sort(by_deadline, {}, &entry::when);
  std::vector<std::string> lines;
  for (const entry& e : by_deadline) {
    bool due = e.when <= now;
    lines.push_back(fmt::format("timer {}: armed for {}, {}", e.which->name_,
                                format_duration(now - e.which->armed_at_),
                                due ? "due" : "due in " + format_duration(e.when - now)));
  }
  return lines;
}

std::string loop::dump() const {
  clock::time_point now = read_clock();
  std::vector<std::string> operations;
  for (const list_node* n = operations_.next(); n != &operations_; n = n->next()) {
    const auto& live = *static_cast<const live_node*>(n);
    operations.push_back(
        fmt::format("wait for {}, for {}", live.what, format_duration(now - live.since)));
  }
  std::vector<std::string> members;
  for (const list_node* n = members_.next(); n != &members_; n = n->next())
    static_cast<const loop_member*>(n)->describe(members, now);
  std::vector<std::string> timers = timers_.describe(now);
  std::string text =
      fmt::format("{}, {} turns, {} waits, {} processes, sessions and actions, {} timers\n",
                  describe(), turns_, operations.size(), members.size(), timers.size());
  append(text, operations);
  append(text, members);
  append(text, timers);
  return text;
}

}  // namespace execo::detail
