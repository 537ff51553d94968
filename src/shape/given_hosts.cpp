#include "shape/given_hosts.hpp"

#include <bit>
#include <cassert>

namespace execo::detail {

// Neighbours by index are given together: the multiplication spreads them.
std::size_t given_hosts::home(host_index host) const noexcept {
  std::uint32_t mixed = host * 0x9e3779b1U;
  return mixed >> (32 - std::countr_zero(slots_.size()));
}

std::size_t given_hosts::slot_of(host_index host) const noexcept {
  std::size_t slot = home(host);
  while (slots_[slot] != nothing && entries_[slots_[slot]].host != host)
    slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void given_hosts::grow() {
  slots_.assign(slots_.empty() ? 8 : slots_.size() * 2, nothing);
  for (const list& of : takers_)
    for (entry_id id = of.oldest; id != nothing; id = entries_[id].newer)
      slots_[slot_of(entries_[id].host)] = id;
}

given_hosts::entry_id given_hosts::new_entry() {
  if (unused_ != nothing) {
    entry_id id = unused_;
    unused_ = entries_[id].older;
    return id;
  }
  entries_.emplace_back();
  return static_cast<entry_id>(entries_.size() - 1);
}

void given_hosts::add(host_index host, taker to, const record& what) {
  if (hosts_ + 1 > slots_.size() * 3 / 4) grow();
  if (to >= takers_.size()) takers_.resize(to + 1);
  entry_id id = new_entry();
  list& of = takers_[to];
  std::size_t slot = slot_of(host);
  assert(slots_[slot] == nothing);
  entries_[id] = {host, to, of.newest, nothing, what};
  slots_[slot] = id;
  (of.newest == nothing ? of.oldest : entries_[of.newest].newer) = id;
  of.newest = id;
  ++of.count;
  ++hosts_;
}

bool given_hosts::has(host_index host, taker of) const noexcept {
  if (empty()) return false;
  entry_id id = slots_[slot_of(host)];
  return id != nothing && entries_[id].by == of;
}

std::optional<given_hosts::record> given_hosts::remove(host_index host, taker from) {
  if (empty()) return std::nullopt;
  std::size_t slot = slot_of(host);
  entry_id id = slots_[slot];
  if (id == nothing || entries_[id].by != from) return std::nullopt;
  record what = entries_[id].what;
  unlink(entries_[id]);
  erase(slot);
  return what;
}

void given_hosts::unlink(const entry& one) noexcept {
  list& of = takers_[one.by];
  (one.older == nothing ? of.oldest : entries_[one.older].newer) = one.newer;
  (one.newer == nothing ? of.newest : entries_[one.newer].older) = one.older;
  --of.count;
}

// What stands behind the slot moves up, so that no search ends too early.
void given_hosts::clear_slot(std::size_t slot) noexcept {
  std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (hole + 1) & mask; slots_[next] != nothing; next = (next + 1) & mask) {
    std::size_t from = home(entries_[slots_[next]].host);
    if (((next - from) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = nothing;
}

// An empty one keeps little memory: nearly all nodes of a tree have nothing most of the time.
void given_hosts::erase(std::size_t slot) noexcept {
  entry_id id = slots_[slot];
  clear_slot(slot);
  entries_[id].older = unused_;
  unused_ = id;
  if (--hosts_ > 0 || entries_.size() <= few) return;
  std::vector<entry>().swap(entries_);
  std::vector<entry_id>().swap(slots_);
  unused_ = nothing;
}

void given_hosts::newest(taker of, std::uint64_t most, host_spans& to) const {
  if (of >= takers_.size()) return;
  for (entry_id id = takers_[of].newest; id != nothing && most > 0; --most) {
    const entry& one = entries_[id];
    append_span(to, {one.host, 1, one.what.zone, one.what.claim});
    id = one.older;
  }
}

void given_hosts::take_back(taker from, host_spans& to) {
  if (from >= takers_.size()) return;
  while (takers_[from].count > 0) {
    const entry& one = entries_[takers_[from].oldest];
    append_span(to, {one.host, 1, one.what.zone, host_claim::doubtful});
    std::size_t slot = slot_of(one.host);
    unlink(one);
    erase(slot);
  }
}

std::size_t given_hosts::bytes() const noexcept {
  return entries_.capacity() * sizeof(entry) + slots_.capacity() * sizeof(entry_id) +
         takers_.capacity() * sizeof(list);
}

}  // namespace execo::detail
