// ssh by this process, and by the `ssh` program where the login fails for what only that can do: no
// algorithm in common, a host key that a certificate authority has signed.
#pragma once

#include <memory>
#include <string>

#include "ssh/host_directory.hpp"
#include "ssh/openssh_transport.hpp"
#include "ssh/ssh_transport.hpp"

namespace execo::detail {

/// First `built_in`, then what `make_openssh` makes.
std::unique_ptr<transport> make_automatic_transport(loop& on, std::unique_ptr<transport> built_in,
                                                    openssh_try_maker make_openssh);
/// What that makes, from the start on, and the result says why.
std::unique_ptr<transport> make_openssh_instead(loop& on, openssh_try_maker make_openssh,
                                                std::string why);

/// The same for a command.
std::unique_ptr<transport> make_automatic_transport(loop& on, ssh_target to,
                                                    std::shared_ptr<const openssh_setup> program,
                                                    const host& where);
std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> program,
                                                  const host& where, std::string subsystem,
                                                  std::string why);

}  // namespace execo::detail
