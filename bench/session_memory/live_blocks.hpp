// The blocks of memory that this program has taken and not given back, with who took them. The
// program's malloc() is the one of live_blocks.cpp, which asks the C library's.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bench {

class live_blocks {
 public:
  /// Those that were taken at the same place.
  class place {
   public:
    std::string owner;     ///< "libssh", "OpenSSL", "execo" or another library's file
    std::string function;  ///< the nearest one of it that has a name, and who called it
    std::size_t blocks = 0;
    std::size_t bytes = 0;  ///< asked for
    std::size_t taken = 0;  ///< with the head of each block, and what rounding adds
  };

  /// From now on they are counted; those that are there already are not.
  static void begin();
  /// Those of now, by places, those with most bytes first.
  static std::vector<place> now();
};

}  // namespace bench
