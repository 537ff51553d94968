// The list of hosts that -w, --hosts-file and -x make.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "execo/host.hpp"
#include "execo/host_set.hpp"

namespace execo::cli {

class target_list {
 public:
  /// Adds the hosts of a set behind those there, each once. `origin` is named in errors: "-w".
  /// Throws: usage_error.
  void add(std::string_view origin, std::string_view set);
  /// Adds the sets of a file: any number on a line, `#` begins a comment.
  /// Throws: usage_error.
  void add_file(std::string_view origin, const std::string& path);
  /// Takes hosts out, whether they were added before or will be after.
  /// Throws: usage_error.
  void exclude(std::string_view origin, std::string_view set);

  /// Throws: usage_error if nothing is left, or a name is no host.
  std::vector<host> hosts() const;

 private:
  void add_set(const host_set& set);

  std::vector<std::string> names_;
  std::unordered_set<std::string> seen_;
  std::vector<std::string> nothing_in_;  // what was given and adds no host
  host_set excluded_;
  bool any_given_ = false;
};

}  // namespace execo::cli
