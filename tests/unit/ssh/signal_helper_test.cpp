#include "ssh/signal_helper.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <string>
#include <vector>

namespace execo::detail {
namespace {

std::vector<std::string> all_scripts(int number) {
  std::vector<std::string> all;
  std::vector<command_mark> marks{command_mark(), command_mark::of("0123456789ab.17."),
                                  command_mark::none_of("0123456789ab.")};
  for (const command_mark& mark : marks) {
    for (delivery before : {delivery::none, delivery::possible})
      all.push_back(helper_script(signal_line(1, number, before, mark)));
    for (int seconds : {0, 5})
      all.push_back(helper_script(ending_line(1, number, std::chrono::seconds(seconds), mark)));
  }
  return all;
}

TEST(signal_line, says_what_to_send_to_whom_and_when_to_kill) {
  using namespace std::chrono_literals;
  EXPECT_EQ(signal_line(3, SIGINT, delivery::none, {}), "3 2 none - 0 alone -");
  EXPECT_EQ(signal_line(4, SIGINT, delivery::possible, command_mark::of("ab.1.")),
            "4 2 maybe - 0 marked ab.1.");
  EXPECT_EQ(signal_line(5, SIGKILL, delivery::possible, {}), "5 9 none - 0 alone -");
  EXPECT_EQ(ending_line(6, SIGTERM, 1500ms, command_mark::none_of("ab.")),
            "6 15 end 1.500 2 unmarked ab.");
  EXPECT_EQ(ending_line(7, SIGTERM, 0ms, {}), "7 15 end - 0 alone -");
  EXPECT_EQ(ending_line(8, SIGKILL, 5s, {}), "8 9 end - 0 alone -");
}

TEST(watch_line, says_for_how_long_nothing_may_be_heard) {
  using namespace std::chrono_literals;
  EXPECT_EQ(watch_line(1, "beat", 10s), "1 15 beat - 10 alone -");
  EXPECT_EQ(watch_line(0, "runs", 1500ms), "0 15 runs - 2 alone -");
}

TEST(helper_script, is_one_line_that_any_login_shell_hands_on_as_it_is) {
  for (const std::string& script : all_scripts(SIGTERM)) {
    EXPECT_EQ(script.find('\n'), script.npos);
    // csh leaves an exclamation mark alone that a blank follows.
    for (std::size_t at = 0; (at = script.find('!', at)) != script.npos; ++at)
      EXPECT_EQ(script[at + 1], ' ') << script.substr(at);
    EXPECT_EQ(script.find("\\\\"), script.npos);
    EXPECT_LT(script.size(), 4000U) << "csh takes a word of that size";
    ASSERT_TRUE(script.starts_with("exec /bin/sh -c '"));
    EXPECT_EQ(std::count(script.begin(), script.end(), '\''), 2);
  }
}

TEST(helper_script, signals_nobody_when_its_parent_is_no_ssh_server) {
  // The script's parent is this test: the sleep beside it has to live.
  for (const std::string& script : all_scripts(SIGKILL)) {
    int status = ::system(("setsid sleep 5 & s=$!; (" + script +
                           ") >/dev/null; r=$?; kill -0 $s && kill $s && "
                           "[ $r = 3 ]")
                              .c_str());
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
}  // namespace execo::detail
