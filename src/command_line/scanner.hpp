// Splits a command line into options, by their specifications, and other words.
//
// Sets of hosts contain commas and brackets, and the words of a command look like options: both are
// taken as they are, one value per option.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command_line/usage_error.hpp"

namespace execo::command_line {

/// How one option is spelled, and what the help says about it. Without letter and word: an operand
/// named by `value`, or, without a value too, a heading of the help.
class option_spec {
 public:
  constexpr option_spec(char option_letter, std::string_view long_word, std::string_view value_name,
                        std::string_view help_text) noexcept
      : letter(option_letter), word(long_word), value(value_name), help(help_text) {}
  constexpr bool is_option() const noexcept { return letter != 0 || !word.empty(); }
  constexpr bool is_operand() const noexcept { return !is_option() && !value.empty(); }
  /// The next word is its value where none comes with the option itself.
  constexpr bool needs_value() const noexcept { return !value.empty() && !value.starts_with('['); }

  char letter;             // 0: none
  std::string_view word;   // empty: none
  std::string_view value;  // its name in the help; empty: it takes none; "[=NAME]": it may have one
  std::string_view help;
};

using spec_list = std::vector<const option_spec*>;

/// An option as it was given, or an operand.
struct given_option {
  const option_spec* what;
  std::string spelled;  // "-w", "--timeout"
  std::string_view value;
};

enum class habits : std::uint8_t {
  /// As getopt(3) with a leading `+`: the first word that is not an option begins a command. Words
  /// are spelled out, and a value does not look like an option: a forgotten value would swallow the
  /// next option and be missed much later.
  command,
  /// As getopt_long(3): options and operands in any order, words may be shortened, and a value may
  /// begin with a dash.
  operands,
};

class scanned_arguments {
 public:
  scanned_arguments() = default;
  std::vector<given_option> given;      // in their order; operands, too, where the list has them
  std::vector<std::string_view> words;  // the command
  bool separated = false;               // there was a `--`
};

/// Throws: usage_error for an unknown option, a value that is missing, or one that is too many.
scanned_arguments scan_arguments(const spec_list& known, std::span<const char* const> arguments,
                                 habits how);

/// The list as lines of a help text: spellings, then what they do, wrapped to 80 columns.
std::string option_help(const spec_list& known);

}  // namespace execo::command_line
