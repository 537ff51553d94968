#include "shape/work_pool.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {
namespace {

constexpr given_hosts::taker here = 0;
constexpr child_slot ends = 0;  // of the list of those that wait

// How long a child may have hosts and tell of none, at least.
constexpr std::chrono::microseconds least_patience = std::chrono::seconds(1);

}  // namespace

void pool_decisions::clear() noexcept {
  start.clear();
  give.clear();
  take_back.clear();
  spans.clear();
  parent = to_parent::nothing;
  credit = 0;
}

work_pool::work_pool(const pool_rules& rules) noexcept : rules_(rules), window_(rules.window) {}

// --- events -----------------------------------------------------------------------------------

void work_pool::add(std::span<const host_span> hosts, pool_decisions& out) {
  for (const host_span& one : hosts) take_in(one, out);
  settle(out);
}

bool work_pool::receive(std::span<const host_span> hosts, pool_decisions& out) {
  std::uint64_t count = 0;
  for (const host_span& one : hosts) count += one.under == anybody ? one.count : 0;
  if (count > 0) {
    if (request_ != request::asked || count > asked_) return false;
    request_ = request::none;
  }
  // Its parent has given it those of its own zone first.
  if (rules_.zone == 0 && !hosts.empty()) rules_.zone = hosts.front().zone;
  add(hosts, out);
  return true;
}

child_slot work_pool::host_up(host_index host, connect_window::duration took, child_role role,
                              pool_decisions& out) {
  auto what = given_.remove(host, here);
  assert(what);
  window_.succeeded(what->mark, took);
  child_slot slot = new_child();
  child(slot).zone = what->zone;
  bool may_have_children = role == child_role::inner && rules_.depth + 1 < rules_.max_depth;
  set_appetite(slot, may_have_children ? appetite::unknown : appetite::full);
  if (may_have_children)
    leader_ended(host, slot, out);
  else
    leader_gone(host);
  settle(out);
  return slot;
}

void work_pool::host_failed(host_index host, connect_failure why, pool_decisions& out) {
  auto what = given_.remove(host, here);
  assert(what);
  if (why == connect_failure::turned_away)
    window_.turned_away(what->mark);
  else
    window_.failed();
  leader_gone(host);
  settle(out);
}

bool work_pool::host_ended(child_slot slot, host_index host, host_fate fate, pool_decisions& out) {
  assert(child(slot).wants != appetite::none);
  if (!given_.remove(host, slot)) return false;
  child(slot).progress = now_;
  if (fate == host_fate::up)
    leader_ended(host, slot, out);
  else
    leader_gone(host);
  settle(out);
  return true;
}

void work_pool::child_asks(child_slot slot, std::uint32_t credit, pool_decisions& out) {
  assert(child(slot).wants != appetite::none);
  if (child(slot).wants == appetite::waiting) dequeue(slot);
  child(slot).credit = std::min(credit, max_credit);
  if (credit == 0) {
    set_appetite(slot, appetite::full);
  } else {
    set_appetite(slot, appetite::waiting);
    enqueue(slot);
  }
  settle(out);
}

void work_pool::child_lost(child_slot slot, pool_decisions& out) {
  assert(child(slot).wants != appetite::none);
  if (child(slot).wants == appetite::waiting) dequeue(slot);
  set_appetite(slot, appetite::none);
  host_spans back;
  given_.take_back(slot, back);
  bound_.way_lost(slot);
  for (const host_span& one : back) queue_.add(one);
  child(slot) = child_state{};
  child(slot).after = unused_;
  unused_ = slot;
  settle(out);
}

void work_pool::revoke(std::span<const host_span> wanted, host_spans& back) {
  for (const host_span& one : wanted) queue_.take_fresh(one, back);
}

bool work_pool::child_returns(child_slot slot, std::span<const host_span> hosts,
                              pool_decisions& out) {
  child_state& of = child(slot);
  assert(of.wants != appetite::none);
  if (of.back != revocation::asked) return false;
  std::uint64_t count = 0;
  for (const host_span& one : hosts) count += one.count;
  if (count > of.taken_back) return false;
  for (const host_span& one : hosts) {
    for (std::uint64_t host = one.first; host < one.end(); ++host) {
      auto what = given_.remove(static_cast<host_index>(host), slot);
      if (!what) return false;
      queue_.add({static_cast<host_index>(host), 1, what->zone, what->claim});
    }
  }
  of.back = revocation::none;
  of.progress = now_;
  settle(out);
  return true;
}

