#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <execo/ssh_command.hpp>

#include <stdexcept>
#include <string>

namespace execo::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using words = std::vector<std::string>;

std::string refusal(const host& where, const ssh_options& options) {
  try {
    return "words of " + ssh_command(where, options).front();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(ssh_command_words, end_with_the_host_and_have_the_options) {
  ssh_options options;
  options.user = "me";
  options.port = 22;
  options.identities = {"/key"};
  options.known_hosts = "/known";
  options.host_key_policy = host_keys::accept_new;
  words made = ssh_command(host("you@n1:2222"), options);
  EXPECT_EQ(made.front(), "ssh");
  EXPECT_THAT(made, Contains("IdentityFile=\"/key\""));
  EXPECT_THAT(made, Contains("UserKnownHostsFile=\"/known\""));
  EXPECT_THAT(made, Contains("StrictHostKeyChecking=\"accept-new\""));
  EXPECT_THAT(made, Contains("BatchMode=\"yes\""));
  EXPECT_THAT(made, Not(Contains(HasSubstr("LogLevel"))));
  EXPECT_THAT(made, Not(Contains("-E")));
  words last(made.end() - 6, made.end());
  EXPECT_THAT(last, ElementsAre("-p", "2222", "-l", "you", "--", "n1"));
}

TEST(ssh_command_words, go_through_jump_hosts) {
  ssh_options options;
  options.jump = {"root@gate:2200"};
  EXPECT_THAT(ssh_command("n1", options),
              Contains(testing::AllOf(HasSubstr("ProxyCommand="), HasSubstr("-p 2200 -l root"),
                                      HasSubstr("-- gate"))));
}

TEST(ssh_command_words, are_those_of_a_connector) {
  ssh_options options;
  options.connector = "rsh -l %u -p %p %h";
  options.user = "me";
  EXPECT_THAT(ssh_command("n1", options), ElementsAre("rsh", "-l", "me", "-p", "22", "n1"));
  EXPECT_THAT(ssh_command("you@n1:99", options), ElementsAre("rsh", "-l", "you", "-p", "99", "n1"));
  options.connector = "docker exec -i %h";
  EXPECT_THAT(ssh_command("n1", options), ElementsAre("docker", "exec", "-i", "n1", "sh", "-c"));
}

TEST(ssh_command_words, refuse_what_they_cannot_say) {
  ssh_options options;
  EXPECT_THAT(refusal("-oProxyCommand=x", options), HasSubstr("would be an option"));
  options.connector = "exec:";
  EXPECT_THAT(refusal("n1", options), HasSubstr("exec: has no program"));
  options = ssh_options();
  options.become = "root";
  EXPECT_THAT(refusal("n1", options), HasSubstr("ssh_command(n1): become"));
  options = ssh_options();
  options.unix_socket = "/run/%h";
  EXPECT_THAT(refusal("n1", options), HasSubstr("a unix socket"));
  options = ssh_options();
  options.jump = {"gate"};
  options.proxy_command = "nc %h %p";
  EXPECT_THAT(refusal("n1", options), Not(HasSubstr("words of")));
}

}  // namespace
}  // namespace execo::test
