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

#include "execo/detail/output_charge.hpp"
#include "execo/status.hpp"
#include "io/output_file.hpp"
#include "io/stdio_spec.hpp"

namespace execo::detail {

class output_capture {
 public:
  /// `text` is the result's, and so is `charge`, from which all that is kept is taken. When nothing
  /// is left there, it keeps no more, but for `always_kept` bytes of the beginning and of the end.
  output_capture(std::string& text, output_charge& charge) noexcept
      : text_(text), charge_(charge) {}

  /// Enough for a message that says what went wrong.
  static constexpr std::size_t always_kept = 4096;

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
    std::size_t wanted = text_.size() + bytes.size();
    if (wanted > head_.charged && head_.charged < head_.cap) extend(head_, wanted);
    std::size_t taken = std::min(head_.charged - text_.size(), bytes.size());
    text_.append(bytes.data(), taken);
    return bytes.subspan(taken);
  }
  /// Takes what take_head() returned. False: the file does not take all of it.
  bool take_beyond(std::span<const char> bytes);
  /// The run has to end: there was more than the cap, which is what the command may write.
  bool ends_the_run() const noexcept {
    return beyond_ == beyond::ended && text_.size() + dropped_ > cap_;
  }
  /// As configured.
  std::size_t cap() const noexcept { return cap_; }

  /// The beginning, also when the end has been added to the text.
  std::string_view head() const noexcept { return std::string_view(text_).substr(0, head_.cap); }
  /// Bytes that are kept.
  std::size_t size() const noexcept { return text_.size() + tail_.size(); }
  /// Bytes that are neither kept nor in the file.
  std::uint64_t dropped() const noexcept { return dropped_; }
  /// Why some of what was to be kept is not.
  output_limit limit() const noexcept {
    if (dropped_ == 0 || cap_ == 0) return output_limit::none;
    return refused_ ? output_limit::context : output_limit::stream;
  }

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
  /// Makes the charge what is kept. Pre: nothing comes any more.
  void charge_exactly() noexcept;

 private:
  enum class beyond : std::uint8_t { ignored, dropped, tail, file, ended };
  /// head: all that came is in the text. beyond: more came; there is no way back.
  enum class reach : std::uint8_t { head, beyond };

  /// Holds at most `cap` bytes. So much of it is charged, in steps, before bytes come; all of it
  /// once the budget refused more.
  struct part {
    std::size_t cap = 0;
    std::size_t charged = 0;
  };

  void extend(part& of, std::size_t wanted) noexcept;
  void keep_tail(std::span<const char> bytes);

  std::string& text_;  // a prefix of the stream, until complete() adds the tail
  output_charge& charge_;
  std::size_t cap_ = 0;
  part head_;
  beyond beyond_ = beyond::ignored;
  reach reached_ = reach::head;
  bool refused_ = false;  // by the budget
  std::uint64_t dropped_ = 0;
  std::string tail_;  // a ring, once it is full
  std::size_t tail_at_ = 0;
  part tail_room_;
  std::unique_ptr<output_file> spill_;
};

}  // namespace execo::detail
