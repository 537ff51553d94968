// The command line of `execo run`, parsed and checked: every mistake in it is found here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command_line/scanner.hpp"
#include "copy_arguments.hpp"
#include "execo/config.hpp"
#include "execo/connection.hpp"
#include "execo/context.hpp"
#include "execo/host.hpp"
#include "execo/journal.hpp"
#include "execo/time.hpp"
#include "execo/tree.hpp"
#include "output_folders.hpp"
#include "rollout_arguments.hpp"

namespace execo::cli {

enum class layout : std::uint8_t { stream, gathered, ordered, ndjson };
/// Whether output has the name of its host before or above it.
enum class labels : std::uint8_t { shown, hidden };
enum class when : std::uint8_t { automatic, always, never };

class run_options {
 public:
  run_options() = default;
  std::vector<host> hosts;  // in the order given, each once
  std::vector<std::string> words;
  bool quote_words = false;
  bool keep_braces = false;               // nothing in the command is replaced
  std::optional<std::size_t> fanout;      // none: the usual one, or all of them in a tree
  std::size_t usual_fanout = 64;          // where there is no tree
  std::optional<tree> shape;              // by way of each other
  std::optional<tree> shape_if_faster;    // the same where that is left open
  std::optional<std::string> tree_stats;  // the file of a picture; empty: none is wanted
  duration timeout{0};
  duration first_output_timeout{0};
  duration idle_timeout{0};
  duration total_timeout{0};
  duration drain_timeout = std::chrono::seconds(1);
  ssh_options ssh;
  bool asks_password = false;
  std::optional<secret> password;  // that was given
  bool asks_become_password = false;
  std::optional<secret> become_password;  // the same
  bool has_terminal = false;              // each command
  bool feeds_input = false;               // standard input goes to each command
  copy_arguments copy;                    // in place of a command
  rollout_arguments batches;
  unsigned command_retries = 0;
  bool idempotent = false;
  std::optional<std::size_t> max_output;
  execo::output_budget output_budget;
  std::optional<journal_options> journal;
  layout show = layout::stream;
  labels names = labels::shown;
  output_folders folders;
  bool gives_largest_code = false;  // as the exit status
  bool quiet = false;               // nothing but output, and what is wrong with it or with the run
  when progress = when::automatic;
  color_mode color = color_mode::automatic;

  /// The words joined by spaces.
  std::string command_text() const;
};

/// Applies the arguments to the defaults of the user. Empty if help was asked for.
/// Throws: usage_error.
std::optional<run_options> parse_run(std::span<const char* const> arguments,
                                     const config& defaults = config());

/// The run of a journal once more, for what is left of it: its arguments, with its hosts in place
/// of those that they name. The present directory is that of the run. Throws: usage_error, also for
/// a password that came from a descriptor.
run_options parse_resumed(const journal& of, journal_options how, const config& defaults);

std::string run_help();
command_line::spec_list run_specs();

}  // namespace execo::cli
