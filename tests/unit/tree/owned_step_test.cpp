#include "tree/owned_step.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

class stepping final : public ref_counted {
 public:
  stepping(loop& on, int& calls, bool& is_gone)
      : step(on, *this, delegate<>::to<&stepping::called>(this)),
        calls_(calls),
        is_gone_(is_gone) {}
  ~stepping() override { is_gone_ = true; }

  owned_step step;

 private:
  void called() { ++calls_; }

  int& calls_;
  bool& is_gone_;
};

class owned_steps : public testing::Test {
 public:
  loop at;
  int calls = 0;
  bool is_gone = false;
  intrusive_ptr<stepping> one{new stepping(at, calls, is_gone)};
};

// As for two orders of a turn that cannot be folded together.
TEST_F(owned_steps, that_are_queued_twice_in_a_turn_come_once_and_let_go_of_their_owner) {
  one->step.queue();
  one->step.queue();
  at.turn(0);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(is_gone);
  one = {};
  EXPECT_TRUE(is_gone);
}

TEST_F(owned_steps, keep_their_owner_until_they_have_come) {
  one->step.queue();
  one = {};
  EXPECT_FALSE(is_gone);
  at.turn(0);
  EXPECT_TRUE(is_gone);
  EXPECT_EQ(calls, 1);
}

TEST_F(owned_steps, come_again_when_they_are_queued_again) {
  for (int turn = 1; turn <= 3; ++turn) {
    one->step.queue();
    at.turn(0);
    EXPECT_EQ(calls, turn);
  }
}

}  // namespace
}  // namespace execo::detail
