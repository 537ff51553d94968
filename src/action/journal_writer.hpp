// What an action writes down of its run while it goes on. A command never runs on a host before the
// record of that attempt is in the file: what is read there after the end of this process, however
// that came, has no host as not started where the command was begun.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "action/journal_file.hpp"
#include "execo/host.hpp"
#include "execo/host_result.hpp"
#include "execo/journal.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// One attempt on a host: when it began, and when it entered its phases. On the host's ring, then
/// on the action's loop.
class attempt_times {
 public:
  explicit attempt_times(clock::time_point begun) noexcept : begun_(begun) {}
  /// A phase that it comes back to, on another connection, counts from then.
  void enter(phase where, clock::time_point now) noexcept {
    entered_[static_cast<std::size_t>(where)] = now - begun_;
  }
  /// {"connect":0.000123,...}: seconds since it began.
  std::string to_json() const;

 private:
  static constexpr clock::duration never{-1};
  static constexpr std::array<clock::duration, phase_count> none() {
    std::array<clock::duration, phase_count> all{};
    all.fill(never);
    return all;
  }
  clock::time_point begun_;
  std::array<clock::duration, phase_count> entered_ = none();
};

/// idle -> open -> over: the file is there; its first record, too; the action has ended. A new file
/// is removed with it if it was idle all the time.
class journal_writer {
 public:
  /// Makes the file, or takes that of a run that is to go on. Throws: journal_error.
  explicit journal_writer(journal_options how);
  journal_writer(const journal_writer&) = delete;
  journal_writer& operator=(const journal_writer&) = delete;
  ~journal_writer();

  // -- configuration ----------------------------------------------------------------------------
  /// Of a run that goes on: takes the hosts away that are not to be run, and returns the positions
  /// of the others. Throws: journal_error.
  std::vector<std::size_t> take_over(std::vector<host>& hosts);

  // -- on the action's loop ---------------------------------------------------------------------
  /// Writes the first record, or what is to say of hosts whose end is not known. Throws:
  /// journal_error.
  void begin(loop& on, const std::string& command, const std::vector<host>& hosts,
             const std::function<void(std::string_view)>& on_notice);
  /// Null: the times of its last attempt are not known any more. Throws: std::bad_alloc.
  void end(const host_result& r, const attempt_times* times);
  /// The last host has ended: the disk takes what is left, off the loop.
  void finish() noexcept;
  /// Thrown by the action at its end.
  std::exception_ptr problem() const;

  // -- from any thread --------------------------------------------------------------------------
  /// False: the command must not be begun. Throws: std::bad_alloc.
  bool attempt(std::size_t index, unsigned number, const host& where);
  bool failed() const noexcept { return file_->failed(); }

 private:
  enum class stage : std::uint8_t { idle, open, over };

  void begin_new(const std::string& command, const std::vector<host>& hosts);
  void begin_again();
  void check_hosts(const std::vector<host>& hosts) const;
  unsigned attempts_before(std::size_t index) const noexcept;
  void sync_soon() noexcept;
  void submit_sync() noexcept;

  const journal_options how_;
  std::shared_ptr<journal_file> file_;
  std::vector<host> hosts_;             // of a run that goes on: all of them
  std::vector<journal_entry> entries_;  // the same
  std::vector<bool> under_way_;         // the same: without an end
  std::uint64_t size_ = 0;              // of its file
  loop* loop_ = nullptr;                // from begin() to finish()
  stage stage_ = stage::idle;
  deadline_timer sync_;
};

}  // namespace execo::detail
