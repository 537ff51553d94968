// Runs a command on an ssh host through the `ssh` program.
#pragma once

#include <functional>
#include <memory>
#include <optional>
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

/// A child of its own for each try.
using openssh_try_maker = std::function<std::unique_ptr<transport>()>;
std::unique_ptr<transport> make_openssh_retries(loop& on, std::optional<unsigned> max_retries,
                                                openssh_try_maker make);

}  // namespace execo::detail
