#include "ssh_config_options.hpp"

#include "command_line/values.hpp"

namespace execo::cli {

namespace {

using command_line::given_option;
using command_line::usage_error;
using ssh_config_option = command_line::option<ssh_config_options>;

// The value as one word of a file: ssh splits what -o gives it.
std::string line_of(std::string_view keyword, std::string_view value) {
  std::string line = std::string(keyword) + " \"";
  for (char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  return line + '"';
}

constexpr ssh_config_option ssh_config_table[] = {
    {'F', "", "FILE",
     "read this file in place of ~/.ssh/config and /etc/ssh/ssh_config; none: read no file",
     [](ssh_config_options& to, const given_option& g) {
       to.source.file = command_line::plain_text(g);
     }},
    {'o', "", "NAME=VALUE", "a line that comes before the files; may be given several times",
     [](ssh_config_options& to, const given_option& g) {
       to.source.options.push_back(command_line::plain_text(g));
     }},
    {'p', "", "PORT", "the same as -o Port=PORT",
     [](ssh_config_options& to, const given_option& g) {
       std::size_t port = command_line::number(g, 1, 65'535);
       to.source.options.push_back("Port=" + std::to_string(port));
     }},
    {'l', "", "USER", "the same as -o User=USER",
     [](ssh_config_options& to, const given_option& g) {
       to.source.options.push_back(line_of("User", command_line::plain_text(g)));
     }},
    {'h', "help", "", "show this text"},
    {0, "", "HOST", "[USER@]NAME or ssh://[USER@]NAME[:PORT], as for ssh",
     [](ssh_config_options& to, const given_option& g) {
       to.hosts.push_back(command_line::plain_text(g));
     }},
};

}  // namespace

command_line::spec_list ssh_config_specs() {
  return command_line::specs_of<ssh_config_options>(ssh_config_table);
}

std::string ssh_config_help() {
  return R"(Usage: execo ssh-config [OPTION]... HOST...

Shows what ssh_config(5) says about hosts, in the form of `ssh -G`: a keyword and
its value on each line, also where no file names the keyword. Text about a second
host begins behind an empty line. execo reads the files itself: it does not run
ssh, connects to nothing and looks up no name.

)" + option_help(ssh_config_specs()) +
         R"(
The first value of a keyword holds: from -o, -p and -l, then from ~/.ssh/config,
then from /etc/ssh/ssh_config. Commands of `Match exec` are run, as ssh runs them,
each text once.

Examples:
  execo ssh-config node1                     all that holds for node1
  execo ssh-config node1 | grep -i proxy     how it would be reached
  execo ssh-config -F new.conf -l root db1   try a file before it is used

Exit status: 0, or 2 for a mistake on the command line or in a file; the message
names its file and line.
)";
}

ssh_config_options::ssh_config_options(int argc, char** argv) {
  asked = command_line::parse<ssh_config_options>(ssh_config_table,
                                                  command_line::words_after_name(argc, argv),
                                                  command_line::habits::operands, *this)
              .asked;
  if (asked == question::none && hosts.empty())
    throw usage_error("no host; see `execo ssh-config --help`");
}

}  // namespace execo::cli
