// What is known of a command in a tree beside its text: its place, of which it is told in its
// environment and where its text asks, and who waits for its output.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tree/talk_group.hpp"

namespace execo::detail {

/// Among the hosts of an action.
class tree_place {
 public:
  std::size_t index = 0;
  std::size_t count = 0;
  /// Nobody looks at its output while it runs: that may come a moment late.
  bool output_may_wait = false;
  /// Stands in the command for the name of the host that has reached its own; empty: nothing does.
  std::string_view father_mark;
  intrusive_ptr<talk_group> talk;  // null: it has no messages
};

/// Puts `father` wherever the mark stands.
inline void put_father(std::string& text, std::string_view mark, const std::string& father) {
  if (mark.empty()) return;
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + father.size()))
    text.replace(at, mark.size(), father);
}

}  // namespace execo::detail
