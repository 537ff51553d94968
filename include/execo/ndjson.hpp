/// to_ndjson: the result of a host as one line of JSON.
#pragma once

#include <cstdint>
#include <string>

#include "execo/detail/compiler.hpp"
#include "execo/host_result.hpp"

namespace execo {

/// What a line of JSON is written in.
enum class json_characters : std::uint8_t {
  utf8,   ///< as it is; what would break the line for some readers is escaped
  ascii,  ///< all else is escaped, as a terminal needs it
};

/// One object and a newline, with the keys that docs/cli.md lists: the line that `execo run
/// --format ndjson` prints for this host. Output that is not UTF-8 is in base64, and says so.
std::string to_ndjson(const host_result& r, json_characters as = json_characters::utf8);

}  // namespace execo
