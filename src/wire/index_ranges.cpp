#include "wire/index_ranges.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {

namespace {

// Compares as "ends before".
constexpr auto ends_before = [](index_range r, std::uint32_t index) { return r.last < index; };

// Two ranges with nothing missing between them are one.
void extend(std::vector<index_range>& ranges, index_range next) {
  if (!ranges.empty() && next.first <= std::uint64_t{ranges.back().last} + 1)
    ranges.back().last = std::max(ranges.back().last, next.last);
  else
    ranges.push_back(next);
}

std::size_t varint_size(std::uint64_t value) noexcept {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// What a gap before a range is at least: one index is missing there.
constexpr std::uint32_t least_step = 2;

// How far a range begins behind what is possible after `before`, null for the first range.
std::uint32_t gap_before(const index_range* before, index_range r) noexcept {
  return before == nullptr ? r.first : r.first - before->last - least_step;
}

std::size_t encoded_size_of(const index_range* before, index_range r) noexcept {
  return varint_size(gap_before(before, r)) + varint_size(r.last - r.first);
}

}  // namespace

std::uint64_t index_ranges::count() const noexcept {
  std::uint64_t sum = 0;
  for (index_range r : ranges_) sum += std::uint64_t{r.last} - r.first + 1;
  return sum;
}

bool index_ranges::contains(std::uint32_t index) const noexcept {
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), index, ends_before);
  return at != ranges_.end() && at->first <= index;
}

bool index_ranges::contains(const index_ranges& others) const noexcept {
  auto at = ranges_.begin();
  for (index_range r : others.ranges_) {
    at = std::lower_bound(at, ranges_.end(), r.first, ends_before);
    if (at == ranges_.end() || at->first > r.first || at->last < r.last) return false;
  }
  return true;
}

bool index_ranges::intersects(const index_ranges& others) const noexcept {
  auto at = ranges_.begin();
  for (index_range r : others.ranges_) {
    at = std::lower_bound(at, ranges_.end(), r.first, ends_before);
    if (at != ranges_.end() && at->first <= r.last) return true;
  }
  return false;
}

std::optional<std::uint32_t> index_ranges::single() const noexcept {
  if (ranges_.size() != 1 || ranges_.front().first != ranges_.front().last) return std::nullopt;
  return ranges_.front().first;
}

void index_ranges::append(std::uint32_t first, std::uint32_t last) {
  assert(first <= last && last <= highest);
  assert(ranges_.empty() || first > ranges_.back().last);
  extend(ranges_, index_range(first, last));
}

void index_ranges::insert(std::uint32_t index) {
  assert(index <= highest);
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), index, ends_before);
  if (at != ranges_.end() && at->first <= index) return;
  const bool joins_next = at != ranges_.end() && at->first == index + 1;
  const bool joins_last = at != ranges_.begin() && std::prev(at)->last + 1 == index;
  if (joins_last && joins_next) {
    at->first = std::prev(at)->first;
    ranges_.erase(std::prev(at));
  } else if (joins_last) {
    std::prev(at)->last = index;
  } else if (joins_next) {
    at->first = index;
  } else {
    ranges_.insert(at, index_range(index, index));
  }
}

void index_ranges::erase(std::uint32_t index) {
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), index, ends_before);
  if (at == ranges_.end() || at->first > index) return;
  if (at->first == at->last) {
    ranges_.erase(at);
  } else if (at->first == index) {
    ++at->first;
  } else if (at->last == index) {
    --at->last;
  } else {
    const index_range before(at->first, index - 1);
    at->first = index + 1;
    ranges_.insert(at, before);
  }
}

index_ranges& index_ranges::operator|=(const index_ranges& others) {
  if (others.empty() || &others == this) return *this;
  if (empty() || ranges_.back().last < others.front()) {
    for (index_range r : others.ranges_) extend(ranges_, r);
    return *this;
  }
  if (std::optional<std::uint32_t> one = others.single()) {
    insert(*one);
    return *this;
  }
  std::vector<index_range> sum;
  sum.reserve(ranges_.size() + others.ranges_.size());
  auto mine = ranges_.begin();
  auto other = others.ranges_.begin();
  while (mine != ranges_.end() || other != others.ranges_.end()) {
    const bool take_mine =
        other == others.ranges_.end() || (mine != ranges_.end() && mine->first <= other->first);
    extend(sum, take_mine ? *mine++ : *other++);
  }
  ranges_ = std::move(sum);
  return *this;
}

