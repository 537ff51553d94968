// Random bytes that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace execo::detail {

/// `bytes` random ones, as two digits each.
/// Throws: std::system_error if the kernel gives none, as a filter of system calls may have it.
std::string random_hex(std::size_t bytes);

}  // namespace execo::detail
