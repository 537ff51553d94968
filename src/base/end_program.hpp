// The end of the program where misuse leaves no way to go on and no way to throw: never without
// words on the standard error.
#pragma once

#include <string_view>

namespace execo::detail {

/// Writes "execo: `why`" and terminates.
[[noreturn]] void end_program(std::string_view why) noexcept;

/// Inside a handler: the same, with what the exception says. `who` threw it.
[[noreturn]] void end_program_of_exception(std::string_view who) noexcept;

/// Writes "execo: `what`" to the standard error.
void warn(std::string_view what) noexcept;

}  // namespace execo::detail
