#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace execo::cli {

/// The lines of a unified diff from one text to another without its two header lines: each begins
/// with ' ', '-', '+' or '@'. Empty if the texts are equal.
[[nodiscard]] std::vector<std::string> line_diff(const std::vector<std::string>& from,
                                                 const std::vector<std::string>& to,
                                                 std::size_t context = 3);

}  // namespace execo::cli
