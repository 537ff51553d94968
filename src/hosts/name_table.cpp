#include "hosts/name_table.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <stdexcept>

#include "hosts/hashing.hpp"

namespace execo::detail {

namespace {

std::uint32_t hash_of(std::string_view pattern) {
  const std::uint64_t hash = hash_text(pattern);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

struct sortable {
  std::uint64_t begin;
  std::uint32_t id;
};

// By radix: names are many and their beginnings rarely sorted.
void sort_by_begin(std::vector<sortable>& list) {
  constexpr std::size_t few = 512;
  if (list.size() < few) {
    std::ranges::sort(list, {}, &sortable::begin);
    return;
  }
  std::vector<sortable> other(list.size());
  for (int shift = 0; shift < 64; shift += 8) {
    std::array<std::size_t, 257> starts{};
    for (const sortable& item : list) ++starts[((item.begin >> shift) & 0xff) + 1];
    if (std::ranges::find(starts, list.size()) != starts.end()) continue;  // all alike here
    for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    for (const sortable& item : list) other[starts[(item.begin >> shift) & 0xff]++] = item;
    list.swap(other);
  }
}

bool same_text(pattern_reader a, pattern_reader b) {
  for (;;) {
    const int in_a = a.next();
    if (in_a != b.next()) return false;
    if (in_a < 0) return true;
  }
}

}  // namespace

name_table::name_table(const name_table& other) {
  other.merge_pending();
  text_ = other.text_;
  entries_ = other.entries_;
  slots_ = other.slots_;
  sets_.reserve(other.sets_.size());
  for (const auto& set : other.sets_) {
    sets_.push_back(set ? std::make_unique<index_set>(*set) : nullptr);
  }
  size_ = other.size_.load();
}

name_table::~name_table() { delete order_.load(); }

bool name_table::has_pattern(const entry& e, std::string_view pattern) const noexcept {
  if (e.indexes != single) return text_of(e) == pattern;
  return same_text({text_of(e), true}, {pattern, false});
}

name_table::entry_id name_table::find(std::string_view pattern, std::uint32_t hash) const noexcept {
  if (slots_.empty()) return no_entry;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const slot s = slots_[i];
    if (s.id == no_entry) return no_entry;
    if (s.hash == hash && has_pattern(entries_[s.id], pattern)) return s.id;
  }
}

// At most three quarters of the slots are taken: the search for a free one always ends.
void name_table::grow_slots() {
  std::size_t size = std::max<std::size_t>(8, slots_.size());
  while ((entries_.size() + 1) * 4 > size * 3) size *= 2;
  slots_.assign(size, {0, no_entry});
  for (entry_id id = 0; id < entries_.size(); ++id) take_slot(entries_[id].hash, id);
}

void name_table::take_slot(std::uint32_t hash, entry_id id) noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  while (slots_[i].id != no_entry) i = (i + 1) & mask;
  slots_[i] = {hash, id};
}

name_table::entry_id name_table::add_entry(std::string_view text, std::uint32_t hash,
                                           std::uint32_t indexes) {
  if (text_.size() + text.size() >= no_entry) throw std::length_error("host set: too much text");
  if ((entries_.size() + 1) * 4 > slots_.size() * 3) grow_slots();
  const auto id = static_cast<entry_id>(entries_.size());
  entries_.push_back({static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(text.size()), hash, indexes});
  text_ += text;
  take_slot(hash, id);
  return id;
}

// The indexes of an entry, made from its only name if need be. `keys` is used as scratch.
index_set& name_table::as_set(entry& e, std::string_view pattern, std::vector<index_key>& keys) {
  if (e.indexes != single) return *sets_[e.indexes];
  std::string own;
  split_name(text_of(e), own, keys);
  sets_.push_back(std::make_unique<index_set>(keys.size()));
  e.indexes = static_cast<std::uint32_t>(sets_.size() - 1);
  sets_.back()->add(keys);
  if (pattern.size() <= e.length) {
    text_.replace(e.text, pattern.size(), pattern);
  } else {
    e.text = static_cast<std::uint32_t>(text_.size());
    text_ += pattern;
  }
  e.length = static_cast<std::uint32_t>(pattern.size());
  return *sets_.back();
}

void name_table::changed() noexcept {
  merged_.store(false, std::memory_order_relaxed);
  if (!order_.load(std::memory_order_relaxed)) return;
  delete order_.exchange(nullptr);
}

void name_table::reserve(std::size_t names, std::size_t text) {
  entries_.reserve(entries_.size() + names);
  text_.reserve(text_.size() + text);
}

