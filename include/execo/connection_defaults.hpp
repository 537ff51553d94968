/// connection_defaults: how a context reaches hosts, unless an action says otherwise.
#pragma once

#include "execo/connection.hpp"
#include "execo/context.hpp"

namespace execo {

/// Sets the options of what is given none by ssh(): every remote, put, get, key_scan, ssh_process
/// and port_forward that starts in this context from now on. What has options of its own has only
/// these; to change one value, begin with connection_defaults().
/// Thread: any. Throws: std::invalid_argument for options that exclude each other.
void set_connection_defaults(context& of, ssh_options options);

/// Those that were set last; ssh_options() if none were.
/// Thread: any.
ssh_options connection_defaults(const context& of);

}  // namespace execo
