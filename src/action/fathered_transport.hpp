// Puts the name of the host that has reached its host into a command, for {{{father}}}.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// Puts `father` wherever the mark stands in the command. A name that a shell would read otherwise
/// ends it as unsupported.
std::unique_ptr<transport> make_fathered_transport(loop& on, std::unique_ptr<transport> way,
                                                   std::string_view mark, std::string father);

}  // namespace execo::detail
