#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "execo/detail/compiler.hpp"

namespace execo {

/// How other tools write lists of hosts. Each host is given once, at its first place in the list.
enum class list_syntax {
  /// `node[1-3,7],login[08-10]`, as Slurm prints it; leading zeros of the first number pad all.
  slurm,
  /// The same, with `-item` to exclude, `^file` to read a file of hosts and `/regex/` to keep only
  /// the hosts that match; `-^file` and `-/regex/` exclude.
  pdsh,
  /// `node[1-3]part[a-b]/node2`: letters count as well as digits, what follows `/` is excluded.
  taktuk,
  /// `foo[3,2,12-23]bar.example`: in the order written.
  classh,
};

/// The hosts of such a list, in the order written.
///
/// Throws: host_set_error if the list or a file it names cannot be read, or means more than a
/// million hosts.
[[nodiscard]] std::vector<std::string> read_host_list(std::string_view text, list_syntax syntax);

}  // namespace execo
