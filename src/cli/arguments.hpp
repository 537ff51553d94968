// Reads the words of a command line by a table of options, as getopt does with a leading `+`: the
// first word that is no option begins the command, and so does what follows `--`.
//
// Sets of hosts contain commas and brackets, and the words of a command look like options: both are
// taken as they are, one value an option.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace execo::cli {

/// A mistake in how the tool was called: one line on standard error, exit status 2.
class usage_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

/// One option of a command.
struct option_spec {
  int id;
  char letter;             // 0: none
  std::string_view name;   // empty: none
  std::string_view value;  // what the help calls its value; empty: it takes none
  std::string_view help;
};

/// An option as it was given.
struct given_option {
  const option_spec* what;
  std::string spelled;  // "-w", "--timeout"
  std::string_view value;
};

struct scanned_arguments {
  std::vector<given_option> options;
  std::vector<std::string_view> words;  // what no option took
};

/// Throws: usage_error for an unknown option, a value that is missing, or one that is too many.
scanned_arguments scan_arguments(std::span<const option_spec> known,
                                 std::span<const char* const> arguments);

/// The options as lines of a help text: spellings, then what they do, wrapped to 80 columns.
std::string option_help(std::span<const option_spec> known);

}  // namespace execo::cli
