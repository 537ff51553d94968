#include "ssh/command_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace execo::test {
namespace {

using detail::command_template;
using detail::token_reader;
using detail::token_values;
using form = command_template::form;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

token_values node7() {
  token_values values;
  values.host = "node7";
  values.port = 2222;
  values.user = "me";
  values.rank = 6;
  return values;
}

std::vector<std::string> words_of(std::string_view text, const token_values& values = node7()) {
  std::string problem;
  auto words = command_template(text).words(values, problem);
  return words.value_or(std::vector<std::string>{"refused: " + problem});
}

std::string refusal(std::string_view text) {
  try {
    (void)command_template(text);
    return "accepted";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(command_template, is_split_by_shell_words_and_then_expanded) {
  EXPECT_THAT(words_of("rsh -l %u '%h' \"a b\" 100%%"),
              ElementsAre("rsh", "-l", "me", "node7", "a b", "100%"));
  token_values odd = node7();
  odd.host = "a b;$(id)'\"%n";
  EXPECT_THAT(words_of("x %h:%p %n", odd), ElementsAre("x", "a b;$(id)'\"%n:2222", "6"));
}

TEST(command_template, adds_one_word_or_those_of_sh_by_its_program_or_its_prefix) {
  EXPECT_EQ(command_template("rsh %h").how(), form::one_word);
  EXPECT_EQ(command_template("sh -c").how(), form::one_word);
  EXPECT_EQ(command_template("argv:unshare -r").how(), form::argv);
  for (const char* text :
       {"docker exec -i %h", "/usr/bin/podman exec -i %h", "kubectl exec -i %h --",
        "ip netns exec %h", "chroot /srv/%h", "systemd-run --pipe -M %h", "srun --overlap -w %h"})
    EXPECT_EQ(command_template(text).how(), form::argv) << text;
  EXPECT_EQ(command_template("exec:").how(), form::exec);
}

TEST(command_template, lets_no_value_become_an_option) {
  token_values values = node7();
  values.host = "-oProxyCommand=id";
  EXPECT_THAT(words_of("ssh %h", values)[0], HasSubstr("would be an option of the connector"));
  EXPECT_THAT(words_of("docker exec -i n%h", values),
              ElementsAre("docker", "exec", "-i", "n-oProxyCommand=id"));
  EXPECT_THAT(words_of("x --on=%h", values), ElementsAre("x", "--on=-oProxyCommand=id"));
  values = node7();
  values.user = "-x";
  EXPECT_THAT(words_of("rsh -l %u %h", values)[0], HasSubstr("`-x`"));
}

TEST(command_template, that_cannot_be_used_is_refused_with_a_line_that_names_it) {
  EXPECT_THAT(refusal("rsh %z"), HasSubstr("connector `rsh %z`: %z is no token"));
  EXPECT_THAT(refusal("rsh %"), HasSubstr("a % at the end"));
  EXPECT_THAT(refusal("rsh 'x"), HasSubstr("connector `rsh 'x`"));
  EXPECT_THAT(refusal("  "), HasSubstr("the name of a program is missing"));
  EXPECT_THAT(refusal("argv:"), HasSubstr("the name of a program is missing"));
  EXPECT_THAT(refusal("'' %h"), HasSubstr("the name of a program is missing"));
  EXPECT_THAT(refusal("exec: ping %h"), HasSubstr("exec: stands alone"));
  EXPECT_THAT(refusal(std::string("a\0b", 3)), HasSubstr("a NUL byte"));
  EXPECT_EQ(refusal("rsh 100%%"), "accepted");
}

TEST(command_template, knows_which_programs_run_the_command_as_a_process_of_this_machine) {
  for (const char* text : {"sh -c", "ip netns exec %h", "chroot /x", "argv:unshare -r", "exec:"})
    EXPECT_TRUE(command_template(text).passes_signals()) << text;
  for (const char* text : {"rsh %h", "docker exec -i %h", "srun -w %h", "kubectl exec %h --"})
    EXPECT_FALSE(command_template(text).passes_signals()) << text;
}

TEST(expand_tokens, puts_no_text_into_a_shell_that_means_something_to_it) {
  std::string problem;
  EXPECT_EQ(expand_tokens("ping %h", node7(), token_reader::shell, problem), "ping node7");
  for (const char* name :
       {"a;id", "$(id)", "a b", "`id`", "a'b", "a\\", "~", "a\nb", "[1]", "a*"}) {
    token_values values = node7();
    values.host = name;
    EXPECT_FALSE(expand_tokens("ping %h", values, token_reader::shell, problem)) << name;
    EXPECT_THAT(problem, HasSubstr("EXECO_HOST"));
    EXPECT_EQ(expand_tokens("%h", values, token_reader::program, problem), name);
  }
}

}  // namespace
}  // namespace execo::test
