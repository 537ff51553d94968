// Output of a channel that its reader does not take now, bounded together with that of all others.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "execo/command.hpp"

namespace execo::detail {

using execo::stream;

class held_output {
 public:
  /// `total` is what all channels that count in it keep, and outlives this.
  explicit held_output(std::size_t& total) noexcept : total_(total) {}
  held_output(const held_output&) = delete;
  held_output& operator=(const held_output&) = delete;
  ~held_output() { total_ -= size(); }

  void append(stream which, std::span<const char> bytes) {
    if (!held_) held_ = std::make_unique<contents>();
    held_->text[index(which)].append(bytes.data(), bytes.size());
    total_ += bytes.size();
  }
  std::string take(stream which) noexcept {
    if (!held_) return {};
    std::string bytes = std::exchange(held_->text[index(which)], {});
    total_ -= bytes.size();
    return bytes;
  }
  void clear() noexcept {
    for (stream which : {stream::out, stream::err}) (void)take(which);
  }
  /// Bytes of `which` that libssh has as well, at the front of its buffer.
  std::size_t doubled(stream which) const noexcept {
    return held_ ? held_->doubled[index(which)] : 0;
  }
  /// Pre: 0, or append() was called.
  void set_doubled(stream which, std::size_t bytes) noexcept {
    assert(held_ || bytes == 0);
    if (held_) held_->doubled[index(which)] = bytes;
  }
  /// Whether `which` is to be held, and whether it is.
  void pause(stream which, bool paused) noexcept { paused_[index(which)] = paused; }
  bool is_paused(stream which) const noexcept { return paused_[index(which)]; }
  bool has(stream which) const noexcept { return held_ && !held_->text[index(which)].empty(); }
  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept {
    return held_ ? held_->text[0].size() + held_->text[1].size() : 0;
  }
  std::size_t total() const noexcept { return total_; }

 private:
  static std::size_t index(stream which) noexcept { return which == stream::out ? 0 : 1; }
  struct contents {
    std::array<std::string, 2> text;
    std::array<std::size_t, 2> doubled{};
  };

  std::size_t& total_;
  std::unique_ptr<contents> held_;  // from the first byte on
  std::array<bool, 2> paused_{};
};

}  // namespace execo::detail
