#include "process/command_guard.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cassert>
#include <new>
#include <string>

#include "process/memory_program.hpp"
#include "process/spawn.hpp"

// The program of src/guard, as it was built.
EXECO_EMBEDDED_PROGRAM(execo_guard_program, EXECO_GUARD_PROGRAM);

namespace execo::detail {
namespace {

void reap(const unique_fd& pidfd) noexcept {
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

/// It leaves a child of its own behind, which is the guard.
bool start_guard(int table, int owner, int alive) {
  unique_fd program =
      program_in_memory("execo-guard", execo_guard_program, execo_guard_program_end);
  if (!program) return false;
  spawn_request what;
  what.argv.push_back("/proc/self/fd/" + std::to_string(program.get()));
  what.inherit_environment = false;
  what.directory = "/";
  what.around = surroundings::none();
  what.descriptors = {{table, guard_table_fd, "the table of a guard"},
                      {owner, guard_owner_fd, "a pidfd for a guard"},
                      {alive, guard_alive_fd, "a pipe for a guard"}};
  spawn_result made = spawn(what);
  if (made.error != 0) return false;
  reap(made.pidfd);
  return true;
}

}  // namespace

guarded guarded_by(kill_scope scope) noexcept {
  if (scope == kill_scope::process) return guarded::process;
  return scope == kill_scope::session ? guarded::session : guarded::group;
}

command_guard::~command_guard() {
  if (table_ == nullptr) return;
  // A copy that the application forked may keep the pipe open.
  char all_ended = 1;
  (void)!::write(alive_.get(), &all_ended, 1);
  (void)::munmap(table_, guard_table::bytes);
}

void command_guard::start_once() {
  if (!std::exchange(tried_, true)) start();
}

void command_guard::remove_at_kill(std::string_view directory) {
  assert(directory.starts_with('/') && directory.size() < sizeof(guarded_directory::path));
  start_once();
  if (table_ == nullptr) return;
  assert(table_->directory.path[0] == '\0');
  directory.copy(table_->directory.path, sizeof table_->directory.path - 1);
}

guard_slot* command_guard::take() {
  start_once();
  if (table_ == nullptr) return nullptr;
  if (!free_.empty()) {
    guard_slot* again = free_.back();
    free_.pop_back();
    return again;
  }
  std::uint64_t used = table_->used;
  if (used == guard_table::capacity) return nullptr;
  free_.reserve(used + 1);
  __atomic_store_n(&table_->used, used + 1, __ATOMIC_RELEASE);
  return table_->slots + used;
}

// There is room for all that were ever taken.
void command_guard::give_back(guard_slot* slot) noexcept {
  __atomic_store_n(slot, guard_slot{0}, __ATOMIC_RELEASE);
  free_.push_back(slot);
}

void command_guard::start() {
  // All processes of a container end with its first one.
  if (::getpid() == 1) return;
  unique_fd file(::memfd_create("execo-commands", MFD_CLOEXEC));
  unique_fd owner(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  int ends[2];
  if (!file || !owner || ::ftruncate(file.get(), guard_table::bytes) != 0) return;
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  unique_fd alive(ends[0]);
  alive_.reset(ends[1]);
  if (!alive || !alive_) return;
  void* memory =
      ::mmap(nullptr, guard_table::bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return;
  if (start_guard(file.get(), owner.get(), alive.get())) {
    table_ = static_cast<guard_table*>(memory);
  } else {
    (void)::munmap(memory, guard_table::bytes);
    alive_.reset();
  }
}

void guarded_command::take(loop& on) {
  loop_ = &on;
  slot_ = on.service<command_guard>().take();
}

void guarded_command::forget() noexcept {
  if (slot_ == nullptr) return;
  known_ = __atomic_exchange_n(slot_, guard_slot{0}, __ATOMIC_ACQ_REL);
}

void guarded_command::remember() noexcept {
  if (slot_ != nullptr) __atomic_store_n(slot_, known_, __ATOMIC_RELEASE);
}

void guarded_command::give_back() noexcept {
  // A fork copy of this program shares the slot, and does not own it.
  if (slot_ == nullptr || loop_->is_copy()) return;
  loop_->service<command_guard>().give_back(slot_);
  slot_ = nullptr;
}

}  // namespace execo::detail
