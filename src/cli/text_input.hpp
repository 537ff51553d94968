#pragma once

// What nodeset and clubak share: text from outside.

#include <execo/host_set.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace execo::cli {

/// All of standard input.
[[nodiscard]] std::string read_standard_input();

/// Words between blanks and newlines; # begins a comment that ends with its line.
void for_each_word(std::string_view text, const std::function<void(std::string_view)>& visit);

/// Text with \n, \t, \x41 and the like replaced. Throws: plain_error.
[[nodiscard]] std::string unescaped(std::string_view text);

/// How a message about such an error begins.
[[nodiscard]] const char* error_kind(host_set_errc code) noexcept;

}  // namespace execo::cli
