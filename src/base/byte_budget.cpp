#include "base/byte_budget.hpp"

#include <algorithm>
#include <cassert>

#include "execo/detail/output_charge.hpp"

namespace execo::detail {

std::size_t byte_budget::take(std::size_t least, std::size_t wanted) noexcept {
  assert(least <= wanted);
  std::size_t used = used_.load(std::memory_order_relaxed);
  std::size_t taken = 0;
  do {
    std::size_t left = limit_ - std::min(limit_, used);
    taken = std::clamp(left, least, wanted);
  } while (taken != 0 &&
           !used_.compare_exchange_weak(used, used + taken, std::memory_order_relaxed));
  return taken;
}

void byte_budget::give_back(std::size_t bytes) noexcept {
  [[maybe_unused]] std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  assert(before >= bytes);
}

void output_charge::bind(byte_budget* to) noexcept {
  assert(budget_ == nullptr);
  budget_ = to;
  if (budget_ != nullptr) budget_->retain();
}

std::size_t output_charge::take(std::size_t least, std::size_t wanted) noexcept {
  if (budget_ == nullptr) return wanted;
  std::size_t taken = budget_->take(least, wanted);
  bytes_ += taken;
  return taken;
}

void output_charge::give_back(std::size_t bytes) noexcept {
  if (budget_ == nullptr || bytes == 0) return;
  assert(bytes <= bytes_);
  bytes_ -= bytes;
  budget_->give_back(bytes);
}

void output_charge::release() noexcept {
  if (bytes_ != 0) budget_->give_back(bytes_);
  budget_->release();
  budget_ = nullptr;
  bytes_ = 0;
}

}  // namespace execo::detail
