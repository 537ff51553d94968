// Terminates the program where misuse leaves no way to continue or to throw: never without a
// message on standard error.
#pragma once

#include <string_view>

namespace execo::detail {

/// Writes "execo: `why`" and terminates.
[[noreturn]] void end_program(std::string_view why) noexcept;

/// In a catch block: the same with the exception's message. `who` threw it.
[[noreturn]] void end_program_of_exception(std::string_view who) noexcept;

/// Writes "execo: `what`" to the standard error.
void warn(std::string_view what) noexcept;

}  // namespace execo::detail
