// Lines of a script of ours among what else comes on its output: those that begin with its mark.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace execo::detail {

/// A random word, so that no other output begins with it.
std::string random_mark();

class mark_reader {
 public:
  explicit mark_reader(std::string mark) : mark_(std::move(mark) + " ") {}

  /// What follows the mark in the next line of `bytes`, without LF, and takes `bytes` up to its
  /// end; none: takes them all.
  std::optional<std::string> next(std::span<const char>& bytes);
  /// There was one.
  bool has_found() const noexcept { return has_found_; }

 private:
  std::string mark_;
  std::string line_;  // so far
  bool has_found_ = false;
};

}  // namespace execo::detail
