// Iterates over the names of a host_set, and makes sets of some of its names.

#include <algorithm>
#include <stdexcept>

#include "execo/host_set.hpp"
#include "hosts/host_set_access.hpp"

namespace execo {

using detail::box;
using detail::folded_grid;
using detail::index_key;
using detail::key_range;
using detail::key_ranges;
using detail::name_table;

namespace {

// Makes the names of one pattern, text piece by text piece.
class name_maker {
 public:
  name_maker(std::string_view pattern, const std::function<void(std::string_view)>& visit)
      : visit_(visit) {
    pieces_.emplace_back();
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '%') {
        pieces_.back() += pattern[i];
      } else if (pattern[++i] == 's') {
        pieces_.emplace_back();
      } else {
        pieces_.back() += '%';
      }
    }
  }

  template <class SideOf>
  void run(std::size_t dimensions, const SideOf& side_of) {
    name_ = pieces_[0];
    descend(dimensions, side_of, 0);
  }

 private:
  template <class SideOf>
  void descend(std::size_t dimensions, const SideOf& side_of, std::size_t d) {
    if (d == dimensions) return visit_(name_);
    const std::size_t length = name_.size();
    for (const key_range& range : side_of(d)) {
      for (index_key key = range.lo; key <= range.hi; ++key) {
        detail::append_index(name_, key);
        name_ += pieces_[d + 1];
        descend(dimensions, side_of, d + 1);
        name_.resize(length);
      }
    }
  }

  const std::function<void(std::string_view)>& visit_;
  std::vector<std::string> pieces_;
  std::string name_;
};

std::string name_at(const name_table::view& v, std::uint64_t n, detail::nth_hint& hint) {
  if (!v.indexes) return std::string{v.name};
  std::vector<index_key> keys(v.indexes->dimensions());
  if (keys.size() == 1) {
    keys[0] = detail::nth(v.indexes->line(), n, hint);
  } else {
    v.indexes->folded().nth(n, keys);
  }
  std::string name;
  detail::append_name(name, v.pattern, keys);
  return name;
}

// Adds the names first, first + 1, ... below last of one pattern.
void add_part(name_table& into, const name_table::view& v, std::uint64_t first,
              std::uint64_t last) {
  if (!v.indexes) return into.add_name(v.name);
  detail::nth_hint hint;
  if (v.indexes->dimensions() > 1) {
    for (std::uint64_t n = first; n < last; ++n) into.add_name(name_at(v, n, hint));
    return;
  }
  key_ranges part;
  std::uint64_t before = 0;
  for (const key_range& range : v.indexes->line()) {
    const auto size = static_cast<std::uint64_t>(range.hi - range.lo) + 1;
    const std::uint64_t from = std::max(first, before);
    const std::uint64_t to = std::min(last, before + size);
    if (from < to) {
      part.push_back({range.lo + static_cast<index_key>(from - before),
                      range.lo + static_cast<index_key>(to - before) - 1});
    }
    before += size;
  }
  box sides;
  sides.push_back(std::move(part));
  into.add_boxes(v.pattern, std::move(sides));
}

host_set part_of(const name_table& table, std::uint64_t first, std::uint64_t last) {
  auto part = std::make_shared<name_table>();
  while (first < last) {
    const auto [pattern, before] = table.find_nth(first);
    const name_table::view v = table.at(pattern);
    const std::uint64_t end = std::min(last, before + v.count());
    add_part(*part, v, first - before, end - before);
    first = end;
  }
  return detail::host_set_access::make(std::move(part));
}

template <class SideOf>
void append_contiguous(std::vector<host_set>& out, std::string_view pattern, std::size_t dimensions,
                       const SideOf& side_of, box& sides) {
  if (sides.size() == dimensions) {
    auto table = std::make_shared<name_table>();
    table->add_boxes(pattern, sides);
    out.push_back(detail::host_set_access::make(std::move(table)));
    return;
  }
  detail::for_each_run(side_of(sides.size()), [&](key_range run) {
    key_ranges side;
    // A run of unpadded numbers has one interval of keys for each length.
    const key_ranges& all = side_of(sides.size());
    for (auto range = std::ranges::lower_bound(all, run.lo, {}, &key_range::hi);
         range != all.end() && range->lo <= run.hi; ++range) {
      side.push_back({std::max(range->lo, run.lo), std::min(range->hi, run.hi)});
    }
    sides.push_back(std::move(side));
    append_contiguous(out, pattern, dimensions, side_of, sides);
    sides.pop_back();
  });
}

}  // namespace

std::string host_set::operator[](std::size_t i) const {
  if (i >= size()) {
    throw std::out_of_range("host set has " + std::to_string(size()) + " hosts, none at " +
                            std::to_string(i));
  }
  const auto [pattern, before] = table_->find_nth(i);
  detail::nth_hint hint;
  return name_at(table_->at(pattern), i - before, hint);
}

