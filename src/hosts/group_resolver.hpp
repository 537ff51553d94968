#pragma once

// The interface that resolves group names and wildcards in a host set. This folder does no I/O: the
// layer that reads files and runs commands implements it.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "execo/host_set.hpp"

namespace execo::detail {

/// Groups may be made of groups, this deep.
inline constexpr int max_group_depth = 32;

/// The position of a text while a set and all the groups in it are read.
struct group_place {
  int depth = 0;  // groups within groups
  bool wildcards =
      true;  // false within all hosts of a source: these are what wildcards choose from
  // Groups that this reading knows already: each is read once, however often it is named.
  std::map<std::string, host_set>* known = nullptr;
};

class group_resolver {
 public:
  group_resolver() = default;
  group_resolver(const group_resolver&) = delete;
  group_resolver& operator=(const group_resolver&) = delete;
  virtual ~group_resolver() = default;

  // An empty source is the default one. `place` is that of what the group is made of; it goes on to
  // read_set(). Throws: host_set_error.
  [[nodiscard]] virtual host_set members(std::string_view source, std::string_view group,
                                         const group_place& place) const = 0;
  [[nodiscard]] virtual host_set all(std::string_view source, const group_place& place) const = 0;
  [[nodiscard]] virtual std::vector<std::string> names(std::string_view source) const = 0;
};

/// The sources found in the standard places. Defined in groups/.
[[nodiscard]] const group_resolver& standard_group_resolver();

/// How text is read. The standard resolver is used only if the text needs one.
struct read_options {
  const group_resolver* groups = nullptr;  // null: the standard one
  std::string_view source = {};            // what @name without a source means; empty: the default
  group_place place = {};
};

[[nodiscard]] host_set read_set(std::string_view text, const read_options& options);

}  // namespace execo::detail
