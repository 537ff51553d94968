#include "transfer/received_room.hpp"

#include <fmt/format.h>

#include <string>
#include <system_error>

namespace execo::detail {
namespace {

bool is_above(std::uint64_t taken, std::uint64_t more, std::uint64_t limit) noexcept {
  return limit != 0 && (more > limit || taken > limit - more);
}

copy_failure too_much(std::uint64_t limit, const char* of_whom) {
  return copy_failure(std::make_error_code(std::errc::file_too_large),
                      fmt::format("more than the {} bytes that may come of {}", limit, of_whom));
}

}  // namespace

copy_failure received_room::take(std::uint64_t bytes) {
  if (!limits_) return {};
  if (is_above(taken_, bytes, limits_->each())) return too_much(limits_->each(), "each host");
  std::uint64_t before = limits_->taken.load();
  do {
    if (is_above(before, bytes, limits_->in_all()))
      return too_much(limits_->in_all(), "all hosts together");
  } while (!limits_->taken.compare_exchange_weak(before, before + bytes));
  taken_ += bytes;
  return {};
}

void received_room::give_back() noexcept {
  if (limits_) limits_->taken -= taken_;
  taken_ = 0;
}

}  // namespace execo::detail
