// A tree with one host that was broken into, and what the others need for it: see
// hostile_child.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "temp_folder.hpp"

namespace execo::test {

class hostile_tree {
 public:
  /// Of so many hosts, BAD does what KIND says once all others run their commands.
  hostile_tree(std::string kind, std::string bad, std::size_t hosts);
  ~hostile_tree();
  hostile_tree(const hostile_tree&) = delete;
  hostile_tree& operator=(const hostile_tree&) = delete;

  /// hostile_child.
  static const char* program() noexcept;
  /// With %h for the host.
  std::vector<std::string> connector() const;
  /// The same as one text.
  std::string connector_text() const;
  /// What the others run: they print their names after the deed.
  static std::string command();

 private:
  std::string kind_, bad_;
  temp_folder folder_;
};

}  // namespace execo::test
