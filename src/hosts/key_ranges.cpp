#include "hosts/key_ranges.hpp"

#include <algorithm>
#include <cassert>

#include "hosts/elementary_intervals.hpp"

namespace execo::detail {

void normalize(key_ranges& ranges) {
  const auto by_lo = [](const key_range& a, const key_range& b) { return a.lo < b.lo; };
  if (!std::is_sorted(ranges.begin(), ranges.end(), by_lo)) {
    std::sort(ranges.begin(), ranges.end(), by_lo);
  }
  std::size_t kept = 0;
  for (const key_range& range : ranges) {
    if (kept > 0 && range.lo <= ranges[kept - 1].hi + 1) {
      ranges[kept - 1].hi = std::max(ranges[kept - 1].hi, range.hi);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

namespace {

void append_joined(key_ranges& out, index_key lo, index_key hi) {
  if (!out.empty() && out.back().hi + 1 == lo) {
    out.back().hi = hi;
  } else {
    out.push_back({lo, hi});
  }
}

bool wanted(bool in_a, bool in_b, set_operation op) {
  switch (op) {
    case set_operation::unite:
      return in_a || in_b;
    case set_operation::subtract:
      return in_a && !in_b;
    case set_operation::intersect:
      return in_a && in_b;
    case set_operation::exclusive:
      return in_a != in_b;
  }
  return false;
}

}  // namespace

key_ranges combine(const key_ranges& a, const key_ranges& b, set_operation op) {
  key_ranges out;
  for_each_elementary_interval<key_range>(
      a, b, [&](index_key lo, index_key hi, const key_range* of_a, const key_range* of_b) {
        if (wanted(of_a != nullptr, of_b != nullptr, op)) append_joined(out, lo, hi);
      });
  return out;
}

bool contains(const key_ranges& ranges, index_key key) noexcept {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), key,
                                      [](index_key k, const key_range& r) { return k < r.lo; });
  return after != ranges.begin() && key <= std::prev(after)->hi;
}

std::uint64_t count(const key_ranges& ranges) noexcept {
  std::uint64_t total = 0;
  for (const key_range& range : ranges)
    total += static_cast<std::uint64_t>(range.hi - range.lo) + 1;
  return total;
}

index_key nth(const key_ranges& ranges, std::uint64_t n, nth_hint& hint) noexcept {
  if (n < hint.before || hint.range >= ranges.size()) hint = {};
  for (;; ++hint.range) {
    assert(hint.range < ranges.size());
    const key_range& range = ranges[hint.range];
    const auto size = static_cast<std::uint64_t>(range.hi - range.lo) + 1;
    if (n < hint.before + size) return range.lo + static_cast<index_key>(n - hint.before);
    hint.before += size;
  }
}

void for_each_run(const key_ranges& ranges, const std::function<void(key_range)>& visit) {
  key_range run{0, -1};
  bool open = false;
  const auto take = [&](key_range piece) {
    // 9 and 10 follow each other as numbers though 00 to 09 lie between their keys.
    const bool goes_on = open && !is_padded(run.lo) && !is_padded(piece.lo) &&
                         value_of(run.hi) + 1 == value_of(piece.lo);
    if (goes_on) {
      run.hi = piece.hi;
    } else {
      if (open) visit(run);
      run = piece;
      open = true;
    }
  };
  for (key_range rest : ranges) {
    if (rest.lo < 0) {
      take({rest.lo, std::min<index_key>(rest.hi, -1)});
      rest.lo = 0;
    }
    while (rest.lo <= rest.hi) {
      const auto width = static_cast<std::size_t>(width_of(rest.lo));
      const index_key end = std::min(rest.hi, first_keys[width + 1] - 1);
      take({rest.lo, end});
      rest.lo = end + 1;
    }
  }
  if (open) visit(run);
}

namespace {

void append_item(std::string& out, index_key lo, index_key hi, index_key step) {
  if (!out.empty() && out.back() != '[') out += ',';
  append_index(out, lo);
  if (lo == hi) return;
  out += '-';
  append_index(out, hi);
  if (step > 1) {
    out += '/';
    append_index(out, key_of(step, digits_of(step)));
  }
}

// Writes equally spaced indexes as a-b/step, greedily from left to right. The pending run holds
// indexes seen but not yet written; `step_` is their distance, for a single one the distance to
// what was written before it (0: nothing was).
class step_folder {
 public:
  step_folder(std::string& out, std::size_t autostep)
      : out_(out), autostep_(static_cast<index_key>(autostep)) {}

  void take(key_range run) {
    if (size_ > 0 && !written_alike(run.lo)) flush();
    const index_key last = value_of(run.hi);
    const int width = is_padded(run.lo) ? width_of(run.lo) : 1;
    for (index_key value = value_of(run.lo); value <= last; ++value) {
      if (size_ > 1 && step_ == 1 &&
          value == last_ + 1) {  // the rest of the run is consecutive: no need to look at it
        size_ += last - value + 1;
        last_ = last;
        return;
      }
      add(value, value >= 0 && digits_of(value) < width ? width : 1);
    }
  }

  void flush() {
    if (size_ == 0) return;
    if (complete()) {
      write(first_, last_, step_);
    } else {
      for (; size_ > 0; --size_, first_ += step_) write(first_, first_, 1);
    }
    size_ = 0;
  }

 private:
  [[nodiscard]] bool written_alike(index_key key) const {
    return width_ > 1 ? key >= 0 && width_of(key) == width_ : !is_padded(key);
  }

  [[nodiscard]] bool complete() const {
    return step_ == 1 || last_ - first_ >= (autostep_ - 1) * step_;
  }

  void add(index_key value, int width) {
    if (size_ == 0) return begin(value, 0, width);
    const index_key distance = value - last_;
    if (size_ == 1 && step_ == 0) step_ = distance;
    if (distance != step_) {
      if (complete()) {
        write(first_, last_, step_);
        return begin(value, distance, width);
      }
      for (; size_ > 1; --size_, first_ += step_) write(first_, first_, 1);
      step_ = distance;
    }
    last_ = value;
    ++size_;
  }

  void begin(index_key value, index_key step, int width) {
    first_ = last_ = value;
    width_ = width;
    step_ = step;
    size_ = 1;
  }

  void write(index_key first, index_key last, index_key step) {
    append_item(out_, keyed(first), keyed(last), step);
  }

  [[nodiscard]] index_key keyed(index_key value) const {
    return value < 0 ? value : key_of(value, std::max(width_, digits_of(value)));
  }

  std::string& out_;
  index_key autostep_;
  int width_ = 1;  // of padded indexes, else 1
  index_key first_ = 0;
  index_key last_ = 0;
  index_key step_ = 0;
  index_key size_ = 0;
};

}  // namespace

void append_folded(std::string& out, const key_ranges& ranges, std::size_t autostep) {
  if (autostep == 0) {
    for_each_run(ranges, [&](key_range run) { append_item(out, run.lo, run.hi, 1); });
    return;
  }
  step_folder folder{out, autostep};
  for_each_run(ranges, [&](key_range run) { folder.take(run); });
  folder.flush();
}

}  // namespace execo::detail
