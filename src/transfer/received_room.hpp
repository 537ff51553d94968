// How much a get() may bring here: of each host, and of all of them together.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "transfer/copy_failure.hpp"

namespace execo::detail {

/// Of one get(), whatever loops its hosts are on.
class received_limits {
 public:
  /// 0: no limit.
  received_limits(std::uint64_t in_all, std::uint64_t each) noexcept
      : in_all_(in_all), each_(each) {}
  std::uint64_t in_all() const noexcept { return in_all_; }
  std::uint64_t each() const noexcept { return each_; }

  std::atomic<std::uint64_t> taken{0};

 private:
  const std::uint64_t in_all_;
  const std::uint64_t each_;
};

/// What one host has taken of them. It is given back, unless it is kept.
class received_room {
 public:
  /// What a file, a directory or a link costs beside its bytes: a host may send empty ones without
  /// end.
  static constexpr std::uint64_t of_a_name = 512;

  /// Null: without limits.
  explicit received_room(std::shared_ptr<received_limits> limits) noexcept
      : limits_(std::move(limits)) {}
  received_room(const received_room&) = delete;
  received_room& operator=(const received_room&) = delete;
  ~received_room() { give_back(); }

  /// Where that is too much, it is none.
  copy_failure take(std::uint64_t bytes);
  void give_back() noexcept;
  /// What was taken stays so.
  void keep() noexcept { taken_ = 0; }

 private:
  std::shared_ptr<received_limits> limits_;
  std::uint64_t taken_ = 0;
};

}  // namespace execo::detail
