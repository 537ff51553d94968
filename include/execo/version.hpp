/// The version of execo and of the libraries that it uses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "execo/detail/compiler.hpp"

namespace execo {

/// "0.1.0"
std::string version();

/// Name and version of each library in use: the version at run time if the library reports it, else
/// the one at compile time.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace execo
