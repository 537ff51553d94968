// Files that the kernel makes when they are read.
#pragma once

#include <string>

namespace execo::agent {

/// All that it says; empty if there is no such file, or no more: that of a process goes with it.
std::string kernel_file(const std::string& path);

}  // namespace execo::agent
