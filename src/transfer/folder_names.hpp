// What is in a directory.
#pragma once

#include <string>
#include <vector>

namespace execo::detail {

/// The names in the directory that `fd` has open for reading, sorted, without "." and "..". 0 or an
/// errno.
int names_in_folder(int fd, std::vector<std::string>& names);

}  // namespace execo::detail
