// Commands that a connector takes to their hosts, and those that run here once for each host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "execo/remote.hpp"
#include "execo/stdio.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

host_result result_of(remote action) {
  action_result all = sync_wait(std::move(action));
  return all.all().at(0);
}

ssh_options by(std::string connector) {
  ssh_options options;
  options.connector = std::move(connector);
  return options;
}

TEST(connector, takes_a_text_as_one_word_to_each_host) {
  action_result all =
      sync_wait(remote("echo $EXECO_HOST 'a  b'; exit 3", host_set("n[1-3]")).ssh(by("sh -c")));
  ASSERT_EQ(all.all().size(), 3U);
  for (const host_result& r : all.all()) {
    EXPECT_EQ(r.out, r.host.name() + " a  b\n");
    EXPECT_EQ(r.status(), exit_status::of_code(3));
    EXPECT_EQ(r.transport(), transport_kind::connector);
    EXPECT_EQ(r.connection(), connection_use::none);
  }
}

TEST(connector, of_programs_gives_words_to_sh) {
  command what(std::vector<std::string>{"printf", "[%s]", "it's", "a\nb", "$HOME", ""});
  host_result r = result_of(remote(what, host("n1")).ssh(by("argv:env X=%h")));
  EXPECT_EQ(r.out, "[it's][a\nb][$HOME][]") << r.describe() << r.err;
}

TEST(connector, carries_input_directory_variables_and_output_both_ways) {
  std::string input(300'000, 'x');
  host_result r = result_of(remote("pwd; echo $V >&2; cat", host("n1"))
                                .ssh(by("sh -c"))
                                .cwd("/usr")
                                .env("V", "it's")
                                .input(input));
  EXPECT_EQ(r.out, "/usr\n" + input);
  EXPECT_EQ(r.err, "it's\n");
}

TEST(connector, has_a_terminal_where_one_is_asked_for) {
  host_result r =
      result_of(remote("tty >/dev/null && stty size", host("n1")).ssh(by("sh -c")).pty(33, 111));
  EXPECT_EQ(r.out, "33 111\r\n") << r.describe() << r.err;
}

task<action_result> ids() {
  // as docs/connectors.md shows it
  ssh_options options;
  options.connector = "argv:unshare -r";
  action_result all = co_await remote("id -u", host_set("n[1-3]")).ssh(options);
  co_return all;
}

TEST(connector, that_makes_a_namespace_runs_the_command_in_it) {
  action_result all = sync_wait(ids());
  if (!all.ok()) GTEST_SKIP() << "no user namespaces here: " << all.all()[0].err;
  for (const host_result& r : all.all()) EXPECT_EQ(r.out, "0\n");
}

TEST(connector, that_ends_with_a_signal_is_signaled) {
  host_result r = result_of(remote("kill -USR1 $$", host("n1")).ssh(by("sh -c")));
  EXPECT_EQ(r.how(), end_reason::signaled);
  EXPECT_EQ(r.status(), exit_status::of_signal(SIGUSR1));
}

TEST(connector, that_is_missing_is_spawn_failed_and_names_host_and_program) {
  host_result r = result_of(remote("true", host("n1")).ssh(by("no-such-program %h")));
  EXPECT_EQ(r.how(), end_reason::spawn_failed);
  EXPECT_EQ(r.error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(r.error_context(), "n1: execve no-such-program");
  EXPECT_EQ(r.started_command(), certainty::no);
}

TEST(connector, that_cannot_be_used_is_refused_before_any_host) {
  EXPECT_THROW((void)remote("true", host("n1")).ssh(by("rsh %z")), std::invalid_argument);
}

TEST(connector, takes_no_host_name_that_would_be_an_option) {
  host_result r = result_of(remote("true", host("-oProxyCommand=id")).ssh(by("echo %h")));
  EXPECT_EQ(r.how(), end_reason::unsupported);
  EXPECT_THAT(r.error_context(), HasSubstr("begins with '-'"));
}

TEST(connector, takes_nothing_that_only_a_local_command_can_have) {
  host_result r = result_of(remote("true", host("n1")).ssh(by("sh -c")).nice(3));
  EXPECT_EQ(r.how(), end_reason::unsupported);
  EXPECT_THAT(r.error_context(), HasSubstr("only a local command can have it"));
}

TEST(connector, of_this_machine_is_ended_by_a_timeout) {
  host_result r =
      result_of(remote("echo $$; exec sleep 1000", host("n1")).ssh(by("sh -c")).timeout(300ms));
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_FALSE(r.may_still_run());
  EXPECT_EQ(::kill(std::stoi(r.out), 0), -1);
}

// The shell that reads its words would end at once, and the rest of the group be killed with it.
TEST(connector, of_this_machine_leaves_a_program_its_time_to_end) {
  const command slow("/bin/sh", "-c",
                     "trap 'sleep 0.3; echo cleaned; exit 7' TERM; echo up; "
                     "while :; do sleep 0.01; done");
  for (const char* way : {"sh -c", "argv:env", "env sh -c", "local"}) {
    remote one = remote(slow, host("n1")).ssh(by(way));
    one.on_line([&](const output_line& line) {
      if (line.text == "up") one.kill();
    });
    const host_result r = sync_wait(one.run()).all().at(0);
    EXPECT_EQ(r.out, "up\ncleaned\n") << way << r.describe();
    EXPECT_EQ(r.status(), exit_status::of_code(7)) << way;
  }
}

TEST(connector, to_elsewhere_says_that_the_command_may_still_run_when_it_is_ended) {
  host_result r =
      result_of(remote("sleep 1000", host("n1")).ssh(by("timeout 1000 sh -c")).timeout(300ms));
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_EQ(r.leftover(), leftover_cause::no_signals);
  host_result own = result_of(remote("exit 1", host("n1")).ssh(by("timeout 1000 sh -c")));
  EXPECT_FALSE(own.may_still_run());
}

TEST(exec_connector, runs_the_command_here_once_for_each_host) {
  ssh_options here;
  here.connector = "exec:";
  here.user = "me";
  action_result all =
      sync_wait(remote("echo %h %n %p %u 100%% $EXECO_HOST", host_set("n[1-3]")).ssh(here));
  for (const host_result& r : all.all()) {
    std::string name = r.host.name();
    EXPECT_EQ(r.out, name + " " + std::to_string(r.index) + " 22 me 100% " + name + "\n");
    EXPECT_EQ(r.transport(), transport_kind::exec);
  }
}

TEST(exec_connector, expands_words_without_a_shell) {
  command what(std::vector<std::string>{"printf", "[%%s]", "%h;id", "$(id)"});
  host_result r = result_of(remote(what, host("a;b")).ssh(by("exec:")));
  EXPECT_EQ(r.out, "[a;b;id][$(id)]");
}

TEST(exec_connector, puts_no_name_into_a_shell_that_means_something_to_it) {
  host_result r = result_of(remote("echo %h", host("a;touch${IFS}x")).ssh(by("exec:")));
  EXPECT_EQ(r.how(), end_reason::unsupported);
  EXPECT_THAT(r.error_context(), HasSubstr("EXECO_HOST"));
  host_result token = result_of(remote("date +%s", host("n1")).ssh(by("exec:")));
  EXPECT_EQ(token.how(), end_reason::unsupported);
  EXPECT_THAT(token.error_context(), HasSubstr("%% is a percent sign"));
}

TEST(exec_connector, has_what_a_local_command_has) {
  host_result r = result_of(remote("nice", host("n1")).ssh(by("exec:")).nice(3));
  EXPECT_EQ(r.out, "3\n") << r.describe();
}

}  // namespace
}  // namespace execo::test
