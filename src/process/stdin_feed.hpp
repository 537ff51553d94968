// What a command reads, on the way to a transport: its input text, a file, a shared input, or what
// a writer gives.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "execo/command.hpp"
#include "io/input_file.hpp"
#include "process/taken_stdio.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// Notified from the loop.
class stdin_owner {
 public:
  /// The source cannot be read on; the command gets the end of file.
  virtual void on_input_failed(std::error_code why, std::string context) noexcept = 0;
  /// After close(): it is not busy any more.
  virtual void on_input_idle() noexcept = 0;

 protected:
  ~stdin_owner() = default;
};

class stdin_feed final : private input_file_owner {
 public:
  stdin_feed(loop& on, transport& to, const command& what, stdin_owner& owner) noexcept
      : loop_(on), transport_(to), command_(what), owner_(owner) {}

  /// Lets the transport give the source to the command, or opens it here. {} or why not; the
  /// context says what. Pre: the transport is not open.
  std::error_code set_up(const taken_stdio& stdio, std::string& context);
  /// The command runs.
  void begin();
  /// Of the bytes that the transport has.
  void on_written(std::size_t count);
  /// The command takes no more.
  void on_refused();
  /// The run is being closed: nothing more is given to the transport.
  void close() noexcept;
  bool busy() const noexcept { return file_ && file_->busy(); }
  /// All is over: a writer gets back what was not taken.
  void finalize() noexcept;

  // -- for a writer -----------------------------------------------------------------------------
  bool is_fed_by_writer() const noexcept { return source_ == source::writer; }
  bool has_writer() const noexcept { return static_cast<bool>(writer_); }
  /// The bytes stay valid until `writer` is notified how many were not taken, and whether that is
  /// because the command takes no more. Pre: !has_writer().
  void write(delegate<std::size_t, bool> writer, std::span<const char> bytes) noexcept;
  /// The writer is notified soon.
  void stop_writing() noexcept;
  /// The end of file, after what is being written.
  void end_writing() noexcept;

 private:
  // direct: the transport has given it to the command.
  enum class source : std::uint8_t { text, file, writer, direct };
  // waiting -> feeding -> refused -> over; from each to over. waiting: for the command to run.
  enum class stage : std::uint8_t { waiting, feeding, refused, over };

  bool feeds() const noexcept { return stage_ == stage::feeding || stage_ == stage::refused; }
  void feed_text();
  void close_input();
  void key_written(std::size_t count);
  void notify_writer(bool closed) noexcept;
  void on_file_bytes(std::span<const char> bytes) noexcept override;
  void on_file_end(int error) noexcept override;

  loop& loop_;
  transport& transport_;
  const command& command_;
  stdin_owner& owner_;
  std::unique_ptr<input_reader> file_;
  delegate<std::size_t, bool> writer_;
  std::span<const char> to_write_;
  std::string_view end_keys_;  // of a terminal, once they are in flight
  source source_ = source::text;
  stage stage_ = stage::waiting;
  bool ends_ = false;           // the writer said so
  bool in_line_ = false;        // the last byte that was written was not a newline
  bool write_stopped_ = false;  // the writer waits only for its bytes
};

}  // namespace execo::detail
