#pragma once

// The command line of `execo nodeset`, as ClusterShell's users type it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command_line/option_table.hpp"
#include "group_options.hpp"

namespace execo::cli {

using command_line::question;

class nodeset_options {
 public:
  nodeset_options() = default;
  /// Throws: usage_error.
  nodeset_options(int argc, char** argv);

  enum class command {
    none,
    count,
    expand,
    fold,
    list,
    list_all,
    list_sources,
    regroup,
    completion,
    equal
  };
  enum class element { node, range };  // -R: bare range sets
  enum class step_rule { none, members, percent, all };

  // One argument: '|' union, 'x' exclude, 'i' intersect, 'X' symmetric difference.
  class operand {
   public:
    operand(char operation, std::string text) : operation(operation), text(std::move(text)) {}
    char operation;
    std::string text;
  };

  class steps {
   public:
    steps() = default;
    step_rule rule = step_rule::none;
    double value = 0;
  };

  /// Throws: usage_error if another command was chosen before.
  void choose(command chosen);

  question asked = question::none;
  command what = command::none;
  element of = element::node;
  int list_level = 0;
  std::vector<operand> operands;
  group_options group;
  bool all = false;
  bool quiet = false;
  bool contiguous = false;
  std::string separator = " ";
  std::string format = "%s";
  std::optional<std::string> slice;
  std::optional<std::string> axis;
  std::optional<std::size_t> split;
  std::size_t pick = 0;
  steps autostep;

 private:
  void check() const;
  void check_equal() const;
};

command_line::spec_list nodeset_specs();
std::string nodeset_help();

}  // namespace execo::cli
