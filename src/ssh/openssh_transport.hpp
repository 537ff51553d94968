// Runs a command on an ssh host through the `ssh` program.
#pragma once

#include <memory>
#include <string>

#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"
#include "ssh/openssh_words.hpp"

namespace execo::detail {

/// Begins `ssh` again when it has lost the connection early, as the options say.
/// `subsystem`: of the server, in place of the command; empty: none.
std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> shared,
                                                  const host& where, std::string subsystem);
/// Begins it once.
std::unique_ptr<transport> make_openssh_try(loop& on, std::shared_ptr<const openssh_setup> shared,
                                            const host& where, std::string subsystem);

}  // namespace execo::detail
