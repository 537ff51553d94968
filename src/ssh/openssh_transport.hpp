// Runs a command on an ssh host through the `ssh` program.
#pragma once

#include <memory>

#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"
#include "ssh/openssh_words.hpp"

namespace execo::detail {

/// Begins `ssh` again when it has lost the connection early, as the options say.
std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> shared,
                                                  const host& where);
/// Begins it once.
std::unique_ptr<transport> make_openssh_try(loop& on, std::shared_ptr<const openssh_setup> shared,
                                            const host& where);

}  // namespace execo::detail
