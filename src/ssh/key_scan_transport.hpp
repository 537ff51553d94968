// Asks a server for its host keys: a key exchange for each type, and no login. What it gets is the
// output, a line of a known_hosts file for each key; its errors are the algorithms of types that
// the server did not show, without a word why.
#pragma once

#include <memory>
#include <vector>

#include "process/transport.hpp"
#include "ssh/host_directory.hpp"

namespace execo::detail {

/// `ways`: one for each type of key, in environments that offer that alone.
std::unique_ptr<transport> make_key_scan_transport(std::vector<ssh_target> ways);

}  // namespace execo::detail
