// What a result keeps of an output: its beginning and, of what comes beyond that, nothing, the end,
// or all of it in a file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "io/output_file.hpp"
#include "io/stdio_spec.hpp"

namespace execo::detail {

class output_capture {
 public:
  /// `text` is the result's.
  explicit output_capture(std::string& text) noexcept : text_(text) {}

  /// Keeps the first `cap` bytes.
  void configure(std::size_t cap) noexcept;
  /// As a capture says, whose overflow is not left to a reader. Makes the file for the rest, if
  /// there is one.
  void configure(const sink_spec& spec, std::size_t default_cap, loop& on,
                 output_file_owner& owner);
  /// Something is to be kept, or counted.
  bool configured() const noexcept { return beyond_ != beyond::ignored; }

  /// Takes what there is room for, and returns what is beyond that.
  std::span<const char> take_head(std::span<const char> bytes) {
    std::size_t taken = std::min(cap_ - text_.size(), bytes.size());
    text_.append(bytes.data(), taken);
    return bytes.subspan(taken);
  }
  /// Takes what take_head() returned. False: the file does not take all of it.
  bool take_beyond(std::span<const char> bytes);
  /// The run has to end once there is more than the cap.
  bool ends_the_run() const noexcept { return beyond_ == beyond::ended; }
  std::size_t cap() const noexcept { return cap_; }

  /// The beginning, also when the end has been added to the text.
  std::string_view head() const noexcept { return std::string_view(text_).substr(0, cap_); }
  /// Bytes that are kept.
  std::size_t size() const noexcept { return text_.size() + tail_.size(); }
  /// Bytes beyond the cap that are neither kept nor in the file.
  std::uint64_t dropped() const noexcept { return dropped_; }
  /// Of what was to be kept there is more than there is room for.
  bool capped() const noexcept { return dropped_ > 0 && cap_ + tail_cap_ > 0; }

  // -- the file -----------------------------------------------------------------------------------
  bool full() const noexcept { return spill_ && spill_->full(); }
  bool flushed() const noexcept { return !spill_ || spill_->flushed(); }
  bool busy() const noexcept { return spill_ && spill_->busy(); }
  void give_up() noexcept {
    if (spill_) spill_->give_up();
  }
  /// Null while nothing came beyond the cap.
  output_file* file() noexcept { return reached_ == reach::beyond ? spill_.get() : nullptr; }

  // -- the end ------------------------------------------------------------------------------------
  /// Adds the end to the text. After an exception it is dropped.
  void complete();
  /// Shows something else in place of what was kept.
  void replace(std::string_view text) { text_.assign(text); }

 private:
  enum class beyond : std::uint8_t { ignored, dropped, tail, file, ended };
  /// head: all that came is in the text. beyond: more came; there is no way back.
  enum class reach : std::uint8_t { head, beyond };

  void keep_tail(std::span<const char> bytes);

  std::string& text_;  // a prefix of the stream, until complete() adds the tail
  std::size_t cap_ = 0;
  beyond beyond_ = beyond::ignored;
  reach reached_ = reach::head;
  std::uint64_t dropped_ = 0;
  std::string tail_;  // a ring, once it is full
  std::size_t tail_at_ = 0;
  std::size_t tail_cap_ = 0;
  std::unique_ptr<output_file> spill_;
};

}  // namespace execo::detail
