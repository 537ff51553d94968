// What a file holds.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

namespace execo::test {

/// What can be read of it: nothing if it is not there. Of /proc/PID, what was read until the
/// process ended: read() fails with ESRCH then, for which a std::filebuf throws.
inline std::string file_bytes(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string bytes;
  char piece[16384];
  for (ssize_t got = 0; (got = ::read(file, piece, sizeof piece)) > 0;)
    bytes.append(piece, static_cast<std::size_t>(got));
  if (file >= 0) (void)::close(file);
  return bytes;
}

}  // namespace execo::test
