// ssh by this process, and by the `ssh` program where the login fails for what only that can do: no
// algorithm in common, a host key that a certificate authority has signed.
#pragma once

#include <memory>

#include "ssh/openssh_transport.hpp"
#include "ssh/ssh_transport.hpp"

namespace execo::detail {

std::unique_ptr<transport> make_automatic_transport(loop& on,
                                                    std::shared_ptr<ssh_environment> shared,
                                                    std::shared_ptr<const openssh_setup> program,
                                                    const host& where);

}  // namespace execo::detail
