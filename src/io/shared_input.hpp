// One input that many commands read, each from its beginning. Whichever of them is at the end of
// what is known, and first wants more, reads on for all: so the input is read as fast as the
// fastest one takes it. What was read is kept for the others.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>

#include "base/fd.hpp"
#include "execo/detail/node.hpp"
#include "io/input_file.hpp"
#include "io/input_spool.hpp"

namespace execo::detail {

/// Thread: any. Commands on several loops share it.
class shared_input {
 public:
  /// `given`: the number that it had, for messages.
  shared_input(unique_fd from, int given, std::size_t memory = input_spool::default_memory) noexcept
      : from_(std::move(from)), given_(given), spool_(memory) {}

  std::string name() const { return "descriptor " + std::to_string(given_); }

 private:
  friend class shared_input_reader;

  // unread -> reading -> unread, ended or failed.
  enum class state : std::uint8_t { unread, reading, ended, failed };

  // -- with the lock ------------------------------------------------------------------------------
  void take(std::span<const char> bytes) noexcept;
  void fail(std::error_code why, std::string_view step, const std::string& what) noexcept;
  void notify_waiters() noexcept;

  std::mutex mutex_;
  unique_fd from_;
  int given_;
  state state_ = state::unread;
  input_spool spool_;
  list_node waiters_;  // at the end of what is known
  std::error_code why_;
  std::string failed_step_;
};

/// Of one command, on its loop.
class shared_input_reader final : public input_reader, private list_node, private input_file_owner {
 public:
  shared_input_reader(loop& on, input_file_owner& owner, std::shared_ptr<shared_input> from);
  ~shared_input_reader() override;

  std::error_code open(std::string&) override { return {}; }
  void read() override;
  void close() noexcept override;
  bool busy() const noexcept override;
  std::string failed_step() const override { return failed_step_; }

 private:
  friend class shared_input;

  // idle -> waiting -> notified -> idle: another one reads. idle -> reading -> notified: this one
  // does. waiting -> idle: it is closed. Another thread changes waiting, with the lock.
  enum class state : std::uint8_t { idle, waiting, reading, notified };
  /// From the file, a piece is copied: small, since each command has its own.
  static constexpr std::size_t copied_piece = std::size_t{16} * 1024;

  void deliver(std::unique_lock<std::mutex> lock);
  void deliver_copied(std::unique_lock<std::mutex> lock);
  void wait_for_more(std::unique_lock<std::mutex> lock);
  void read_for_all();
  void end(int error, std::string step) noexcept;
  void leave_reading(bool loses_bytes) noexcept;
  /// Soon, on its own loop, it goes on. With the lock.
  void notify() noexcept;
  void on_notified();
  void on_file_bytes(std::span<const char> bytes) noexcept override;
  void on_file_end(int error) noexcept override;

  loop& loop_;
  input_file_owner& owner_;
  std::shared_ptr<shared_input> input_;
  std::uint64_t position_ = 0;
  state state_ = state::idle;
  bool closed_ = false;
  queue_node notice_;
  std::unique_ptr<input_file> source_;  // while it reads for all
  std::unique_ptr<char[]> copied_;
  std::string failed_step_;
};

}  // namespace execo::detail
