// What ssh takes from the program's environment and directory: read by the thread that asks for an
// action, because no other thread may read environ while the application changes it, and the
// directory may be another one when the first host begins.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "process/surroundings.hpp"

namespace execo::detail {

/// The variables of a program at one moment.
class variable_list {
 public:
  /// Thread: one that may read the environment.
  static variable_list now();

  std::optional<std::string_view> find(std::string_view name) const noexcept;
  /// `each` is called with the name and the value of each variable.
  template <class Each>
  void visit(Each&& each) const {
    std::string_view rest = text_;
    while (!rest.empty()) {
      std::string_view one = rest.substr(0, rest.find('\0'));
      rest.remove_prefix(one.size() + 1);
      std::size_t name_end = one.find('=');
      if (name_end != one.npos && name_end > 0)
        each(one.substr(0, name_end), one.substr(name_end + 1));
    }
  }

 private:
  std::string text_;  // NAME=VALUE and a NUL, one after the other
};

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
  /// A copy that has not: they hold a descriptor.
  ssh_caller without_surroundings() const;
  const variable_list& variables() const noexcept { return variables_; }

 private:
  std::string home_;
  std::string user_;  // empty: not set
  std::string terminal_;
  std::string agent_;
  std::string directory_;  // empty: it has no path
  std::string shell_;
  std::shared_ptr<const surroundings> around_;
  variable_list variables_;
};

}  // namespace execo::detail
