#include "tree/folded_runs.hpp"

#include <cassert>
#include <cstring>
#include <iterator>
#include <utility>

#include "wire/fold_table.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

// -- a run ----------------------------------------------------------------------------------------

bool folded_run::waiting_host::note(mark what) noexcept {
  const auto bit = static_cast<std::uint8_t>(what);
  const bool is_new = (told & bit) == 0;
  told = static_cast<std::uint8_t>(told | bit);
  return is_new;
}

std::size_t folded_run::digest_hash::operator()(const bytes16& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

void folded_run::leave(std::uint32_t host) noexcept {
  auto found = hosts_.find(host);
  if (found != hosts_.end()) found->second.seat = nullptr;
}

// A block is all that its hosts have printed. Who forges a digest gets no further than this run on
// its own link. A host prints once, so there are no more blocks than hosts have outputs.
std::optional<std::string_view> folded_run::bytes_of(const folded_message& block) {
  auto known = blocks_.find(block.digest);
  if (known != blocks_.end()) {
    if (block.has_bytes && block.bytes != known->second) return std::nullopt;
    return known->second;
  }
  const bool is_whole = block.offset == 0 && !block.bytes.empty();
  if (!block.has_bytes || !is_whole || block.bytes.size() > fold_limit) return std::nullopt;
  if (fold_table::digest_of(block.bytes) != block.digest) return std::nullopt;
  return blocks_.emplace(block.digest, block.bytes).first->second;
}

// -- orders ---------------------------------------------------------------------------------------

void folded_runs::join(tree_seat& seat, execute_message&& order) {
  if (order_.run == 0) order_ = std::move(order);
  assert(order_.run != 0 && order_.more == 0);
  seat.run_in_tree = order_.run;
  seat.link_before(waiting_);
}

execute_message folded_runs::take_order(list_node& seats) {
  while (waiting_.linked()) waiting_.next()->link_before(seats);
  return std::exchange(order_, execute_message());
}

// -- runs -----------------------------------------------------------------------------------------

std::shared_ptr<folded_run> folded_runs::find(std::uint32_t run, std::uint32_t link) const {
  auto known = links_.find(run);
  if (known == links_.end()) return nullptr;
  auto part = known->second.find(link);
  return part == known->second.end() ? nullptr : part->second;
}

folded_run& folded_runs::open(std::uint32_t run, std::uint32_t link) {
  std::shared_ptr<folded_run>& made = links_[run][link];
  assert(made == nullptr);
  made = std::make_shared<folded_run>();
  return *made;
}

void folded_runs::forget(std::uint32_t run, std::uint32_t link) {
  auto known = links_.find(run);
  if (known == links_.end()) return;
  auto part = known->second.find(link);
  if (part == known->second.end() || !part->second->is_over()) return;
  known->second.erase(part);
  if (known->second.empty()) links_.erase(known);
}

void folded_runs::leave(const tree_seat& seat) noexcept {
  if (seat.run_in_tree == order_.run) return;
  if (std::shared_ptr<folded_run> of = find(seat.run_in_tree, seat.link_in_tree))
    of->leave(seat.host_in_tree);
}

void folded_runs::drop(std::uint32_t link) {
  for (auto known = links_.begin(); known != links_.end();) {
    known->second.erase(link);
    known = known->second.empty() ? links_.erase(known) : std::next(known);
  }
}

}  // namespace execo::detail
