#pragma once

// The group sources that a command line names, for nodeset and clubak.

#include <execo/groups.hpp>
#include <optional>
#include <string>

namespace execo::cli {

class group_options {
 public:
  group_options() = default;
  std::string source;      // -s: of names without one; empty: the default source
  std::string file;        // --groupsconf; empty: the usual files
  bool no_prefix = false;  // -G: groups are written without their source

  /// The source to write before groups.
  std::string shown_source() const { return no_prefix ? std::string() : source; }
  /// What a group is written after: "@", or "@source:" for a source that was named.
  std::string prefix() const;
};

/// Reads the group sources when they are first needed.
class group_access {
 public:
  explicit group_access(const group_options& options) : options_(options) {}
  /// Throws: host_set_error.
  const groups& get();

 private:
  const group_options& options_;
  std::optional<groups> groups_;
};

}  // namespace execo::cli
