// What a child inherits from this process in addition to its descriptors: the environment, the
// directory and the file mode mask, as they are when a start is asked for. The start itself may
// come on a later turn, on another thread, when the application has changed all of them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/directory_copy.hpp"

namespace execo::detail {

/// A copy of environ.
class environment_copy {
 public:
  environment_copy();
  /// Without a variable.
  explicit environment_copy(std::nullptr_t) : pointers_(1, nullptr) {}
  environment_copy(const environment_copy&) = delete;
  environment_copy& operator=(const environment_copy&) = delete;

  bool is_current() const noexcept;
  /// Null-terminated.
  char* const* variables() const noexcept { return pointers_.data(); }

 private:
  std::unique_ptr<char[]> bytes_;
  std::vector<char*> pointers_;
};

class surroundings {
 public:
  /// What follows the request: an awaiting coroutine stands still until its command runs,
  /// a caller of start() goes on and may change everything.
  enum class caller : bool { stands_still, goes_on };

  /// Thread: the one that asks for the start, and no other. What did not change since the last
  /// start that is still to come is shared with it.
  static std::shared_ptr<const surroundings> now(caller then);
  /// The environment alone, for programs that need no directory: it costs no descriptor.
  /// Thread: as now().
  static std::shared_ptr<const surroundings> variables_now();
  /// The mask alone.
  static std::optional<mode_t> umask_now(caller then) noexcept;
  /// No variable, and no directory of its own: for programs of ours.
  /// Thread: any.
  static std::shared_ptr<const surroundings> none();

  char* const* variables() const noexcept { return environment_->variables(); }
  /// Null if there is no such variable.
  const char* find(std::string_view name) const noexcept;
  const directory_copy& directory() const noexcept { return *directory_; }
  /// None: inherited when the child is started. The mask is read for 15 us where there are other
  /// threads, so only for a caller that goes on.
  const std::optional<mode_t>& umask() const noexcept { return umask_; }

 private:
  std::shared_ptr<const environment_copy> environment_;
  std::shared_ptr<const directory_copy> directory_;
  std::optional<mode_t> umask_;
};

}  // namespace execo::detail
