#include "hosts/name_table.hpp"

#include <algorithm>
#include <stdexcept>

#include "hosts/hashing.hpp"

namespace execo::detail {

namespace {

std::uint32_t hash_of(std::string_view pattern) {
  const std::uint64_t hash = hash_text(pattern);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
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
  other.settle();
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
  for (std::size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    const entry_id id = slots_[slot];
    if (id == no_entry) return no_entry;
    if (entries_[id].hash == hash && has_pattern(entries_[id], pattern)) return id;
  }
}

void name_table::grow_slots() {
  slots_.assign(std::max<std::size_t>(8, slots_.size() * 2), no_entry);
  const std::size_t mask = slots_.size() - 1;
  for (entry_id id = 0; id < entries_.size(); ++id) {
    std::size_t slot = entries_[id].hash & mask;
    while (slots_[slot] != no_entry) slot = (slot + 1) & mask;
    slots_[slot] = id;
  }
}

name_table::entry_id name_table::add_entry(std::string_view text, std::uint32_t hash,
                                           std::uint32_t indexes) {
  if (text_.size() + text.size() >= no_entry) throw std::length_error("host set: too much text");
  if ((entries_.size() + 1) * 4 > slots_.size() * 3) grow_slots();
  const auto id = static_cast<entry_id>(entries_.size());
  entries_.push_back({static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(text.size()), hash, indexes});
  text_ += text;
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != no_entry) slot = (slot + 1) & mask;
  slots_[slot] = id;
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
  settled_.store(false, std::memory_order_relaxed);
  delete order_.exchange(nullptr);
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

void name_table::settle() const {
  if (settled_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(settling_);
  // Pending names are part of the value already: sorting them in changes nothing that can be seen.
  if (!settled_.load(std::memory_order_relaxed)) const_cast<name_table*>(this)->settle_now();
}

void name_table::settle_now() {
  std::uint64_t size = entries_.size();
  for (const auto& set : sets_) {
    if (!set) continue;
    set->settle();
    size += set->count() - 1;
  }
  size_.store(size, std::memory_order_relaxed);
  settled_.store(true, std::memory_order_release);
}

std::unique_ptr<index_set> name_table::set_of(const entry& e) const {
  if (e.indexes != single) return std::make_unique<index_set>(*sets_[e.indexes]);
  std::string pattern;
  std::vector<index_key> keys;
  split_name(text_of(e), pattern, keys);
  auto set = std::make_unique<index_set>(keys.size());
  set->add(keys);
  set->settle();
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
  mine.settle();
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
  while (entries_.size() * 4 > slots_.size() * 3) grow_slots();
}

void name_table::apply(const name_table& other, set_operation op) {
  settle();
  other.settle();
  changed();
  std::string pattern;
  if (op == set_operation::unite) {
    for (const entry& e : other.entries_) unite_entry(other, e);
    return settle();
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
    if (mine.indexes == single && theirs.indexes == single && text_of(mine) == other.text_of(theirs)) {
      return op == set_operation::intersect;
    }
    index_set& set = as_set(mine, pattern, scratch_keys_);
    set.settle();
    set.apply(*other.set_of(theirs), op);
    return set.count() > 0;
  });
  for (const entry* e : only_theirs) unite_entry(other, *e);
  settle();
}

std::uint64_t name_table::size() const {
  settle();
  return size_.load(std::memory_order_relaxed);
}

bool name_table::contains(std::string_view name) const {
  settle();
  std::string pattern;
  std::vector<index_key> keys;
  split_name(name, pattern, keys);
  const entry_id id = find(pattern, hash_of(pattern));
  if (id == no_entry) return false;
  const entry& e = entries_[id];
  return e.indexes == single ? text_of(e) == name : sets_[e.indexes]->contains(keys);
}

bool name_table::contains(const name_table& other) const {
  settle();
  other.settle();
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

std::unique_ptr<name_table::ordering> name_table::make_ordering() const {
  struct sortable {
    std::uint64_t begin;  // the first eight characters: most comparisons need no more
    entry_id id;
  };
  std::vector<sortable> list(entries_.size());
  const auto reader = [&](entry_id id) {
    return pattern_reader{text_of(entries_[id]), entries_[id].indexes == single};
  };
  for (entry_id id = 0; id < list.size(); ++id) {
    pattern_reader text = reader(id);
    std::uint64_t begin = 0;
    for (int i = 0; i < 8; ++i) {
      const int c = text.next();
      begin = (begin << 8) | static_cast<std::uint64_t>(c < 0 ? 0 : c);
    }
    list[id] = {begin, id};
  }
  std::ranges::sort(list, [&](const sortable& a, const sortable& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    pattern_reader in_a = reader(a.id);
    pattern_reader in_b = reader(b.id);
    for (;;) {
      const int x = in_a.next();
      const int y = in_b.next();
      if (x != y) return x < y;
      if (x < 0) return false;
    }
  });
  auto made = std::make_unique<ordering>();
  made->entries.reserve(list.size());
  made->starts.reserve(list.size());
  std::uint64_t before = 0;
  for (const sortable& item : list) {
    const entry& e = entries_[item.id];
    made->entries.push_back(item.id);
    made->starts.push_back(before);
    before += e.indexes == single ? 1 : sets_[e.indexes]->count();
  }
  return made;
}

const name_table::ordering& name_table::ordered() const {
  settle();
  if (const ordering* known = order_.load(std::memory_order_acquire)) return *known;
  auto made = make_ordering();
  const ordering* expected = nullptr;
  if (order_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *expected;
}

std::size_t name_table::patterns() const {
  settle();
  return entries_.size();
}

name_table::view name_table::at(std::size_t i) const {
  const entry& e = entries_[ordered().entries[i]];
  if (e.indexes == single) return {text_of(e), {}, nullptr};
  return {{}, text_of(e), sets_[e.indexes].get()};
}

name_table::place name_table::find_nth(std::uint64_t n) const {
  const auto& starts = ordered().starts;
  const auto after = std::ranges::upper_bound(starts, n);
  const auto pattern = static_cast<std::size_t>(after - starts.begin()) - 1;
  return {pattern, starts[pattern]};
}

}  // namespace execo::detail
