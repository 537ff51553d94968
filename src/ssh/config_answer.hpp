// What the lines of ssh_config(5) files say about one destination. As ssh does it: lines in their
// order, blocks whose patterns or conditions do not hold left out, the first value of a keyword
// kept. If a line asks for a final pass, all of it a second time, with the name that HostName gave.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/caller.hpp"
#include "ssh/config_lines.hpp"
#include "ssh/config_tokens.hpp"

namespace execo::detail {

/// What holds for each destination of a program.
class config_caller {
 public:
  static config_caller of(const ssh_caller& by);

  std::string user;
  std::string id;
  std::string home;
  std::string machine;
  variable_list variables;
};

/// Runs each command of Match once for each of its texts.
class config_commands {
 public:
  explicit config_commands(std::function<bool(const std::string&)> check)
      : check_(std::move(check)) {}
  bool holds(const std::string& command);

 private:
  std::function<bool(const std::string&)> check_;
  std::map<std::string, bool> known_;
};

/// A name as it is looked up: in lower case, or an address in its usual form, unless it is not of
/// the family that AddressFamily names.
std::string settled_host(const std::string& host, std::string_view family);

class config_answer {
 public:
  /// A destination whose user and port come before all lines.
  class fixed_destination {
   public:
    std::string host;
    std::string user;  // empty: the lines say
    int port = 0;      // 0: the lines say
  };

  /// The arguments outlive it, but for the destination. Throws: ssh_config_error.
  config_answer(const config_lines& lines, const config_caller& caller, config_commands& commands,
                std::string_view destination);
  config_answer(const config_lines& lines, const config_caller& caller, config_commands& commands,
                const fixed_destination& destination);
  config_answer(const config_answer&) = delete;  // its views look into itself
  config_answer& operator=(const config_answer&) = delete;

  /// The values of the lines, or what ssh takes without one; several for one that adds, none if it
  /// has no value. As they are written: ~ and tokens are left.
  std::vector<std::string_view> values(const config_keyword& keyword) const;
  /// Whether a line gives a value.
  bool is_given(const config_keyword& keyword) const {
    return !is_unset(keyword, found_[config_place(keyword)]);
  }
  /// The values, with what they stand for: paths, or a command. Throws: ssh_config_error.
  std::vector<std::string> paths(const config_keyword& keyword) const;
  /// As `ssh -G` prints it, if it prints the keyword at all: one for each line.
  std::vector<std::string> shown(const config_keyword& keyword) const;

  /// The value of a line has %: a token, mostly.
  bool has_tokens(const config_keyword& keyword) const;
  /// A line gives the host another name.
  bool is_renamed() const { return is_given(config_keywords[config_place("hostname")]); }
  /// Lines were read with the name that HostName gave, too.
  bool has_final_pass() const noexcept { return has_final_pass_; }

  const std::string& given_host() const noexcept { return given_host_; }
  /// The name or address to connect to.
  const std::string& host() const noexcept { return tokens_.host; }
  const config_tokens& tokens() const noexcept { return tokens_; }

 private:
  enum class pass : std::uint8_t { first, final };
  enum class block : std::uint8_t { holds, ends, never };  // never: inside of one that ended

  void read_destination(std::string_view destination);
  void find_values();
  void read_lines();
  void apply(const config_line& line);
  void append(const config_line& line);
  void check_known(const config_line& line) const;
  void note_final_pass(const config_line& line);
  bool matches(const config_line& line);
  bool matches(const config_line& line, const config_criterion& one);
  std::string host_now() const;
  std::string_view user_now() const;
  config_tokens tokens_now() const;
  std::string renamed_host() const;
  std::string_view first(std::size_t place) const;
  void finish();
  std::string expanded(const config_keyword& keyword, std::string_view value) const;
  bool learns_keys() const;
  bool is_unset(const config_keyword& keyword, const std::vector<std::string_view>& given) const;

  const config_lines& lines_;
  const config_caller& caller_;
  config_commands& commands_;
  std::string given_host_;  // as the destination names it
  std::string host_;        // what the patterns of Host are compared with
  std::string given_user_, given_port_;
  config_tokens tokens_;
  std::vector<std::vector<std::string_view>> found_;  // by place of the keyword
  pass pass_ = pass::first;
  bool wants_final_pass_ = false;
  bool has_final_pass_ = false;
};

}  // namespace execo::detail
