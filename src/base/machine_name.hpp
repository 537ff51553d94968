// What this machine calls itself.
#pragma once

#include <string>

namespace execo::detail {

/// Empty if the kernel does not say.
std::string machine_name();

}  // namespace execo::detail
