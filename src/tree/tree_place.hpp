// What a command in a tree is told of its place: in its environment, and where its text asks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace execo::detail {

/// Among the hosts of an action.
class tree_place {
 public:
  std::size_t index = 0;
  std::size_t count = 0;
  /// Stands in the command for the name of the host that has reached its own; empty: nothing does.
  std::string_view father_mark;
};

/// Puts `father` wherever the mark stands.
inline void put_father(std::string& text, std::string_view mark, const std::string& father) {
  if (mark.empty()) return;
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + father.size()))
    text.replace(at, mark.size(), father);
}

}  // namespace execo::detail
