// How commands find a program for their messages on hosts where nothing is installed: it is the
// agent itself, whose file is gone. So a command has a descriptor of it.
#pragma once

#include <string_view>

namespace execo::agent {

/// In a command with messages, where shells and people use none.
inline constexpr int talk_program_descriptor = 99;
/// Its name there: what a process executes that has the descriptor from its parent.
inline constexpr const char* talk_program_name = "/proc/self/fd/99";

/// This process was executed by that name.
inline bool is_talk_program(std::string_view first_word) noexcept {
  return first_word == talk_program_name;
}

}  // namespace execo::agent