void work_pool::tick(std::chrono::microseconds now, pool_decisions& out) {
  now_ = now;
  if (!queue_.empty() || wanted() == 0) return;
  for (child_slot slot = 1; slot < children_.size(); ++slot)
    if (is_slow(slot)) take_back_from(slot, out);
}

void work_pool::set_arity(std::uint32_t arity, pool_decisions& out) {
  rules_.arity = std::max(arity, 1U);
  settle(out);
}

// --- shapes by hand ---------------------------------------------------------------------------

void work_pool::take_in(const host_span& hosts, pool_decisions& out) {
  if (hosts.leads)
    for (std::uint64_t host = hosts.first; host < hosts.end(); ++host)
      bound_.expect(static_cast<host_index>(host));
  if (hosts.under == anybody || (hosts.under != rules_.self && !bound_.leads(hosts.under))) {
    queue_.add(hosts);
  } else if (hosts.under == rules_.self) {
    own_.add(hosts);
  } else if (child_slot way = bound_.way_to(hosts.under); way != bound_hosts::not_up) {
    give(way, {hosts}, out);
  } else {
    bound_.wait(hosts);
  }
}

// It is up, here or further below: those that waited for it go that way.
void work_pool::leader_ended(host_index host, child_slot by, pool_decisions& out) {
  if (!bound_.leads(host)) return;
  host_spans waited = bound_.leader_up(host, by);
  if (!waited.empty()) give(by, waited, out);
}

void work_pool::leader_gone(host_index host) {
  for (const host_span& one : bound_.leader_gone(host)) queue_.add(one);
}

void work_pool::give(child_slot slot, const host_spans& hosts, pool_decisions& out) {
  auto first = static_cast<std::uint32_t>(out.spans.size());
  marked_.clear();
  for (const host_span& one : hosts) bound_.mark(one, marked_);
  out.spans.insert(out.spans.end(), marked_.begin(), marked_.end());
  for (const host_span& one : hosts)
    for (std::uint64_t host = one.first; host < one.end(); ++host)
      given_.add(static_cast<host_index>(host), slot, {one.zone, 0, one.claim});
  out.give.push_back({slot, first, static_cast<std::uint32_t>(marked_.size())});
}

// --- children ---------------------------------------------------------------------------------

work_pool::child_state& work_pool::child(child_slot slot) noexcept {
  assert(slot < children_.size());
  return children_[slot];
}

child_slot work_pool::new_child() {
  if (children_.empty()) children_.resize(1);
  child_slot slot = unused_;
  if (slot != 0) {
    unused_ = child(slot).after;
  } else {
    slot = static_cast<child_slot>(children_.size());
    children_.emplace_back();
  }
  child(slot) = child_state{};
  child(slot).progress = now_;
  return slot;
}

void work_pool::set_appetite(child_slot slot, appetite wants) noexcept {
  auto lives = [](appetite a) { return a != appetite::none; };
  auto may_ask = [&](appetite a) { return lives(a) && a != appetite::full; };
  auto steals = [](appetite a) { return a == appetite::waiting || a == appetite::served; };
  appetite before = child(slot).wants;
  child(slot).wants = wants;
  live_ += lives(wants) - lives(before);
  may_ask_ += may_ask(wants) - may_ask(before);
  thieves_ += steals(wants) - steals(before);
}

// First come, first served.
void work_pool::enqueue(child_slot slot) noexcept {
  child_state& of = child(slot);
  of.after = ends;
  of.before = child(ends).before;
  child(of.before).after = slot;
  child(ends).before = slot;
  waiting_credit_ += of.credit;
}

void work_pool::dequeue(child_slot slot) noexcept {
  child_state& of = child(slot);
  child(of.before).after = of.after;
  child(of.after).before = of.before;
  waiting_credit_ -= of.credit;
}

// --- decisions --------------------------------------------------------------------------------