index_ranges& index_ranges::operator&=(const index_ranges& others) {
  std::vector<index_range> common;
  auto mine = ranges_.begin();
  auto other = others.ranges_.begin();
  while (mine != ranges_.end() && other != others.ranges_.end()) {
    const std::uint32_t first = std::max(mine->first, other->first);
    const std::uint32_t last = std::min(mine->last, other->last);
    if (first <= last) common.push_back(index_range(first, last));
    if (mine->last < other->last)
      ++mine;
    else
      ++other;
  }
  ranges_ = std::move(common);
  return *this;
}

index_ranges& index_ranges::operator-=(const index_ranges& others) {
  if (std::optional<std::uint32_t> one = others.single()) {
    erase(*one);
    return *this;
  }
  std::vector<index_range> left;
  auto other = others.ranges_.begin();
  for (index_range r : ranges_) {
    while (other != others.ranges_.end() && other->last < r.first) ++other;
    bool some_left = true;
    for (auto cut = other; some_left && cut != others.ranges_.end() && cut->first <= r.last;
         ++cut) {
      if (cut->first > r.first) left.push_back(index_range(r.first, cut->first - 1));
      some_left = cut->last < r.last;
      if (some_left) {
        r.first = cut->last + 1;
        other = std::next(cut);
      }
    }
    if (some_left) left.push_back(r);
  }
  ranges_ = std::move(left);
  return *this;
}

index_ranges index_ranges::take_front(std::uint64_t count) {
  index_ranges front;
  auto at = ranges_.begin();
  for (; at != ranges_.end() && count > 0; ++at) {
    const std::uint64_t size = std::uint64_t{at->last} - at->first + 1;
    if (size > count) {
      const auto last = static_cast<std::uint32_t>(at->first + count - 1);
      front.ranges_.push_back(index_range(at->first, last));
      at->first = last + 1;
      break;
    }
    front.ranges_.push_back(*at);
    count -= size;
  }
  ranges_.erase(ranges_.begin(), at);
  return front;
}

std::vector<index_ranges> index_ranges::pieces(std::size_t bytes) const {
  constexpr std::size_t size_of_count = 5;
  [[maybe_unused]] constexpr std::size_t size_of_one = 10;
  assert(bytes > size_of_count + size_of_one);
  std::vector<index_ranges> parts;
  std::size_t room = 0;
  for (index_range r : ranges_) {
    const index_range* before =
        parts.empty() || parts.back().empty() ? nullptr : &parts.back().ranges_.back();
    if (parts.empty() || encoded_size_of(before, r) > room) {
      parts.emplace_back();
      room = bytes - size_of_count;
      before = nullptr;
    }
    room -= encoded_size_of(before, r);
    parts.back().ranges_.push_back(r);
  }
  return parts;
}

void index_ranges::encode(wire_writer& into) const {
  into.varint(ranges_.size());
  const index_range* before = nullptr;
  for (const index_range& r : ranges_) {
    into.varint(gap_before(before, r));
    into.varint(r.last - r.first);
    before = &r;
  }
}

void index_ranges::decode(wire_reader& from) {
  ranges_.clear();
  std::uint64_t size = 0;
  from.varint(size);
  if (size > from.left().size() / 2) from.fail();  // a range takes two bytes at least
  if (from.ok()) ranges_.reserve(static_cast<std::size_t>(size));
  std::uint64_t next = 0;  // the lowest that the next range may begin with
  for (; size > 0 && from.ok(); --size) {
    std::uint32_t gap = 0;
    std::uint32_t more = 0;
    from.varint(gap);
    from.varint(more);
    const std::uint64_t first = next + gap;
    const std::uint64_t last = first + more;
    if (last > highest) from.fail();
    ranges_.push_back(
        index_range(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)));
    next = last + least_step;
  }
  if (!from.ok()) ranges_.clear();
}

std::size_t index_ranges::encoded_size() const noexcept {
  std::size_t size = varint_size(ranges_.size());
  const index_range* before = nullptr;
  for (const index_range& r : ranges_) {
    size += encoded_size_of(before, r);
    before = &r;
  }
  return size;
}

}  // namespace execo::detail
