#pragma once

// Where group names and wildcards in a host set get their hosts from. This folder does no I/O: who
// reads files and runs commands implements the interface.

#include <string>
#include <string_view>
#include <vector>

#include "execo/host_set.hpp"

namespace execo::detail {

class group_resolver {
 public:
  group_resolver() = default;
  group_resolver(const group_resolver&) = delete;
  group_resolver& operator=(const group_resolver&) = delete;
  virtual ~group_resolver() = default;

  // An empty source is the default one. `depth` counts groups within groups; it goes on to
  // read_set() for what the group is made of. Throws: host_set_error.
  [[nodiscard]] virtual host_set members(std::string_view source, std::string_view group,
                                         int depth) const = 0;
  [[nodiscard]] virtual host_set all(std::string_view source, int depth) const = 0;
  [[nodiscard]] virtual std::vector<std::string> names(std::string_view source) const = 0;
};

/// The sources found in the standard places. Defined in groups/.
[[nodiscard]] const group_resolver& standard_group_resolver();

/// Groups may be made of groups, this deep.
inline constexpr int max_group_depth = 32;

/// How text is read. The standard resolver is asked for only when the text needs one.
struct read_options {
  const group_resolver* groups = nullptr;  // null: the standard one
  std::string_view source = {};            // what @name without a source means; empty: the default
  int depth = 0;
  bool wildcards = true;
};

[[nodiscard]] host_set read_set(std::string_view text, const read_options& options);

}  // namespace execo::detail
