// How the program that `ssh` asks for passwords, src/askpass, talks to the one that has them: one
// packet each way over a unix socket. The program is a separate one without a library.
#pragma once

#include <cstddef>

namespace execo::detail {

/// The variable that says where to ask: the name of an abstract socket, and a token that the
/// question begins with. Both are hexadecimal digits.
inline constexpr char askpass_variable[] = "EXECO_ASKPASS";
constexpr std::size_t askpass_name_size = 16, askpass_token_size = 32;

/// Of the prompt that follows the token. What is longer is cut.
constexpr std::size_t max_askpass_prompt = 4096;
/// As ssh reads it (readpass.c).
constexpr std::size_t max_askpass_answer = 1022;

/// What the answer begins with.
constexpr char askpass_given = '+', askpass_refused = '-';

}  // namespace execo::detail
