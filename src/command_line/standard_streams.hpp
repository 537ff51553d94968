// Standard output and standard error of a program that prints text and ends. `execo run`, which
// must not wait for a slow reader after an interrupt, writes through its console instead.
#pragma once

#include <string_view>

namespace execo::command_line {

inline constexpr int exit_output_lost = 74;  // EX_IOERR

/// To be called first. Without it, the next descriptors opened would get the numbers 0 to 2 of
/// streams that are closed, and receive what is printed. They are opened in the wrong direction, so
/// that reads and writes fail as on a closed one.
void open_missing_streams() noexcept;

/// Adds to standard output, which is written in large pieces. finish_output() reports an error.
void write_output(std::string_view text);
void write_line(std::string_view text);

/// Ends a command that wrote with write_output(): its exit status, or 74 if standard output did not
/// take all of it, which a line on standard error says unless the reader went away.
[[nodiscard]] int finish_output(const char* command, int status);

/// "command: text" on standard error; control characters in it are made visible.
void complain(std::string_view command, std::string_view text);

}  // namespace execo::command_line
