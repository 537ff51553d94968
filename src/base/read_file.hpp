// Reads a small file as a whole.
#pragma once

#include <errno.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

namespace execo::detail {

enum class file_read : std::uint8_t { whole, missing, refused };
/// `any`: also what may have no end or wait for a writer, as /dev/stdin and `<(command)`.
enum class file_kind : std::uint8_t { regular, any };

/// Appends the file's bytes to `text`. Unless the answer is `whole`, sets `problem` to the reason,
/// to be printed after the path: "is larger than 4 MiB", "Permission denied".
file_read read_file(const std::string& path, file_kind allowed, std::size_t max_size,
                    std::string& text, std::string& problem);

/// The same for the rest of an open descriptor. Inline, since the programs use only code of the
/// library that its public headers declare.
inline file_read read_descriptor(int fd, std::size_t max_size, std::string& text,
                                 std::string& problem) {
  std::array<char, 64 * 1024> buffer;
  while (text.size() <= max_size) {
    ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return file_read::whole;
    if (n > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      problem = std::generic_category().message(errno);
      return file_read::refused;
    }
  }
  problem = "is larger than " + std::to_string(max_size >> 20) + " MiB";
  return file_read::refused;
}

}  // namespace execo::detail
