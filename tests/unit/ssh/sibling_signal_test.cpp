#include "ssh/sibling_signal.hpp"

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
  for (delivery before : {delivery::none, delivery::possible})
    all.push_back(sibling_signal_script(number, before));
  for (int seconds : {0, 5}) all.push_back(ending_script(number, std::chrono::seconds(seconds)));
  return all;
}

TEST(sibling_signal_script, is_one_line_that_any_login_shell_hands_on_as_it_is) {
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

TEST(sibling_signal_script, signals_nobody_when_its_parent_is_no_ssh_server) {
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
