#pragma once

// The command line of `execo nodeset`, as ClusterShell's users type it.

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "option_words.hpp"

namespace execo::cli {

/// Something failed that needs no usage text: exit code 1. Printed as it is.
class plain_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class nodeset_options {
 public:
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
  enum class step_rule { none, members, percent, all };

  // One argument: '|' union, 'x' exclude, 'i' intersect, 'X' symmetric difference.
  class operand {
   public:
    operand(char operation, std::string text) : operation(operation), text(std::move(text)) {}
    char operation;
    std::string text;
  };

  command what = command::none;
  int list_level = 0;
  std::vector<operand> operands;
  bool all = false;
  bool help = false;
  bool version = false;
  bool quiet = false;
  bool ranges = false;  // -R: bare range sets
  bool contiguous = false;
  bool no_prefix = false;  // -G: groups without their source
  std::string source;
  std::string groups_file;
  std::string separator = " ";
  std::string format = "%s";
  std::string slice;
  bool has_slice = false;
  std::string axis;
  bool has_axis = false;
  std::size_t split = 1;
  bool has_split = false;
  std::size_t pick = 0;
  step_rule autostep = step_rule::none;
  double autostep_value = 0;

 private:
  void take(int option, const char* value);
  void choose(command chosen);
  void set_autostep(const std::string& value);
  void check() const;
  void check_equal() const;
};

}  // namespace execo::cli
