// Which files of a tree need not be sent: the names that a host is asked about, what it answers,
// and what follows from that.
//
// A host answers with a list: a `y` or an `n` for each name, and then for each `y` a line. Where
// the number of lines is another one, a file has come or gone meanwhile, or the host has no program
// for it: nothing is there then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transfer/skip_rule.hpp"
#include "transfer/source_tree.hpp"

namespace execo::detail {

enum class entry_use : std::uint8_t {
  sent,
  kept,      // came with an earlier copy that was cut
  left_out,  // is there, under its name
};

/// By the index of an entry of the tree. Empty: all are sent.
using selection = std::vector<entry_use>;

inline entry_use use_of(const selection& all, std::size_t index) noexcept {
  return index < all.size() ? all[index] : entry_use::sent;
}

/// The names of the files in their order, each with a NUL behind it: below the only source, or
/// below the destination of several.
std::string names_of_files(const source_tree& tree);

/// The same for the files as they are: their names, sizes and times.
std::string key_of_files(const source_tree& tree);

/// One line or none for each of so many files, as the host gave them.
std::vector<std::string_view> lines_of_list(std::string_view marks, std::string_view lines,
                                            std::size_t files);

class files_there {
 public:
  std::vector<std::string_view> old;   // under their names: "SIZE TIME", or a SHA-256
  std::vector<std::string_view> kept;  // of an earlier copy: "SIZE TIME"
};

/// `digests`: of the files in their order, for skip_rule::same_digest.
selection choose_entries(const source_tree& tree, const files_there& there, skip_rule rule,
                         const std::vector<std::string>& digests);

}  // namespace execo::detail
