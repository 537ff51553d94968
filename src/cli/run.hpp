#pragma once

#include <functional>
#include <optional>
#include <string>

#include "run_options.hpp"

namespace execo::cli {

/// `execo run`: a command on many hosts. argv[0] is its name. Returns the exit status.
int run_main(int argc, char** argv);

/// What `parse` makes of the user's configuration is run; without options `help` is printed.
/// Returns the exit status.
int run_parsed(const std::function<std::optional<run_options>(const config&)>& parse,
               std::string (*help)());

}  // namespace execo::cli
