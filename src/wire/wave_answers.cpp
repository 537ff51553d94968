#include "wire/wave_answers.hpp"

#include <cassert>
#include <utility>

namespace execo::detail {

void wave_answers::begin(std::uint32_t number, std::uint32_t self,
                         std::vector<std::uint32_t> asked) {
  assert(number > number_);
  number_ = number;
  asked_ = std::move(asked);
  awaited_ = asked_;
  answered_ = unsaid_ = index_ranges(self);
}

bool wave_answers::take(std::uint32_t child, const answers_message& what) {
  if (what.number != number_) return what.number < number_;
  if (!std::ranges::binary_search(asked_, child) || answered_.intersects(what.hosts)) return false;
  answered_ |= what.hosts;
  unsaid_ |= what.hosts;
  std::erase(awaited_, child);
  return true;
}

index_ranges wave_answers::take_answers() noexcept {
  return std::exchange(unsaid_, index_ranges());
}

}  // namespace execo::detail
