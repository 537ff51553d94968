#pragma once

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace execo::detail {

/// A group source failed; what() says why, without the name of the source.
class source_failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Runs a command with the shell in a directory, with empty standard input, and returns its
/// standard output. At the deadline its process group is killed. Throws: source_failure.
[[nodiscard]] std::string run_command(const std::string& command,
                                      const std::filesystem::path& directory,
                                      std::chrono::milliseconds timeout);

}  // namespace execo::detail
