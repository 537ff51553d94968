/// run_directory: a new directory for the files of one run of a program.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace execo {

/// A directory of its own for each run: `NAME_20260301_142233_+0100`, named after the local time of
/// its start. It is made here and is never one that was there: a run of the same second gets
/// `..._2`, and so on, whatever program makes it. Beside it, the link `last` leads to the latest.
class run_directory {
 public:
  /// Makes it in `parent`, which is made, too, if it is not there.
  /// Throws: std::invalid_argument for a name that is empty, begins with '.' or has a '/' or a NUL
  /// byte; std::system_error naming the directory that cannot be made.
  explicit run_directory(std::string_view name, const std::filesystem::path& parent = ".");

  /// Absolute.
  const std::filesystem::path& path() const noexcept { return path_; }
  /// The path of a file in it.
  std::filesystem::path operator/(std::string_view file) const { return path_ / file; }

 private:
  std::filesystem::path path_;
};

}  // namespace execo
