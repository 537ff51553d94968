// What ssh takes from the program's environment: read by the thread that asks for an action,
// because no other thread may read environ while the application changes it.
#pragma once

#include <string>

namespace execo::detail {

class ssh_caller {
 public:
  /// Thread: the one that asks for the action.
  static ssh_caller now();

  /// $HOME, or the home of the user database.
  std::string home() const;
  /// With a leading "~/" replaced.
  std::string expand_home(const std::string& path) const;
  /// The name in the user database, or $USER.
  std::string user() const;
  /// $TERM, as ssh names a terminal.
  const std::string& terminal() const noexcept { return terminal_; }

 private:
  std::string home_;  // empty: not set
  std::string user_;  // empty: not set
  std::string terminal_;
};

}  // namespace execo::detail
