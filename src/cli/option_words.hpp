#pragma once

// Command lines that are read word by word, in their order, as ClusterShell's tools read theirs.

#include <getopt.h>

#include <functional>

#include "command_line/usage_error.hpp"

namespace execo::cli {

using command_line::usage_error;

/// Gives each option with its value, if it has one, to `take`, in the order of the words. Leaves
/// optind at the first word that was not read. `short_options` as getopt_long(3) has them; they
/// begin with ':' or "-:".
/// Throws: usage_error for an unknown option and for one whose value is missing; what `take`
/// throws.
void for_each_option(int argc, char** argv, const char* short_options, const option* long_options,
                     const std::function<void(int, const char*)>& take);

}  // namespace execo::cli
