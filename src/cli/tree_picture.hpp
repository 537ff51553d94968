// A picture of a tree: who has reached whom, and when.
#pragma once

#include <string>

#include "execo/tree_stats.hpp"

namespace execo::cli {

/// As SVG: time goes to the right, levels go down, a line leads from each host to those that it has
/// reached. Hosts that were not reached are not in it.
std::string tree_picture(const tree_stats& of);

/// The same into a file. False: it cannot be written; errno says why.
bool write_tree_picture(const tree_stats& of, const std::string& file);

/// What it has cost, in one line.
std::string tree_words(const tree_stats& of);

}  // namespace execo::cli
