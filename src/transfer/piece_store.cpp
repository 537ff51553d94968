#include "transfer/piece_store.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace execo::detail {

piece_store::piece_store(loop& on)
    : loop_(on), notice_(delegate<>::to<&piece_store::notify_waiters>(this)) {
  std::size_t loops = std::max<std::size_t>(1, on.rings().size());
  room_ = std::max<std::size_t>(1, max_bytes / piece_size / loops);
}

piece_store::~piece_store() { assert(!waiters_.linked()); }

piece_store::piece* piece_store::find(const void* of, std::uint64_t number) noexcept {
  auto found = pieces_.find(key{of, number});
  if (found == pieces_.end()) return nullptr;
  piece& p = *found->second;
  if (p.holders_++ == 0) p.unlink();
  return &p;
}

std::unique_ptr<char[]> piece_store::take_room() {
  if (room_ > 0) {
    auto made = std::make_unique_for_overwrite<char[]>(piece_size);
    --room_;
    return made;
  }
  if (!unheld_.linked()) return nullptr;
  auto& oldest = static_cast<piece&>(*unheld_.next());
  oldest.unlink();
  std::unique_ptr<char[]> bytes = std::move(oldest.bytes_);
  pieces_.erase(key{oldest.of_, oldest.number_});
  return bytes;
}

piece_store::piece* piece_store::make(const void* of, std::uint64_t number) {
  auto made = std::make_unique<piece>();
  made->bytes_ = take_room();
  if (!made->bytes_) return nullptr;
  made->of_ = of;
  made->number_ = number;
  made->holders_ = 1;
  piece& kept = *made;
  try {
    pieces_.emplace(key{of, number}, std::move(made));
  } catch (...) {
    ++room_;
    throw;
  }
  return &kept;
}

void piece_store::give_back(piece& p) noexcept {
  assert(p.holders_ > 0);
  if (--p.holders_ > 0) return;
  p.link_before(unheld_);
  if (waiters_.linked() && !std::exchange(notice_queued_, true)) loop_.defer(notice_);
}

void piece_store::drop(piece& p) noexcept {
  assert(p.holders_ == 1);
  ++room_;
  pieces_.erase(key{p.of_, p.number_});
  if (waiters_.linked() && !std::exchange(notice_queued_, true)) loop_.defer(notice_);
}

void piece_store::forget(const void* of) noexcept {
  for (list_node* n = unheld_.next(); n != &unheld_;) {
    auto& p = static_cast<piece&>(*n);
    n = n->next();
    if (p.of_ != of) continue;
    p.unlink();
    ++room_;
    pieces_.erase(key{p.of_, p.number_});
  }
}

// Those that find no room once more wait again, behind the others.
void piece_store::notify_waiters() noexcept {
  notice_queued_ = false;
  list_node turn;
  while (waiters_.linked()) waiters_.next()->link_before(turn);
  while (turn.linked()) {
    auto& w = static_cast<piece_waiter&>(*turn.next());
    w.unlink();
    w.on_room();
  }
}

}  // namespace execo::detail