void name_table::trim() {
  if (entries_.capacity() > entries_.size() * 5 / 4) entries_.shrink_to_fit();
  if (text_.capacity() > text_.size() * 5 / 4) text_.shrink_to_fit();
}

void name_table::add_name(std::string_view name) {
  split_name(name, scratch_, scratch_keys_);
  const std::uint32_t hash = hash_of(scratch_);
  const entry_id id = find(scratch_, hash);
  changed();
  if (id == no_entry) {
    add_entry(name, hash, single);
    return;
  }
  entry& e = entries_[id];
  if (e.indexes == single && text_of(e) == name) return;
  std::vector<index_key> old;
  as_set(e, scratch_, old).add(scratch_keys_);
}

void name_table::add_boxes(std::string_view pattern, box sides) {
  const std::uint32_t hash = hash_of(pattern);
  entry_id id = find(pattern, hash);
  changed();
  if (id == no_entry) {
    sets_.push_back(std::make_unique<index_set>(sides.size()));
    id = add_entry(pattern, hash, static_cast<std::uint32_t>(sets_.size() - 1));
  }
  as_set(entries_[id], pattern, scratch_keys_).add(std::move(sides));
}

void name_table::merge_pending() const {
  if (merged_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(settling_);
  // Pending names are part of the value already: sorting them in changes nothing that can be seen.
  if (!merged_.load(std::memory_order_relaxed)) const_cast<name_table*>(this)->merge_pending_now();
}

void name_table::merge_pending_now() {
  std::uint64_t size = entries_.size();
  for (const auto& set : sets_) {
    if (!set) continue;
    set->merge_pending();
    size += set->count() - 1;
  }
  size_.store(size, std::memory_order_relaxed);
  merged_.store(true, std::memory_order_release);
}

std::unique_ptr<index_set> name_table::set_of(const entry& e) const {
  if (e.indexes != single) return std::make_unique<index_set>(*sets_[e.indexes]);
  std::string pattern;
  std::vector<index_key> keys;
  split_name(text_of(e), pattern, keys);
  auto set = std::make_unique<index_set>(keys.size());
  set->add(keys);
  set->merge_pending();
  return set;
}

// The entry of this table with the same pattern; `pattern` receives it.
name_table::entry_id name_table::find_same(const name_table& other, const entry& e,
                                           std::string& pattern) const {
  if (e.indexes == single) {
    std::vector<index_key> keys;
    split_name(other.text_of(e), pattern, keys);
  } else {
    pattern = other.text_of(e);
  }
  return find(pattern, e.hash);
}

void name_table::unite_entry(const name_table& other, const entry& e) {
  if (e.indexes == single) return add_name(other.text_of(e));
  const std::string_view pattern = other.text_of(e);
  const entry_id id = find(pattern, e.hash);
  if (id == no_entry) {
    sets_.push_back(std::make_unique<index_set>(*other.sets_[e.indexes]));
    add_entry(pattern, e.hash, static_cast<std::uint32_t>(sets_.size() - 1));
    return;
  }
  index_set& mine = as_set(entries_[id], pattern, scratch_keys_);
  mine.merge_pending();
  mine.apply(*other.sets_[e.indexes], set_operation::unite);
}

// Rebuilds the table without the entries that `kept` refuses.
void name_table::keep_only(const std::function<bool(entry&)>& kept) {
  std::string text;
  std::vector<entry> entries;
  std::vector<std::unique_ptr<index_set>> sets;
  for (entry& e : entries_) {
    if (!kept(e)) continue;
    entry moved = e;
    moved.text = static_cast<std::uint32_t>(text.size());
    text += text_of(e);
    if (e.indexes != single) {
      moved.indexes = static_cast<std::uint32_t>(sets.size());
      sets.push_back(std::move(sets_[e.indexes]));
    }
    entries.push_back(moved);
  }
  text_ = std::move(text);
  entries_ = std::move(entries);
  sets_ = std::move(sets);
  slots_.clear();
  grow_slots();
}

void name_table::apply(const name_table& other, set_operation op) {
  merge_pending();
  other.merge_pending();
  changed();
  std::string pattern;
  if (op == set_operation::unite) {
    for (const entry& e : other.entries_) unite_entry(other, e);
    return merge_pending();
  }
  std::vector<const entry*> only_theirs;
  if (op == set_operation::exclusive) {
    for (const entry& e : other.entries_) {
      if (find_same(other, e, pattern) == no_entry) only_theirs.push_back(&e);
    }
  }
  keep_only([&](entry& mine) {
    const entry_id id = other.find_same(*this, mine, pattern);
    if (id == no_entry) return op != set_operation::intersect;
    const entry& theirs = other.entries_[id];
    if (mine.indexes == single && theirs.indexes == single &&
        text_of(mine) == other.text_of(theirs)) {
      return op == set_operation::intersect;
    }
    index_set& set = as_set(mine, pattern, scratch_keys_);
    set.merge_pending();
    set.apply(*other.set_of(theirs), op);
    return set.count() > 0;
  });
  for (const entry* e : only_theirs) unite_entry(other, *e);
  merge_pending();
}

std::uint64_t name_table::size() const {
  merge_pending();
  return size_.load(std::memory_order_relaxed);
}

bool name_table::contains(std::string_view name) const {
  merge_pending();
  std::string pattern;
  std::vector<index_key> keys;
  split_name(name, pattern, keys);
  const entry_id id = find(pattern, hash_of(pattern));
  if (id == no_entry) return false;
  const entry& e = entries_[id];
  return e.indexes == single ? text_of(e) == name : sets_[e.indexes]->contains(keys);
}

bool name_table::contains(const name_table& other) const {
  merge_pending();
  other.merge_pending();
  std::string pattern;
  return std::ranges::all_of(other.entries_, [&](const entry& theirs) {
    const entry_id id = find_same(other, theirs, pattern);
    if (id == no_entry) return false;
    const entry& mine = entries_[id];
    if (theirs.indexes == single && mine.indexes == single) {
      return text_of(mine) == other.text_of(theirs);
    }
    const auto left = other.set_of(theirs);
    left->apply(mine.indexes == single ? *set_of(mine) : *sets_[mine.indexes],
                set_operation::subtract);
    return left->count() == 0;
  });
}

bool name_table::equals(const name_table& other) const {
  return size() == other.size() && contains(other);
}

// The first eight characters of a pattern as a number that compares as they do.
std::uint64_t name_table::begin_of(const entry& e) const noexcept {
  pattern_reader reader{text_of(e), e.indexes == single};
  std::uint64_t begin = 0;
  for (int i = 0; i < 8; ++i) {
    const int c = reader.next();
    if (c < 0) return begin << (8 * (8 - i));
    begin = (begin << 8) | static_cast<std::uint64_t>(c);
  }
  return begin;
}

bool name_table::before(entry_id a, entry_id b) const noexcept {
  pattern_reader in_a{text_of(entries_[a]), entries_[a].indexes == single};
  pattern_reader in_b{text_of(entries_[b]), entries_[b].indexes == single};
  for (;;) {
    const int x = in_a.next();
    const int y = in_b.next();
    if (x != y) return x < y;
    if (x < 0) return false;
  }
}

std::unique_ptr<name_table::ordering> name_table::make_ordering() const {
  std::vector<sortable> list(entries_.size());
  for (entry_id id = 0; id < list.size(); ++id) list[id] = {begin_of(entries_[id]), id};
  sort_by_begin(list);
  // Patterns that begin alike are compared to their end.
  for (std::size_t i = 0; i < list.size();) {
    std::size_t end = i + 1;
    while (end < list.size() && list[end].begin == list[i].begin) ++end;
    const auto alike = std::span(list).subspan(i, end - i);
    std::ranges::sort(alike, [this](const auto& a, const auto& b) { return before(a.id, b.id); });
    i = end;
  }
  auto made = std::make_unique<ordering>();
  made->entries.reserve(list.size());
  made->starts.reserve(list.size());
  std::uint64_t count = 0;
  for (const sortable& item : list) {
    const entry& e = entries_[item.id];
    made->entries.push_back(item.id);
    made->starts.push_back(count);
    count += e.indexes == single ? 1 : sets_[e.indexes]->count();
  }
  return made;
}

const name_table::ordering& name_table::ordered() const {
  merge_pending();
  if (const ordering* known = order_.load(std::memory_order_acquire)) return *known;
  auto made = make_ordering();
  const ordering* expected = nullptr;
  if (order_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *expected;
}

std::size_t name_table::patterns() const {
  merge_pending();
  return entries_.size();
}

name_table::view name_table::at(std::size_t i) const {
  const entry& e = entries_[ordered().entries[i]];
  if (e.indexes == single) return {text_of(e), {}, nullptr};
  return {{}, text_of(e), sets_[e.indexes].get()};
}

name_table::place name_table::find_nth(std::uint64_t n) const {
  assert(n < size());
  const auto& starts = ordered().starts;
  const auto after = std::ranges::upper_bound(starts, n);
  const auto pattern = static_cast<std::size_t>(after - starts.begin()) - 1;
  return {pattern, starts[pattern]};
}

}  // namespace execo::detail
