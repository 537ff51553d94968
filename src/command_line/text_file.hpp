// Texts that a command line names.
#pragma once

#include <string>
#include <string_view>

namespace execo::command_line {

/// The whole text of a file, which may be a pipe, or of standard input for "-". At most 256 MiB: a
/// device or a pipe may have no end.
/// Throws: usage_error that names `origin`, an option, and the file.
std::string read_text(std::string_view origin, const std::string& path);

/// All of standard input, of any size. Throws: std::runtime_error.
std::string read_standard_input();

}  // namespace execo::command_line
