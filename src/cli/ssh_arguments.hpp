// What the command lines of run and keyscan say about ssh, before the user's configuration and the
// files of ssh_config(5) are asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command_line/option_table.hpp"
#include "command_line/scanner.hpp"
#include "command_line/values.hpp"
#include "execo/connection.hpp"

namespace execo::cli {

class ssh_arguments {
 public:
  /// `configured`: of the user's configuration.
  explicit ssh_arguments(const ssh_options& configured);

  /// What the options have given so far, and what only a configuration can give.
  ssh_options given;

  /// -o: ssh_config(5) comes after config.toml, but what is on the command line comes first.
  void add_config_line(const command_line::given_option& option);
  /// -J. Throws: usage_error.
  void jump(const command_line::given_option& option);

  /// All of it, with what the configuration adds.
  ssh_options take();

 private:
  template <class Value>
  void fill_in(Value ssh_options::*member, std::string_view keyword);
  bool is_named(std::string_view keyword) const;

  ssh_options configured_;
  std::vector<std::string> named_;  // keywords of -o
};

/// Options of both command lines. A Reader has `targets` and `ssh`.
template <class Reader>
inline constexpr command_line::option<Reader> hosts_file_option{
    0, "hosts-file", "FILE",
    "a file of sets, any number on a line; # begins a comment; - is standard input. May be "
    "repeated",
    [](Reader& r, const command_line::given_option& g) {
      r.targets.add_file(g.spelled, std::string(g.value));
    }};
template <class Reader>
inline constexpr command_line::option<Reader> port_option{
    'p', "", "PORT", "port of the ssh servers (22)",
    [](Reader& r, const command_line::given_option& g) {
      r.ssh.given.port = static_cast<int>(command_line::number(g, 1, 65535));
    }};
template <class Reader>
inline constexpr command_line::option<Reader> config_file_option{
    'F', "", "FILE",
    "read this file in place of ~/.ssh/config and /etc/ssh/ssh_config; none: read no file",
    [](Reader& r, const command_line::given_option& g) {
      r.ssh.given.config_file = command_line::plain_text(g);
    }};

}  // namespace execo::cli
