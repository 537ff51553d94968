// One output stream of one run, on our side: what is kept of it, where else it goes, and what waits
// for a reader. All on the run's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "io/line_splitter.hpp"
#include "io/output_file.hpp"
#include "io/stdio_spec.hpp"

namespace execo::detail {

class output_stream_owner {
 public:
  /// holds_back() may have changed, or flushed().
  virtual void on_stream_moved() noexcept = 0;
  /// A sink cannot take what comes. The stream goes on without it.
  virtual void on_stream_failed(std::error_code why, std::string context) noexcept = 0;

 protected:
  ~output_stream_owner() = default;
};

class output_stream final : private output_file_owner {
 public:
  /// `kept` is the result's.
  output_stream(loop& on, output_stream_owner& owner, std::string& kept) noexcept
      : loop_(on), owner_(owner), kept_(kept) {}

  /// `inherited`: our own stream of that number. Null spec: a capture.
  void configure(const sink_spec* spec, std::size_t default_cap, int inherited);
  /// The only sink, if it is a descriptor that a child can have as its own; else null.
  output_file* sole_file() noexcept;
  /// The stream goes past us.
  void set_direct() noexcept { direct_ = true; }
  bool direct() const noexcept { return direct_; }
  /// The sink promises how little the command may run ahead, pipe included.
  bool bounds_the_pipe() const noexcept { return keep_unread_; }
  /// Opens the files of sinks that do not wait for their first byte; the context tells which
  /// failed.
  std::error_code open(std::string& context);

  void take(std::span<const char> bytes);
  /// Nothing more comes.
  void end() noexcept;
  bool ended() const noexcept { return ended_; }
  /// Back-pressure: a reader or a file has to take bytes first.
  bool holds_back() const noexcept;
  /// The run is being ended: what finds no room is dropped from now on.
  void drain_now() noexcept { draining_now_ = true; }
  /// Nothing waits to be written to a file.
  bool flushed() const noexcept;
  void give_up() noexcept;
  bool busy() const noexcept;
  /// When all is over: completes `kept`, and gives files their names or removes them.
  std::error_code finalize(bool whole, std::string& context);

  std::uint64_t total() const noexcept { return total_; }
  std::uint64_t dropped() const noexcept { return dropped_; }
  /// A capture that was to keep some of it has no room for all.
  bool capped() const noexcept { return dropped_ > 0 && cap_ + tail_cap_ > 0; }
  /// False when a reader or a sink missed bytes that it was promised.
  bool complete() const noexcept { return complete_; }

  // -- for a reader -------------------------------------------------------------------------------
  /// From now on every byte is kept until it is read.
  void begin_reading() noexcept { reading_ = true; }
  /// Bytes went by that no sink kept; what comes from now on follows. Told once.
  /// Pre: unread() is empty.
  bool take_gap() noexcept;
  bool has_gap() const noexcept { return gap_; }
  std::string_view unread() const noexcept;
  void consume(std::size_t count);
  /// Of the first unread byte in the stream; bytes that a gap took count.
  std::uint64_t position() const noexcept { return position_; }
  /// The byte before the first unread one stands before it in memory. Not at the beginning, nor
  /// after a gap.
  bool has_byte_before() const noexcept { return cursor_ > 0; }
  /// Calls `waiter` once when there are more bytes, or the end. Up to `wanted` bytes are gathered
  /// before back-pressure sets in. Pre: no reader waits.
  void wait(delegate<> waiter, std::size_t wanted) noexcept;
  void leave() noexcept;
  /// There was no memory for bytes that a reader was promised.
  bool starved() const noexcept { return starved_; }
  bool awaited() const noexcept { return static_cast<bool>(waiter_); }

 private:
  static constexpr std::size_t reader_room = 64 * 1024;
  static constexpr std::size_t hurried_room = 1024 * 1024;
  enum class rest : std::uint8_t { ignore, drop, tail, file, end, queue };
  struct line_sink {
    const std::function<void(std::string_view)>* handler;
    line_splitter splitter;
  };

  void add(const sink_spec& spec, std::size_t default_cap, int inherited);
  void keep(std::span<const char> bytes);
  void keep_rest(std::span<const char> bytes);
  void keep_tail(std::span<const char> bytes);
  void queue(std::span<const char> bytes);
  void notify_handlers(std::span<const char> bytes);
  void drop_handlers(const std::exception_ptr& error) noexcept;
  void starve(const std::exception_ptr& error) noexcept;
  void count_what_is_not_kept() noexcept;
  void complete_kept();
  void wake_reader() noexcept;
  void on_file_flushed() noexcept override { owner_.on_stream_moved(); }
  void on_file_failed(std::error_code why, std::string context) noexcept override {
    owner_.on_stream_failed(why, std::move(context));
  }

  loop& loop_;
  output_stream_owner& owner_;
  std::string& kept_;  // a prefix of the stream, until finalize() adds the tail
  std::size_t cap_ = 0;
  std::size_t room_ = reader_room;  // of what is unread
  rest rest_ = rest::ignore;
  std::uint64_t total_ = 0;
  std::uint64_t dropped_ = 0;
  std::string tail_;  // a ring, once it is full
  std::size_t tail_at_ = 0;
  std::size_t tail_cap_ = 0;
  std::vector<std::unique_ptr<output_file>> files_;
  std::unique_ptr<output_file> spill_;
  std::vector<const std::function<void(std::string_view)>*> handlers_;
  std::vector<std::unique_ptr<line_sink>> lines_;

  delegate<> waiter_;
  std::size_t wanted_ = 0;  // by the waiter
  std::size_t cursor_ = 0;  // of the reader in kept_, or in unread_ once queued_
  std::uint64_t position_ = 0;
  std::string unread_;        // after a byte that was read
  bool queued_ = false;       // what follows kept_ is in unread_
  bool past_ = false;         // the stream is longer than kept_
  bool keep_unread_ = false;  // in the result
  bool reading_ = false;
  bool gap_ = false;
  bool direct_ = false;
  bool draining_now_ = false;
  bool ended_ = false;
  bool starved_ = false;  // nothing is kept any more
  bool complete_ = true;
};

}  // namespace execo::detail
