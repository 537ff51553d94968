#pragma once

#include <string>

namespace execo::detail {

/// Of the libssh that is loaded: "0.10.6".
std::string libssh_version();

}  // namespace execo::detail
