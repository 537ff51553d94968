// What ssh takes from the program's environment and directory: read by the thread that asks for an
// action, because no other thread may read environ while the application changes it, and the
// directory may be another one when the first host begins.
#pragma once

#include <memory>
#include <string>

#include "process/surroundings.hpp"

namespace execo::detail {

class ssh_caller {
 public:
  /// Thread: the one that asks for the action.
  static ssh_caller now();

  /// $HOME, or the home of the user database; "/" if neither is there.
  const std::string& home() const noexcept { return home_; }
  /// With a leading "~/" replaced, and a relative one begun at the directory.
  std::string path_of(const std::string& given) const;
  /// The name in the user database, or $USER.
  std::string user() const;
  /// $TERM, as ssh names a terminal.
  const std::string& terminal() const noexcept { return terminal_; }
  /// $SSH_AUTH_SOCK; empty: there is none.
  const std::string& agent() const noexcept { return agent_; }
  /// $SHELL, or /bin/sh.
  const std::string& shell() const noexcept { return shell_; }
  /// What programs that are started for ssh inherit; null before ready_to_start().
  const std::shared_ptr<const surroundings>& around() const noexcept { return around_; }
  /// A copy that has it. Thread: as now(), unless this one has it already.
  ssh_caller ready_to_start() const;

 private:
  std::string home_;
  std::string user_;  // empty: not set
  std::string terminal_;
  std::string agent_;
  std::string directory_;  // empty: it has no path
  std::string shell_;
  std::shared_ptr<const surroundings> around_;
};

}  // namespace execo::detail
