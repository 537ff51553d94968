// A small file, whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace execo::detail {

enum class file_read : std::uint8_t { whole, missing, refused };
/// `any`: also what may have no end or wait for a writer, as /dev/stdin and `<(command)`.
enum class file_kind : std::uint8_t { regular, any };

/// Appends the file's bytes to `text`. Unless the answer is `whole`, sets `problem` to the reason,
/// to be printed after the path: "is larger than 4 MiB", "Permission denied".
file_read read_file(const std::string& path, file_kind allowed, std::size_t max_size,
                    std::string& text, std::string& problem);

}  // namespace execo::detail
