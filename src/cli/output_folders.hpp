// The directories of --outdir and --errdir, which get a file for each host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "execo/host.hpp"
#include "execo/stdio.hpp"

namespace execo::cli {

class output_folders {
 public:
  output_folders() = default;
  std::string out;  // empty: there is none
  std::string err;

  bool given() const noexcept { return !out.empty() || !err.empty(); }
  /// Throws: usage_error for a directory that cannot be used: both the same, references in a name.
  void check() const;
  /// Makes those that are missing. Throws: usage_error.
  void make() const;

  /// What `{{execo_file}}` is for each host: its name as it is shown.
  static std::vector<std::string> names_of(const std::vector<host>& hosts);
  static constexpr std::string_view reference = "execo_file";
  /// The file of each host in `folder`, and what is shown besides if `is_shown`.
  static sink file_in(const std::string& folder, bool is_shown);

  /// The same text for a command in which references are replaced.
  static std::string with_references_kept(std::string_view text);
};

}  // namespace execo::cli
