// `execo run` is steered by signals while it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "temp_folder.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Commands that say `up`, and end when they may.
class execo_run_steering : public testing::Test {
 protected:
  /// Its messages come with the output, in the order in which they were written.
  program start(const std::string& fanout) const {
    std::vector<std::string> words{"/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"};
    const std::string command = "echo up; until test -e " + go_ + "; do sleep 0.05; done";
    for (const std::string& word :
         execo_run(fleet_, {"-f", fanout, "--progress", "always", "-w", "127.4.2.[1-6]", command}))
      words.push_back(word);
    return program(words);
  }
  static bool are_up(program& tool, int first, int last) {
    for (int i = first; i <= last; ++i)
      if (!tool.out_has("127.4.2." + std::to_string(i) + ": up\n")) return false;
    return true;
  }
  static bool queue(const program& tool, int value) {
    sigval with{};
    with.sival_int = value;
    return ::sigqueue(tool.pid(), SIGUSR2, with) == 0;
  }
  void let_go() const { folder_.write("go", ""); }

  temp_folder folder_;
  const std::string go_ = folder_ / "go";
  fleet_fixture fleet_{"127.4.2.[1-6]"};
};

TEST_F(execo_run_steering, lets_no_further_host_begin_until_it_is_told_to) {
  program tool = start("2");
  ASSERT_TRUE(are_up(tool, 1, 2));
  tool.kill(SIGUSR1);
  ASSERT_TRUE(tool.out_has("execo: no further host begins until `kill -USR1 " +
                           std::to_string(tool.pid()) + "`\n"));
  let_go();
  ASSERT_TRUE(tool.out_has("2/6 done, 2 ok, 0 failed, 0 running"));
  EXPECT_THAT(tool.out(), HasSubstr(", suspended"));
  EXPECT_THAT(tool.out(), Not(HasSubstr("127.4.2.3: up")));
  tool.kill(SIGUSR1);
  ASSERT_TRUE(tool.out_has("execo: hosts begin again\n"));
  ASSERT_TRUE(are_up(tool, 3, 6));
  const outcome o = tool.finish();
  EXPECT_EQ(o.code, 0) << o.out;
  EXPECT_THAT(o.out, HasSubstr("6 hosts: 6 ok, 0 failed"));
}

TEST_F(execo_run_steering, takes_another_fanout_that_comes_with_the_signal) {
  program tool = start("1");
  ASSERT_TRUE(are_up(tool, 1, 1));
  ASSERT_TRUE(queue(tool, 4));
  ASSERT_TRUE(tool.out_has("execo: 4 hosts at a time from now on\n"));
  ASSERT_TRUE(are_up(tool, 2, 4));
  ASSERT_TRUE(tool.out_has("0/6 done, 0 ok, 0 failed, 4 running"));
  EXPECT_THAT(tool.out(), Not(HasSubstr("127.4.2.5: up")));
  // Without a value nothing is changed.
  tool.kill(SIGUSR2);
  let_go();
  const outcome o = tool.finish();
  EXPECT_EQ(o.code, 0) << o.out;
  EXPECT_EQ(o.out.find("at a time"), o.out.rfind("at a time"));
}

TEST_F(execo_run_steering, leaves_an_interrupt_what_it_is) {
  program tool = start("2");
  ASSERT_TRUE(are_up(tool, 1, 2));
  tool.kill(SIGUSR1);
  ASSERT_TRUE(tool.out_has("execo: no further host begins"));
  tool.kill(SIGINT);
  const outcome o = tool.finish();
  EXPECT_EQ(o.code, 130);
  EXPECT_THAT(o.out, HasSubstr("execo: interrupted: 6 of 6 hosts did not complete\n"));
  EXPECT_TRUE(fleet_.no_commands_left());
}

}  // namespace
}  // namespace execo::test
