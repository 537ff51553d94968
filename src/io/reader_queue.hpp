// What a coroutine reads of an output: first what the capture holds of it, then bytes that are kept
// until they are read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "execo/detail/delegate.hpp"
#include "io/output_capture.hpp"

namespace execo::detail {

//   source     what is unread                                     leaves by
//   captured   in the capture, which has all that came so far     more than that holds: queued if
//                                                                 every byte is to be read, else
//                                                                 missed
//   missed     in the capture; what came then was not kept        take_gap(): queued
//   queued     here                                               -
class reader_queue {
 public:
  static constexpr std::size_t default_room = 64 * 1024;
  /// For what comes while a run is being ended, which is not held back.
  static constexpr std::size_t hurried_room = 1024 * 1024;

  explicit reader_queue(const output_capture& first) noexcept : captured_(first) {}

  /// Of what is unread, before back-pressure sets in.
  void set_room(std::size_t bytes) { queued().room = bytes; }
  /// From now on every byte is kept until it is read.
  void begin_reading() noexcept { reads_all_ = true; }

  /// Takes what the capture has no room for. `hurried`: drops what finds none here. False: some of
  /// it was dropped, though every byte is to be read.
  bool take(std::span<const char> bytes, bool hurried);
  /// A reader has to take bytes first.
  bool full() const noexcept {
    return source_ == source::queued && waiting() >= std::max(queue_->room, wanted_);
  }
  /// Bytes that found no room.
  std::uint64_t dropped() const noexcept { return queue_ ? queue_->dropped : 0; }
  /// Those that a reader left are not shown in the result, either.
  /// Pre: set_room() was called.
  void note_unread_dropped() noexcept { queue_->dropped += unread().size(); }

  /// Bytes went by that were not kept; what comes from now on, at `position`, follows. Once.
  /// Pre: unread() is empty.
  bool take_gap(std::uint64_t position) noexcept;
  bool has_gap() const noexcept { return source_ == source::missed; }
  std::string_view unread() const noexcept;
  void consume(std::size_t count);
  /// Of the first unread byte in the stream; bytes that a gap took count.
  std::uint64_t position() const noexcept { return position_; }
  /// The byte before the first unread one stands before it in memory. Not at the beginning, nor
  /// after a gap.
  bool has_byte_before() const noexcept { return cursor_ > 0; }

  /// Calls `waiter` once when woken. Up to `wanted` bytes are gathered before back-pressure sets
  /// in. Pre: no reader waits.
  void wait(delegate<> waiter, std::size_t wanted) noexcept;
  void leave() noexcept;
  bool awaited() const noexcept { return static_cast<bool>(waiter_); }
  /// There are more bytes, or the end.
  void wake() noexcept;

 private:
  enum class source : std::uint8_t { captured, missed, queued };

  /// What a command needs whose output is read, or is more than the capture holds.
  struct contents {
    std::string text;  // after a byte that was read
    std::uint64_t dropped = 0;
    std::size_t room = default_room;
  };

  contents& queued() {
    if (!queue_) queue_ = std::make_unique<contents>();
    return *queue_;
  }
  std::size_t waiting() const noexcept { return queue_->text.size() - cursor_; }
  void begin_queue();
  void trim();

  const output_capture& captured_;
  source source_ = source::captured;
  bool reads_all_ = false;
  std::size_t cursor_ = 0;  // of the reader, in the capture or in the queue
  std::unique_ptr<contents> queue_;
  std::uint64_t position_ = 0;
  std::size_t wanted_ = 0;  // by the waiter
  delegate<> waiter_;
};

}  // namespace execo::detail
