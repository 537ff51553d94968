// Commands end with this program, however it ends: a small process beside it, started with the
// first command of a loop, kills those that still run when this process is gone, and removes the
// directory that they share. It knows them from memory that both share, so one command more costs
// it nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/guard_table.hpp"
#include "execo/attributes.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// On the loop's thread.
class command_guard final : public loop_service {
 public:
  explicit command_guard(loop&) noexcept {}
  ~command_guard() override;

  /// A free slot, for a command that is about to be started; null when there is no guard, as where
  /// no more processes are allowed.
  guard_slot* take();
  void give_back(guard_slot* slot) noexcept;
  /// The directory is removed with all files in it if this process is killed, after the commands.
  /// Without a guard it stays.
  /// Pre: the path is absolute and fits into a guarded_directory; there was none before.
  void remove_at_kill(std::string_view directory);

 private:
  void start_once();
  void start();

  guard_table* table_ = nullptr;
  unique_fd alive_;  // a pipe that the guard reads
  bool tried_ = false;
  std::vector<guard_slot*> free_;
};

/// A command's place with the guard.
class guarded_command {
 public:
  guarded_command() noexcept = default;
  guarded_command(const guarded_command&) = delete;
  guarded_command& operator=(const guarded_command&) = delete;
  ~guarded_command() { give_back(); }

  /// Its child fills in the slot, before it executes.
  void take(loop& on);
  guard_slot* slot() const noexcept { return slot_; }
  /// Before its number may become another's. A command that did not end after all comes back.
  void forget() noexcept;
  void remember() noexcept;
  void give_back() noexcept;

 private:
  loop* loop_ = nullptr;
  guard_slot* slot_ = nullptr;
  guard_slot known_ = 0;
};

guarded guarded_by(kill_scope scope) noexcept;

}  // namespace execo::detail
