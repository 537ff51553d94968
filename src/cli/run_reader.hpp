// Where the setters of the options of run, put and get write, and the options that they share.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "command_line/option_table.hpp"
#include "execo/config.hpp"
#include "run_options.hpp"
#include "ssh_arguments.hpp"
#include "targets.hpp"

namespace execo::cli {

class run_reader {
 public:
  explicit run_reader(const config& defaults);

  /// Keys named on the command line take the place of those in configurations.
  void add_key(const command_line::given_option& given);
  /// Passwords are in no journal. Throws: usage_error.
  void refuse_if_resumed(const command_line::given_option& given) const;
  void become(const command_line::given_option& given);
  /// --via. Throws: usage_error.
  void choose_way(const command_line::given_option& given);
  /// --arity. Throws: usage_error.
  void set_arity(const command_line::given_option& given);
  /// Standard input is for the commands. Throws: usage_error.
  void feed_input(const command_line::given_option& given);
  /// A password on the first line of a descriptor. Throws: usage_error.
  secret password_on(const command_line::given_option& given);

  /// What all of them need, checked. `arguments`: of the command line, without the name of the
  /// command, which is `name`. Throws: usage_error.
  run_options finish(std::string_view name, std::span<const char* const> arguments);

  run_options made;
  ssh_arguments ssh;
  target_list targets;
  std::size_t usual_fanout = 64;
  std::optional<std::size_t> arity;  // of a tree
  std::optional<duration> grooming;
  std::optional<std::string> authority;
  std::optional<std::string> gateways;
  std::vector<std::string> zones;
  std::optional<std::string> topology;  // its text
  bool trusts_site = false;             // the same
  bool tunnels = false;                 // the same
  bool gathered = false;
  bool ordered = false;
  bool ndjson = false;
  bool resumes = false;

 private:
  void describe_run(std::string_view name, std::span<const char* const> arguments);
  void check_passwords() const;
  void choose_layout();
  void check_shape() const;
  tree wanted_shape() const;
  void check_tunnel() const;
  void choose_shape();
  void check_input() const;

  std::string password_on_input_;  // the option that reads one from standard input
};

using run_option = command_line::option<run_reader>;
using run_lines = std::span<const run_option>;

/// The hosts, and how many of them at a time.
run_lines target_lines();
/// How long a login may take, and how often it is tried.
run_lines login_lines();
run_lines rollout_lines();
/// As whom, with what and on which way.
run_lines connection_lines();
/// What is replaced for each host.
run_lines reference_lines();
/// What is shown, and --help.
run_lines output_lines();

/// Where it is written down what happens.
run_lines journal_lines();

using run_words = std::span<const char* const>;
/// What is left of the run of a journal: its words are read by `parse` once more, with its hosts in
/// place of those that they name. Throws: usage_error, what `parse` throws.
run_options resume_by(const journal& of, journal_options how, const config& defaults,
                      const std::function<void(run_reader&, run_words)>& parse);

/// One table of them.
std::vector<run_option> joined(std::span<const run_lines> parts);

}  // namespace execo::cli
