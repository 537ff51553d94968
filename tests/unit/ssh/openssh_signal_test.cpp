// What the words of a script that ends a command tell, and when they are believed to be all.
#include "ssh/openssh_signal.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/loop/loop_harness.hpp"

namespace execo::test {
namespace {

using namespace detail;

class script_over_ssh : public testing::Test {
 protected:
  // What stands in for `ssh` runs `text`. Its end.
  script_state end_of(std::string text) {
    openssh_signal script(loop_.loop, surroundings::now(surroundings::caller::stands_still),
                          {"sh", "-c", std::move(text)},
                          delegate<>::to<&script_over_ssh::changed>(this));
    EXPECT_TRUE(loop_.turn_until([&] { return script.is_closed(); }));
    return script.state();
  }

 private:
  void changed() {}

  loop_harness loop_;
};

TEST_F(script_over_ssh, is_read_to_the_end_of_its_output_also_when_its_ssh_has_ended_before) {
  EXPECT_EQ(end_of("echo execo-here; echo execo-begin 1; \n"
                   "{ while kill -0 $$; do :; done; echo execo-end 1 gone; } 2>/dev/null &\n"
                   "exit 0"),
            script_state::gone);
}

TEST_F(script_over_ssh, is_broken_if_it_began_and_never_said_how_it_ended) {
  EXPECT_EQ(end_of("echo execo-here; echo execo-begin 1"), script_state::broken);
}

TEST_F(script_over_ssh, was_refused_if_its_ssh_failed_without_a_word) {
  EXPECT_EQ(end_of("exit 255"), script_state::refused);
}

TEST_F(script_over_ssh, was_something_else_if_that_ended_without_a_word) {
  EXPECT_EQ(end_of("echo hello"), script_state::something_else);
}

}  // namespace
}  // namespace execo::test
