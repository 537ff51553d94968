// The lines of ssh_config(5) files, read and checked once, with those of included files in their
// places. What they mean for a host is ssh/config_answer.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/config_keywords.hpp"

namespace execo::detail {

/// One condition of Match.
class config_criterion {
 public:
  enum class what : std::uint8_t {
    all,
    final_pass,  // canonical, too: execo has no other reason for a second pass
    wants_final_pass,
    host,
    original_host,
    user,
    local_user,
    tagged,
    command,
  };
  what kind = what::all;
  bool negated = false;
  std::string argument;  // of names of hosts in lower case
};

class config_line {
 public:
  enum class what : std::uint8_t {
    value,
    unknown,      // a keyword that ssh does not know: values[0]
    host,         // values are patterns
    match,        // criteria
    file_begins,  // of an included file; blocks inside end with it
    file_ends,
  };
  what kind = what::value;
  const config_keyword* keyword = nullptr;
  std::vector<std::string> values;
  std::vector<config_criterion> criteria;
  std::uint32_t file = 0;  // a place in the list of names
  std::uint32_t number = 0;
};

class config_lines {
 public:
  enum class owner : std::uint8_t { user, system };

  /// `home`: where ~ and the relative names of a user's Include lead.
  explicit config_lines(std::string home) : home_(std::move(home)) {}

  /// Those of `options`, then of the files: that of the user and that of the system, or `file` in
  /// their place, or none. Throws: ssh_config_error.
  static config_lines read_from(const std::string& home, const std::vector<std::string>& options,
                                const std::string& file);

  /// Adds the lines of a text that stands in `name`. Throws: ssh_config_error.
  void add_text(std::string_view text, const std::string& name, owner whose);
  /// One line of a command line: no Host, Match or Include. Throws: ssh_config_error.
  void add_option(std::string_view line);
  /// One that may be missing, and that no other user may write. Throws: ssh_config_error.
  void add_usual_file(const std::string& path, owner whose);
  /// One that must be there. Throws: ssh_config_error.
  void add_given_file(const std::string& path);

  const std::vector<config_line>& lines() const noexcept { return lines_; }
  /// A line gives a value for this keyword, perhaps not for every host.
  bool has(std::size_t keyword) const noexcept;
  /// A line of Match has a command.
  bool has_commands() const noexcept;
  /// "FILE:LINE"
  std::string place(const config_line& line) const;

 private:
  enum class trust : std::uint8_t { unchecked, checked };

  class position {
   public:
    std::uint32_t file = 0;
    std::uint32_t number = 0;
    owner whose = owner::user;
    bool command_line = false;
  };

  bool read(const std::string& path, owner whose, trust how);
  void add_line(std::string_view text, const position& at);
  void add_checked(std::string_view keyword, std::string_view rest, const position& at);
  void include(const config_line& line, const position& at);
  void include_pattern(const std::string& pattern, const config_line& line, const position& at);
  [[noreturn]] void fail(const config_line& line, std::string_view text) const;

  std::string home_;
  std::vector<std::string> names_;
  std::vector<config_line> lines_;
  int depth_ = 0;
};

}  // namespace execo::detail
