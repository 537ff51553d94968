#include "cli/ssh_config_options.hpp"

#include <gtest/gtest.h>

#include "command_line/usage_error.hpp"
#include "help_check.hpp"

namespace execo::cli {
namespace {

using words = std::vector<std::string>;

ssh_config_options parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ssh-config");
  return ssh_config_options(static_cast<int>(arguments.size()),
                            const_cast<char**>(arguments.data()));
}

TEST(ssh_config_options, letters_are_those_of_ssh_and_become_lines_in_their_order) {
  ssh_config_options read =
      parse({"-o", "Port=1", "a", "-p2", "-l", "x \"y", "-F", "file", "b@c", "-oUser z"});
  EXPECT_EQ(read.source.options, (words{"Port=1", "Port=2", "User \"x \\\"y\"", "User z"}));
  EXPECT_EQ(read.source.file, "file");
  EXPECT_EQ(read.hosts, (words{"a", "b@c"}));
}

TEST(ssh_config_options, a_missing_host_and_a_port_that_is_none_are_mistakes) {
  EXPECT_THROW(parse({"-p", "2"}), command_line::usage_error);
  EXPECT_THROW(parse({"-p", "70000", "a"}), command_line::usage_error);
  EXPECT_THROW(parse({"-F"}), command_line::usage_error);
  EXPECT_THROW(parse({"-x", "a"}), command_line::usage_error);
  EXPECT_EQ(parse({"--help"}).asked, question::help);
}

TEST(ssh_config_options, help_has_every_option_that_is_taken_and_no_other) {
  test::expect_help_of(ssh_config_specs(), ssh_config_help());
}

}  // namespace
}  // namespace execo::cli