host_set::iterator host_set::begin() const { return empty() ? end() : iterator{table_.get(), 0}; }

host_set::iterator host_set::end() const {
  return iterator{table_.get(), table_ ? table_->patterns() : 0};
}

std::string host_set::iterator::operator*() const {
  detail::nth_hint hint{hint_range_, hint_before_};
  return name_at(table_->at(pattern_), within_, hint);
}

host_set::iterator& host_set::iterator::operator++() {
  const name_table::view v = table_->at(pattern_);
  if (++within_ == v.count()) {
    ++pattern_;
    within_ = hint_range_ = hint_before_ = 0;
  } else if (v.indexes && v.indexes->dimensions() == 1) {
    detail::nth_hint hint{hint_range_, hint_before_};
    static_cast<void>(detail::nth(v.indexes->line(), within_, hint));
    hint_range_ = hint.range;
    hint_before_ = hint.before;
  }
  return *this;
}

void host_set::for_each(const std::function<void(std::string_view)>& visit) const {
  const std::size_t patterns = table_ ? table_->patterns() : 0;
  for (std::size_t i = 0; i < patterns; ++i) {
    const name_table::view v = table_->at(i);
    if (!v.indexes) {
      visit(v.name);
      continue;
    }
    name_maker maker{v.pattern, visit};
    const std::size_t dimensions = v.indexes->dimensions();
    if (dimensions == 1) {
      maker.run(1, [&](std::size_t) -> const key_ranges& { return v.indexes->line(); });
      continue;
    }
    const folded_grid& folded = v.indexes->folded();
    for (std::size_t b = 0; b < folded.boxes(); ++b) {
      maker.run(dimensions, [&](std::size_t d) -> const key_ranges& { return folded.side(b, d); });
    }
  }
}

std::vector<std::string> host_set::expand() const {
  std::vector<std::string> names;
  names.reserve(size());
  for_each([&](std::string_view name) { names.emplace_back(name); });
  return names;
}

host_set host_set::slice(std::size_t first, std::size_t last, std::size_t step) const {
  if (step == 0) throw std::invalid_argument("host set: a slice needs a step of 1 or more");
  last = std::min(last, size());
  if (first >= last) return {};
  if (step == 1) return part_of(*table_, first, last);
  std::vector<std::size_t> positions;
  for (std::size_t i = first; i < last; i += std::min(step, last - i)) positions.push_back(i);
  return at(positions);
}

host_set host_set::at(const std::vector<std::size_t>& positions) const {
  auto part = std::make_shared<name_table>();
  const std::size_t count = size();
  name_table::view v;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  detail::nth_hint hint;
  for (const std::size_t i : positions) {
    if (i >= count) break;
    if (i < begin || i >= end) {
      const auto place = table_->find_nth(i);
      v = table_->at(place.pattern);
      begin = place.before;
      end = begin + v.count();
      hint = {};
    }
    if (v.indexes && v.indexes->dimensions() == 1) {
      const index_key key = detail::nth(v.indexes->line(), i - begin, hint);
      box sides;
      sides.push_back({{key, key}});
      part->add_boxes(v.pattern, std::move(sides));
    } else {
      part->add_name(name_at(v, i - begin, hint));
    }
  }
  return detail::host_set_access::make(std::move(part));
}

std::vector<host_set> host_set::split(std::size_t parts) const {
  if (parts == 0) throw std::invalid_argument("host set: cannot split into 0 parts");
  std::vector<host_set> list;
  const std::size_t count = size();
  parts = std::min(parts, count);
  std::size_t first = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t last = first + count / parts + (i < count % parts ? 1 : 0);
    list.push_back(part_of(*table_, first, last));
    first = last;
  }
  return list;
}

std::vector<host_set> host_set::contiguous() const {
  std::vector<host_set> list;
  const std::size_t patterns = table_ ? table_->patterns() : 0;
  for (std::size_t i = 0; i < patterns; ++i) {
    const name_table::view v = table_->at(i);
    box sides;
    if (!v.indexes) {
      list.push_back(from_name(v.name));
    } else if (v.indexes->dimensions() == 1) {
      append_contiguous(
          list, v.pattern, 1, [&](std::size_t) -> const key_ranges& { return v.indexes->line(); },
          sides);
    } else {
      const folded_grid& folded = v.indexes->folded();
      for (std::size_t b = 0; b < folded.boxes(); ++b) {
        append_contiguous(
            list, v.pattern, folded.dimensions(),
            [&](std::size_t d) -> const key_ranges& { return folded.side(b, d); }, sides);
      }
    }
  }
  return list;
}

}  // namespace execo
