// Carries out a port forward by the `ssh` program: -L, -D or -R, without a command.
#pragma once

#include <memory>

#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"
#include "ssh/forward_state.hpp"
#include "ssh/openssh_words.hpp"

namespace execo::detail {

/// Throws: std::invalid_argument for a path that ssh would read as another one.
void check_openssh_forward(const forward_plan& plan);

/// It runs from when it listens until it is ended. Begins `ssh` again when it has lost the
/// connection early, as the options say. Pre: check_openssh_forward().
std::unique_ptr<transport> make_openssh_forward(loop& on,
                                                std::shared_ptr<const openssh_setup> shared,
                                                const host& where,
                                                std::shared_ptr<forward_state> what);

}  // namespace execo::detail
