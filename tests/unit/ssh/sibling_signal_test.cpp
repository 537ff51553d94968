#include "ssh/sibling_signal.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

namespace execo::detail {
namespace {

TEST(sibling_signal_script, is_one_line_that_any_login_shell_hands_on_as_it_is) {
  for (delivery before : {delivery::none, delivery::possible}) {
    std::string script = sibling_signal_script(SIGTERM, before);
    EXPECT_EQ(script.find('\n'), script.npos);
    EXPECT_EQ(script.find('!'), script.npos);
    ASSERT_TRUE(script.starts_with("exec /bin/sh -c '"));
    EXPECT_EQ(std::count(script.begin(), script.end(), '\''), 2);
  }
}

TEST(sibling_signal_script, signals_nobody_when_its_parent_is_no_ssh_server) {
  // The script's parent is this test: the sleep beside it has to live.
  for (delivery before : {delivery::none, delivery::possible}) {
    std::string script = sibling_signal_script(SIGKILL, before);
    int status = ::system(("setsid sleep 5 & s=$!; (" + script +
                           "); r=$?; kill -0 $s && kill $s && "
                           "[ $r = 3 ]")
                              .c_str());
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
}  // namespace execo::detail
