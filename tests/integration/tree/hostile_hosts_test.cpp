// One host of a tree was broken into: that costs its own subtree, with words, and nobody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "execo/execo.hpp"
#include "held_clock.hpp"
#include "hostile_tree.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class lie {
 public:
  const char* kind;
  const char* words;  // of the result
  end_reason how = end_reason::connection_lost;
};
void PrintTo(const lie& which, std::ostream* out) { *out << which.kind; }

class hosts_of_a_tree_that_were_broken_into : public testing::TestWithParam<lie> {};

TEST_P(hosts_of_a_tree_that_were_broken_into, cost_themselves_alone) {
  constexpr std::size_t count = 4;
  test::hostile_tree hostile(GetParam().kind, "n3", count);
  ssh_options way;
  way.connector = hostile.connector_text();
  action_result all =
      sync_wait(remote(hostile.command(), "n[1-4]").ssh(way).via(tree()).timeout(60s).run());
  ASSERT_EQ(all.all().size(), count);
  for (const host_result& one : all.all()) {
    if (one.host.name() == "n3") {
      EXPECT_EQ(one.how(), GetParam().how) << one.describe();
      EXPECT_THAT(one.describe(), HasSubstr(GetParam().words));
    } else {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_EQ(one.out, one.host.name() + "\n");
    }
  }
}

const lie lies[] = {
    {"prints_for_another_host", "speaks for a host that was not handed to this child"},
    {"prints_for_other_runs", "the protocol was broken: output"},
    {"says_what_is_of_no_talk", "the protocol was broken: say"},
    {"contributes_for_another_host", "speaks for a host that was not handed to this child"},
    {"contributes_to_no_talk", "the protocol was broken: contribute"},
    {"ends_other_runs", "the protocol was broken: ended"},
    {"starts_what_was_not_ordered", "the protocol was broken: started"},
    {"orders_its_parent", "a type that this end may not send"},
    {"gives_work_to_its_parent", "a type that this end may not send"},
    {"gives_a_certificate_to_its_parent", "a type that this end may not send"},
    {"asks_for_hosts", "the protocol was broken: steal"},
    {"gives_back_others", "speaks for a host that was not handed to this child"},
    {"gives_back_itself", "the protocol was broken: returned"},
    {"says_that_others_are_up", "speaks for a host that was not handed to this child"},
    {"says_that_others_failed", "speaks for a host that was not handed to this child"},
    {"says_that_it_is_up", "the protocol was broken: host_state"},
    {"says_that_it_failed", "the protocol was broken: host_state"},
    {"is_reached_through_nobody", "the protocol was broken: host_state"},
    {"takes_input_that_was_not_sent", "it took more input than there was",
     end_reason::protocol_error},
    {"gives_credit_that_it_does_not_have", "credit is given for more than was sent"},
    {"answers_what_nobody_has_asked", "the protocol was broken: answers"},
    {"answers_for_another_host", "speaks for a host that was not handed to this child"},
    {"greets_again", "comes at a time that is not its own: hello"},
    {"wants_to_be_taken_up_again", "a frame has an unknown type"},
    {"repeats_a_frame", "a frame is missing, repeated or put in"},
    {"speaks_after_its_goodbye", "comes at a time that is not its own: output"},
    {"lies_about_a_digest", "the protocol was broken: folded"},
    {"is_no_agent_any_more", "a frame "},
    {"speaks_another_protocol", "there is no protocol that both ends speak",
     end_reason::connect_failed},
    {"has_a_wrong_nonce", "the other end is not the agent that was started",
     end_reason::connect_failed},
};
INSTANTIATE_TEST_SUITE_P(all, hosts_of_a_tree_that_were_broken_into, testing::ValuesIn(lies),
                         [](const auto& which) { return std::string(which.param.kind); });

/// From hurry() on each deadline of the next minute is there after 300 ms. Shorter is too short:
/// one of them is that of a process to end by KILL, which no clock hurries.
class hurried_clock final : public test::held_clock {
 public:
  using held_clock::held_clock;
  void hurry() noexcept { limit_ = now_ + 60s; }
  void idle_until(detail::clock::time_point next) noexcept override {
    if (next > limit_ || next <= now_) return;
    std::this_thread::sleep_for(std::min<detail::clock::duration>(next - now_, 300ms));
    now_ = next;
  }

 private:
  detail::clock::time_point limit_{};
};

// Nothing but time ends it. Alone: for others such a clock would be too fast.
class hosts_of_a_tree_that_do_not_end : public testing::TestWithParam<lie> {};

TEST_P(hosts_of_a_tree_that_do_not_end, are_cut_off) {
  test::hostile_tree hostile(GetParam().kind, "n1", 1);
  ssh_options way;
  way.connector = hostile.connector_text();
  context at;
  hurried_clock clock(at);
  remote running = remote("true", "n1").ssh(way).via(tree()).on(at).timeout(100s);
  running.on_line([&](const output_line&) { clock.hurry(); });
  action_result all = sync_wait(at, running.run());
  EXPECT_EQ(all.all().at(0).how(), end_reason::connection_lost) << all.describe();
  EXPECT_THAT(all.all().at(0).describe(), HasSubstr(GetParam().words));
}

const lie stubborn[] = {
    {"stubborn_after_a_lie", "the protocol was broken: host_state"},
    {"stubborn_and_silent", "has been silent for too long"},
    {"stubborn_and_dripping", "has been silent for too long"},
};
INSTANTIATE_TEST_SUITE_P(all, hosts_of_a_tree_that_do_not_end, testing::ValuesIn(stubborn),
                         [](const auto& which) { return std::string(which.param.kind); });

}  // namespace
}  // namespace execo
