// The steps of an end as a table: what was asked for, and what is to be done.
#include "process/stop_escalation.hpp"

#include <gtest/gtest.h>

#include <string>

#include "process/transport.hpp"

namespace execo::detail {
namespace {

using namespace std::chrono_literals;

std::string in_words(const stop_escalation::order& order) {
  std::string text = order.signal == 0 ? "nothing" : std::to_string(order.signal);
  if (order.until_kill) text += ", KILL in " + format_duration_exact(*order.until_kill);
  if (order.grace) text += ", wait " + format_duration_exact(*order.grace);
  return text + (order.forced ? ", forced" : "");
}

std::string in_words(const std::optional<stop_escalation::order>& order) {
  return order ? in_words(*order) : "given up";
}

class escalation : public ::testing::Test {
 protected:
  void take(stop_policy policy) { steps.set_steps(policy.then(SIGKILL).steps(), 4s); }
  std::string begin(int signal = stop_escalation::by_policy) {
    return in_words(steps.begin(signal));
  }
  std::string next() { return in_words(steps.next()); }
  stop_escalation steps;
};

TEST_F(escalation, goes_through_the_steps_and_then_gives_up) {
  take(stop_policy().then(SIGINT, 2s).then(SIGTERM, 5s));
  EXPECT_FALSE(steps.in_flight());
  EXPECT_EQ(begin(), "2, KILL in 7s, wait 2s");
  EXPECT_TRUE(steps.in_flight());
  EXPECT_EQ(next(), "15, KILL in 5s, wait 5s");
  EXPECT_EQ(next(), "9, KILL in 0s, wait 1s, forced");
  EXPECT_EQ(next(), "given up");
  EXPECT_EQ(next(), "given up");
}

TEST_F(escalation, asked_for_again_goes_on_as_it_was) {
  take(stop_policy().then(SIGINT, 2s).then(SIGTERM, 5s));
  begin();
  EXPECT_EQ(begin(), "nothing");
  EXPECT_EQ(next(), "15, KILL in 5s, wait 5s");
  EXPECT_EQ(begin(), "nothing");
}

TEST_F(escalation, goes_on_from_the_step_of_a_signal_and_never_back) {
  take(stop_policy().then(SIGINT, 2s).then(SIGTERM, 5s));
  EXPECT_EQ(begin(SIGTERM), "15, KILL in 5s, wait 5s");
  EXPECT_EQ(begin(SIGINT), "2") << "a step that is past";
  EXPECT_EQ(begin(SIGTERM), "15") << "its time does not begin again";
  EXPECT_EQ(next(), "9, KILL in 0s, wait 1s, forced");
}

TEST_F(escalation, kills_at_once_when_it_is_asked_to_and_that_is_not_forced) {
  take(stop_policy().then(SIGINT, 2s));
  begin();
  EXPECT_EQ(begin(SIGKILL), "9, KILL in 0s, wait 1s");
  EXPECT_EQ(begin(SIGKILL), "9, KILL in 0s, wait 1s");
  EXPECT_EQ(next(), "given up");
}

TEST_F(escalation, has_kill_follow_term_and_int_beside_the_policy) {
  for (int signal : {SIGTERM, SIGINT}) {
    steps = {};
    take(stop_policy().then(SIGHUP, 2s).then(SIGQUIT, 3s));
    EXPECT_EQ(begin(signal), std::to_string(signal) + ", KILL in 4s, wait 4s");
    EXPECT_EQ(begin(), "1") << "the policy's first signal may do better";
    EXPECT_EQ(begin(signal), std::to_string(signal) + ", KILL in 4s");
    EXPECT_EQ(next(), "9, KILL in 0s, wait 1s, forced");
    EXPECT_EQ(next(), "given up");
  }
}

TEST_F(escalation, only_sends_what_ends_nothing) {
  take(stop_policy().then(SIGTERM, 2s));
  EXPECT_EQ(begin(SIGUSR1), "10");
  EXPECT_FALSE(steps.in_flight());
  EXPECT_EQ(begin(SIGWINCH), std::to_string(SIGWINCH));
  EXPECT_FALSE(steps.in_flight());
}

TEST_F(escalation, counts_no_time_of_steps_that_have_none) {
  take(stop_policy().then(SIGINT, -1s).then(SIGTERM, duration::max()).then(SIGQUIT, 1s));
  EXPECT_EQ(steps.begin(stop_escalation::by_policy).until_kill, duration::max());
}

}  // namespace
}  // namespace execo::detail
