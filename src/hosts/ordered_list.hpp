#pragma once

// Lists of hosts in the order of the text, which a set does not keep.

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace execo::detail {

inline constexpr std::size_t max_listed = 1'000'000;

/// Hosts in order, each once.
class ordered_list {
 public:
  void add(const std::string& name);
  void keep_if(const auto& kept) {
    std::erase_if(names_, [&](const std::string& name) {
      if (kept(name)) return false;
      known_.erase(name);
      return true;
    });
  }
  [[nodiscard]] bool has(const std::string& name) const { return known_.contains(name); }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::unordered_set<std::string> known_;
};

/// What separates the pieces of a list, outside brackets.
enum class separators {
  commas,
  commas_and_blanks,
  outside_slashes,  // commas and blanks that are not in /.../ either
};
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text, separators by);

/// Adds what one item means: its brackets expanded from left to right, the last one fastest. With
/// `letters`, a-c counts too. Throws: host_set_error.
void add_item(ordered_list& list, std::string_view item, bool letters);

}  // namespace execo::detail
