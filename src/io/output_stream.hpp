// One output stream of one run, on our side: a capture keeps what the result shows of it, a queue
// what a reader still has to read, and sinks pass it on. All on the run's loop.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "io/output_capture.hpp"
#include "io/output_sinks.hpp"
#include "io/reader_queue.hpp"

namespace execo::detail {

class output_stream_owner {
 public:
  /// is_backpressured() may have changed, or flushed().
  virtual void on_stream_moved() noexcept = 0;
  /// A sink cannot take what comes. The stream goes on without it.
  virtual void on_stream_failed(std::error_code why, std::string context) noexcept = 0;

 protected:
  ~output_stream_owner() = default;
};

class output_stream final : private output_file_owner {
 public:
  /// `kept` is the result's, and so is `charge`, which pays for it.
  output_stream(loop& on, output_stream_owner& owner, std::string& kept,
                output_charge& charge) noexcept
      : loop_(on), owner_(owner), capture_(kept, charge), queue_(capture_) {}

  /// `inherited`: our own stream of that number. Null spec: a capture.
  void configure(const sink_spec* spec, std::size_t default_cap, int inherited);
  /// The only sink, if it is a descriptor that a child can have as its own; else null.
  output_file* sole_file() noexcept;
  /// The stream goes past us.
  void set_direct() noexcept { direct_ = true; }
  bool direct() const noexcept { return direct_; }
  /// The sink promises how little the command may run ahead, pipe included.
  bool bounds_the_pipe() const noexcept { return left_to_ == left_to::reader_and_result; }
  /// Opens the files of sinks that do not wait for their first byte; the context says which
  /// failed.
  std::error_code open(std::string& context);

  void take(std::span<const char> bytes);
  /// Nothing more comes.
  void end() noexcept;
  bool ended() const noexcept { return ended_; }
  /// Back-pressure: a reader or a file has to take bytes first.
  bool is_backpressured() const noexcept;
  /// The run is being ended: what finds no room is dropped from now on.
  void drain_now() noexcept { draining_now_ = true; }
  /// Nothing waits to be written to a file.
  bool flushed() const noexcept { return sinks_.flushed() && capture_.flushed(); }
  void give_up() noexcept;
  bool busy() const noexcept { return sinks_.busy() || capture_.busy(); }
  /// When all is over: completes `kept`, and gives files their names or removes them.
  std::error_code finalize(bool whole, std::string& context);

  std::uint64_t total() const noexcept { return total_; }
  std::uint64_t dropped() const noexcept;
  /// Why a capture that was to keep some of it does not have all.
  output_limit limit() const noexcept { return capture_.limit(); }
  /// False when a reader or a sink missed bytes that it was promised.
  bool complete() const noexcept { return passed_on_ == passed_on::all; }

  // -- for a reader -------------------------------------------------------------------------------
  /// From now on every byte is kept until it is read.
  void begin_reading() noexcept { queue_.begin_reading(); }
  /// Bytes went by that no sink kept; what comes from now on follows. Notified once.
  /// Pre: unread() is empty.
  bool take_gap() noexcept { return queue_.take_gap(total_); }
  bool has_gap() const noexcept { return queue_.has_gap(); }
  std::string_view unread() const noexcept { return queue_.unread(); }
  void consume(std::size_t count);
  /// Of the first unread byte in the stream; bytes that a gap took count.
  std::uint64_t position() const noexcept { return queue_.position(); }
  /// The byte before the first unread one stands before it in memory. Not at the beginning, nor
  /// after a gap.
  bool has_byte_before() const noexcept { return queue_.has_byte_before(); }
  /// Calls `waiter` once when there are more bytes, or the end. Up to `wanted` bytes are gathered
  /// before back-pressure sets in. Pre: no reader waits.
  void wait(delegate<> waiter, std::size_t wanted) noexcept;
  void leave() noexcept { queue_.leave(); }
  /// There was no memory for bytes that a reader was promised.
  bool starved() const noexcept { return passed_on_ == passed_on::no_more; }
  bool awaited() const noexcept { return queue_.awaited(); }

 private:
  /// Which part has to take what the capture has no room for.
  enum class left_to : std::uint8_t { capture, reader, reader_and_result };
  //   all      every part has what it was promised     one misses bytes: some; no memory: no_more
  //   some     one misses bytes                        no memory: no_more
  //   no_more  nothing is kept any more                -
  enum class passed_on : std::uint8_t { all, some, no_more };

  void add(const sink_spec& spec, std::size_t default_cap, int inherited);
  void keep(std::span<const char> bytes);
  void keep_beyond(std::span<const char> bytes);
  void note(bool all_taken) noexcept {
    if (!all_taken && passed_on_ == passed_on::all) passed_on_ = passed_on::some;
  }
  void starve(const std::exception_ptr& error) noexcept;
  void drop_handlers(const std::exception_ptr& error) noexcept;
  void on_file_flushed() noexcept override { owner_.on_stream_moved(); }
  void on_file_failed(std::error_code why, std::string context) noexcept override {
    owner_.on_stream_failed(why, std::move(context));
  }

  loop& loop_;
  output_stream_owner& owner_;
  output_capture capture_;
  reader_queue queue_;
  output_sinks sinks_;
  std::uint64_t total_ = 0;
  left_to left_to_ = left_to::capture;
  passed_on passed_on_ = passed_on::all;
  bool direct_ = false;
  bool draining_now_ = false;
  bool ended_ = false;
};

}  // namespace execo::detail
