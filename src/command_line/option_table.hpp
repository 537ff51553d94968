// The options of a program, each in one line: how it is spelled, what the help says, and what it
// does. Parsing, help and "did you mean" all come from that table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command_line/scanner.hpp"

namespace execo::command_line {

/// One line of the table. `Target` collects what the command line says.
template <class Target>
class option : public option_spec {
 public:
  using setter = void (*)(Target&, const given_option&);

  /// Without a setter the option is a question, --help or --version, and ends the parsing.
  constexpr option(char option_letter, std::string_view long_word, std::string_view value_name,
                   std::string_view help_text, setter call = nullptr) noexcept
      : option_spec(option_letter, long_word, value_name, help_text), set(call) {}

  setter set;
};

/// A line of the help above the options that follow.
template <class Target>
constexpr option<Target> heading(std::string_view text) noexcept {
  return option<Target>(0, "", "", text);
}

template <class Target>
using option_table = std::span<const option<Target>>;

template <class Target>
spec_list specs_of(option_table<Target> table) {
  spec_list specs;
  for (const option<Target>& one : table) specs.push_back(&one);
  return specs;
}

/// What a command line asks for in place of work.
enum class question : std::uint8_t { none, help, version };

class parsed_arguments {
 public:
  parsed_arguments() = default;
  question asked = question::none;      // nothing after it was looked at
  std::vector<std::string_view> words;  // the command
  bool separated = false;               // there was a `--`
};

/// The words of main() after the name of the program.
inline std::span<const char* const> words_after_name(int argc, const char* const* argv) {
  return std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0);
}

/// Calls the setters from left to right.
/// Throws: usage_error, and what the setters throw.
template <class Target>
parsed_arguments parse(option_table<Target> table, std::span<const char* const> arguments,
                       habits how, Target& target) {
  scanned_arguments found = scan_arguments(specs_of(table), arguments, how);
  parsed_arguments parsed;
  for (const given_option& given : found.given) {
    auto set = static_cast<const option<Target>*>(given.what)->set;
    if (set == nullptr) {
      parsed.asked = given.what->word == "version" ? question::version : question::help;
      return parsed;
    }
    set(target, given);
  }
  parsed.words = std::move(found.words);
  parsed.separated = found.separated;
  return parsed;
}

}  // namespace execo::command_line
