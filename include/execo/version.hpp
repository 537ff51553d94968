/// Which execo this is, and what it stands on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "execo/detail/compiler.hpp"

namespace execo {

/// "0.1.0"
std::string version();

/// Name and version of each library in use: what runs where that can be asked, else what it was
/// compiled with.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace execo