std::uint32_t work_pool::room_below_arity() const noexcept {
  std::uint64_t used = std::uint64_t{live_} + in_flight();
  if (rules_.depth >= rules_.max_depth || used >= rules_.arity) return 0;
  return std::min<std::uint32_t>(window_.room(), rules_.arity - static_cast<std::uint32_t>(used));
}

// Hosts that are here and that nobody below wants are started, whatever the arity says.
std::uint32_t work_pool::room_to_start() const noexcept {
  return all_full() ? window_.room() : room_below_arity();
}

std::uint32_t work_pool::wanted() const noexcept {
  return std::min(room_below_arity() + waiting_credit_, max_credit);
}

// Its own connections come first: they are what makes the tree grow.
void work_pool::settle(pool_decisions& out) {
  start_here(out);
  serve_thieves(out);
  if (!is_root()) ask_parent(out);
}

void work_pool::start_here(pool_decisions& out) {
  while (!own_.empty() && window_.room() > 0) {
    own_.take_in_turn(out.start);
    begin(out.start.back());
  }
  while (!queue_.empty() && room_to_start() > 0) {
    if (is_root())
      queue_.take_in_turn(out.start);  // the first host of each zone is the root's
    else
      queue_.take(rules_.zone, 1, out.start);
    begin(out.start.back());
  }
}

void work_pool::begin(const host_span& last) {
  auto host = static_cast<host_index>(last.end() - 1);
  given_.add(host, here, {last.zone, window_.begin(), last.claim});
}

void work_pool::serve_thieves(pool_decisions& out) {
  while (!queue_.empty() && !children_.empty() && child(ends).after != ends)
    serve(child(ends).after, out);
}

// Half of what is left, shared by the thieves and by those that are being started: the other half
// is for those that come later. A new thief is given little, until it has shown that it comes back
// for more.
void work_pool::serve(child_slot slot, pool_decisions& out) {
  dequeue(slot);
  set_appetite(slot, appetite::served);
  child_state& of = child(slot);
  const std::uint64_t shares = 2 * (std::uint64_t{thieves_} + in_flight());
  std::uint64_t share = (queue_.size() + shares - 1) / shares;
  std::uint64_t most = std::min<std::uint64_t>({of.credit, of.batch, share});
  of.batch = std::min(of.batch * 2, max_credit);
  of.progress = given_.size(slot) == 0 ? now_ : of.progress;
  taken_.clear();
  queue_.take(of.zone, most, taken_);
  give(slot, taken_, out);
}

void work_pool::ask_parent(pool_decisions& out) noexcept {
  if (!queue_.empty() || request_ == request::asked) return;
  std::uint32_t credit = wanted();
  bool is_full =
      credit == 0 && in_flight() == 0 && (all_full() || rules_.depth >= rules_.max_depth);
  if (credit > 0) {
    request_ = request::asked;
    asked_ = credit;
    out.parent = pool_decisions::to_parent::ask;
    out.credit = credit;
  } else if (is_full && request_ != request::full) {
    request_ = request::full;
    out.parent = pool_decisions::to_parent::full;
    out.credit = 0;
  }
}

// --- slow children ----------------------------------------------------------------------------

bool work_pool::is_slow(child_slot slot) const noexcept {
  const child_state& of = children_[slot];
  if (of.wants == appetite::none || of.back == revocation::asked || given_.size(slot) == 0)
    return false;
  return now_ - of.progress >= std::max(least_patience, 2 * window_.typical());
}

void work_pool::take_back_from(child_slot slot, pool_decisions& out) {
  child_state& of = child(slot);
  of.back = revocation::asked;
  of.taken_back = std::min(wanted(), given_.size(slot));
  taken_.clear();
  given_.newest(slot, of.taken_back, taken_);
  std::ranges::sort(taken_, {}, &host_span::first);
  auto first = static_cast<std::uint32_t>(out.spans.size());
  out.spans.insert(out.spans.end(), taken_.begin(), taken_.end());
  out.take_back.push_back({slot, first, static_cast<std::uint32_t>(taken_.size())});
}

std::size_t work_pool::bytes() const noexcept {
  constexpr std::size_t map_node = 40;  // of the library, beside what it holds
  return sizeof *this + given_.bytes() + children_.capacity() * sizeof(child_state) +
         (queue_.spans() + own_.spans()) * (map_node + 12);
}

}  // namespace execo::detail
