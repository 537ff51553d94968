// A host's result as one line of JSON.
#pragma once

#include <string>

#include "execo/host_result.hpp"

namespace execo::cli {

/// One object and a newline. `ascii`: escapes everything outside ASCII, as a terminal needs.
std::string ndjson_line(const host_result& r, bool ascii = false);

}  // namespace execo::cli
