// What a put() sends: the files, directories and links that its paths name, as they are when it is
// read.
//
// A path that names nothing and has *, ? or [ is a pattern. A link that is given is followed; one
// inside a directory is sent as a link. What is neither of the three (a FIFO, a socket, a device)
// is left out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/file_stamp.hpp"
#include "transfer/copy_failure.hpp"

namespace execo::detail {

class source_entry {
 public:
  enum class kind : std::uint8_t { file, directory, link };

  kind what = kind::file;
  std::string path;    // here
  std::string name;    // there: "conf/app.toml"
  std::string target;  // of a link
  std::uint64_t size = 0;
  mode_t mode = 0;
  std::int64_t modified = 0;
  uid_t user = 0;
  gid_t group = 0;
  file_stamp stamp;
};

class source_tree {
 public:
  /// Directories come before what is in them; each directory is sorted by name.
  std::vector<source_entry> entries;
  /// The names of what was given, in order.
  std::vector<std::string> tops;
  /// Paths that were left out.
  std::vector<std::string> skipped;
  std::uint64_t bytes = 0;
  std::size_t files = 0;

  bool is_one_file() const noexcept {
    return entries.size() == 1 && entries.front().what == source_entry::kind::file;
  }
};

/// A relative path begins at `directory`.
/// The failure names the path.
copy_failure read_source_tree(std::span<const std::string> paths, const std::string& directory,
                              source_tree& found);

}  // namespace execo::detail
