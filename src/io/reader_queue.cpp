#include "io/reader_queue.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {

bool reader_queue::take(std::span<const char> bytes, bool hurried) {
  if (source_ == source::captured) begin_queue();
  if (source_ != source::queued) return true;
  std::size_t taken = bytes.size();
  if (hurried) {
    std::size_t most = std::max(queue_->room, wanted_) + hurried_room;
    taken = std::min(most - std::min(most, waiting()), bytes.size());
    queue_->dropped += bytes.size() - taken;
  }
  trim();
  queue_->text.append(bytes.data(), taken);
  return taken == bytes.size();
}

void reader_queue::begin_queue() {
  contents& all = queued();
  if (!reads_all_) {
    source_ = source::missed;
    return;
  }
  std::size_t from = cursor_ > 0 ? cursor_ - 1 : 0;
  all.text = captured_.head().substr(from);
  cursor_ -= from;
  source_ = source::queued;
}

void reader_queue::trim() {
  if (cursor_ <= default_room || cursor_ <= queue_->text.size() / 2) return;
  queue_->text.erase(0, cursor_ - 1);
  cursor_ = 1;
}

bool reader_queue::take_gap(std::uint64_t position) noexcept {
  assert(unread().empty());
  if (!has_gap()) return false;
  source_ = source::queued;
  cursor_ = 0;
  position_ = position;
  return true;
}

std::string_view reader_queue::unread() const noexcept {
  std::string_view all =
      source_ == source::queued ? std::string_view(queue_->text) : captured_.head();
  return all.substr(std::min(cursor_, all.size()));
}

void reader_queue::consume(std::size_t count) {
  cursor_ += count;
  position_ += count;
  if (source_ != source::queued || cursor_ <= 1 || cursor_ != queue_->text.size()) return;
  queue_->text.erase(0, cursor_ - 1);
  cursor_ = 1;
}

void reader_queue::wait(delegate<> waiter, std::size_t wanted) noexcept {
  assert(!awaited());
  waiter_ = waiter;
  wanted_ = wanted;
}

void reader_queue::leave() noexcept {
  waiter_ = {};
  wanted_ = 0;
}

void reader_queue::wake() noexcept {
  if (!waiter_) return;
  delegate<> waiter = waiter_;
  leave();
  waiter();
}

}  // namespace execo::detail
