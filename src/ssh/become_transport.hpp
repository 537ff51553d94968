// Runs a command as another user of its host, whatever carries it there: `sudo`, `su` or `doas` is
// run there, and gets the password when it asks for it.
//
// The password goes out only after the prompt has come, and before anything of the caller's own
// input: a program that asks for none never has it, and the command never reads it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// What the hosts of one action share.
class become_setup {
 public:
  /// Throws: std::invalid_argument for what cannot be used.
  explicit become_setup(const ssh_options& options);

  const become_method how;
  const std::string user;
  const secret_prompt password;
};

/// The host, as far as it is known here.
class become_place {
 public:
  /// `user`: who logs in, if the host has no user of its own.
  become_place(const host& where, std::string user)
      : name(where.name()), login(where.user().empty() ? std::move(user) : where.user()) {}

  std::string name;
  std::string login;
  bool is_checked = true;  // as far as the policy says, or there is no network on the way to it
};

std::unique_ptr<transport> make_become_transport(loop& on,
                                                 std::shared_ptr<const become_setup> shared,
                                                 std::unique_ptr<transport> inner,
                                                 become_place where);

}  // namespace execo::detail
