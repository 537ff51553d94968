#include <gmock/gmock.h>

#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(variables_of_a_command, are_those_set_last_in_the_order_of_the_first) {
  command c("true");
  c.set_variable("A", "1");
  c.set_variable("B", "2");
  c.set_variable("A", "3");
  EXPECT_THAT(c.variables(), ElementsAre(Pair("A", "3"), Pair("B", "2")));
  c.remove_variable("A");
  EXPECT_THAT(c.variables(), ElementsAre(Pair("B", "2")));
  EXPECT_THAT(c.attributes.removed_variables, ElementsAre("A"));
  c.set_variable("A", "4");
  EXPECT_THAT(c.variables(), ElementsAre(Pair("B", "2"), Pair("A", "4")));
  EXPECT_TRUE(c.attributes.removed_variables.empty());
}

// Quadratic, this takes minutes.
TEST(variables_of_a_command, may_be_two_hundred_thousand) {
  process p("env");
  for (int i = 0; i < 200'000; ++i) p.env("N" + std::to_string(i), "");
  result r = sync_wait(std::move(p).run());
  // More than a child may be given, on most machines.
  EXPECT_TRUE(r.ok() || r.how() == end_reason::spawn_failed) << r.describe();
}

}  // namespace
}  // namespace execo::test
