/// partial_file: what becomes of a file that is not complete.
#pragma once

#include <cstdint>
#include <string>

#include "execo/stdio.hpp"

namespace execo {

enum class partial_file : std::uint8_t {
  removed,  ///< as to_file() without it
  kept,     ///< what came has the file's name, however the command ended
};

/// to_file(), with a say on a command that timed out, was lost or did not begin.
/// Throws: as to_file().
sink to_file(std::string path, partial_file when_incomplete);

}  // namespace execo
