#pragma once

#include <cstdint>
#include <string>

#include "command_line/option_table.hpp"
#include "execo/log.hpp"
#include "group_options.hpp"

namespace execo::cli {

using command_line::question;

/// The command line of `execo clubak`, as ClusterShell's users type it.
class clubak_options {
 public:
  /// Throws: usage_error.
  clubak_options(int argc, char** argv);

  enum class keys { automatic, always, never };
  enum flag : std::uint16_t {
    gather = 1,    // -b: equal outputs together
    lines = 2,     // -L: each line with its nodes
    no_label = 4,  // -N
    regroup = 8,   // -r
    tree = 16,     // -T: common beginnings once
    fast = 32,     // -F: changes no output; this tool is never slow
    diff = 64,     // gathers, too
    quiet = 128,
    verbose = 256,
    debug = 512,
  };

  bool has(unsigned any_of) const noexcept { return (flags & any_of) != 0; }
  /// Whether standard output has colours.
  bool colors() const;

  question asked = question::none;
  unsigned flags = 0;
  color_mode color = color_mode::automatic;
  keys interpret = keys::automatic;
  group_options group;
  std::string separator = ":";
};

command_line::spec_list clubak_specs();
std::string clubak_help();

}  // namespace execo::cli
