// The command lines of `execo put` and `execo get`, parsed and checked.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "command_line/scanner.hpp"
#include "run_options.hpp"

namespace execo::cli {

/// As parse_run(). Throws: usage_error.
std::optional<run_options> parse_put(std::span<const char* const> arguments,
                                     const config& defaults = config());
std::optional<run_options> parse_get(std::span<const char* const> arguments,
                                     const config& defaults = config());

/// As parse_resumed(). Pre: the journal is that of `execo put` or `execo get`.
run_options parse_resumed_copy(const journal& of, journal_options how, const config& defaults);

std::string put_help();
std::string get_help();
command_line::spec_list put_specs();
command_line::spec_list get_specs();

}  // namespace execo::cli
