// A child of an agent was broken into: the agent ends that link with words, says that what lies
// behind it is lost, and serves all others as before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "hostile_tree.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::command_end;
using detail::index_ranges;
using testing::HasSubstr;

class agent_lie {
 public:
  const char* kind;
  const char* words;  // of the state of its host
  bool folds = false;
  bool is_asked = false;  // whether it is there
};
void PrintTo(const agent_lie& which, std::ostream* out) { *out << which.kind; }

class agents_with_a_hostile_child : public testing::TestWithParam<agent_lie> {
 protected:
  static constexpr std::uint32_t first = 1, bad = 2, last = 3;
  explicit agents_with_a_hostile_child(const char* which = "h2", std::size_t hosts = last)
      : hostile(GetParam().kind, which, hosts) {}
  bool says_that_it_failed(std::uint32_t host) {
    return tree.until([&] {
      const auto& state = tree.host(host).last;
      return state && state->state == detail::tree_host_state::failed;
    });
  }

  hostile_tree hostile;
  tree_driver tree;
};

TEST_P(agents_with_a_hostile_child, lose_that_child_alone) {
  const index_ranges all(1, last);
  tree.use_connector(hostile.connector());
  tree.deploy(1, last);
  detail::execute_message order = tree_driver::text(1, all, hostile.command());
  if (GetParam().folds) order.flags |= static_cast<std::uint8_t>(detail::execute_flag::fold);
  tree.send(order);
  if (GetParam().is_asked) {
    // Not before it is up: it is not asked then.
    ASSERT_TRUE(tree.until_up(1, last)) << tree.link().fault_words();
    tree.send(tree_driver::wave(1));
  }
  ASSERT_TRUE(says_that_it_failed(bad)) << tree.link().fault_words();
  EXPECT_EQ(tree.host(bad).last->why, detail::host_failure::protocol);
  EXPECT_THAT(tree.host(bad).last->text, HasSubstr(GetParam().words));
  ASSERT_TRUE(tree.until_ended(1, all)) << tree.link().fault_words();
  for (std::uint32_t host : {1U, 3U}) {
    EXPECT_EQ(tree.of(1, host).out, "h" + std::to_string(host) + "\n");
    EXPECT_EQ(tree.of(1, host).end->how, command_end::exited);
    EXPECT_TRUE(tree.host(host).up);
  }
}

const agent_lie agent_lies[] = {
    {"prints_for_another_host", "speaks for a host that was not handed to this child"},
    {"prints_for_other_runs", "the protocol was broken: output"},
    {"contributes_for_another_host", "speaks for a host that was not handed to this child"},
    {"contributes_to_no_talk", "the protocol was broken: contribute"},
    {"ends_other_runs", "the protocol was broken: ended"},
    {"ends_twice", "the protocol was broken: ended"},
    {"starts_what_was_not_ordered", "the protocol was broken: started"},
    {"orders_its_parent", "a type that this end may not send"},
    {"gives_work_to_its_parent", "a type that this end may not send"},
    {"gives_a_certificate_to_its_parent", "a type that this end may not send"},
    {"gives_back_others", "speaks for a host that was not handed to this child"},
    {"gives_back_itself", "the protocol was broken: returned"},
    {"says_that_others_are_up", "speaks for a host that was not handed to this child"},
    {"says_that_it_is_up", "the protocol was broken: host_state"},
    {"says_that_it_failed", "the protocol was broken: host_state"},
    {"gives_credit_that_it_does_not_have", "credit is given for more than was sent"},
    {"answers_what_nobody_has_asked", "the protocol was broken: answers"},
    {"answers_for_another_host", "speaks for a host that was not handed to this child"},
    {"answers_twice", "the protocol was broken: answers", false, true},
    {"greets_again", "comes at a time that is not its own: hello"},
    {"wants_to_be_taken_up_again", "a frame has an unknown type"},
    {"repeats_a_frame", "a frame is missing, repeated or put in"},
    {"speaks_after_its_goodbye", "comes at a time that is not its own: output"},
    {"lies_about_a_digest", "the protocol was broken: folded", true},
    {"folds_what_is_not_folded", "the protocol was broken: folded"},
    {"is_no_agent_any_more", "a frame "},
    {"speaks_another_protocol", "there is no protocol that both ends speak"},
    {"has_a_wrong_nonce", "the other end is not the agent that was started"},
};
INSTANTIATE_TEST_SUITE_P(all, agents_with_a_hostile_child, testing::ValuesIn(agent_lies),
                         [](const auto& which) { return std::string(which.param.kind); });

// The child has hosts of its own to lie about.
class agents_with_a_hostile_inner_child : public agents_with_a_hostile_child {
 protected:
  agents_with_a_hostile_inner_child() : agents_with_a_hostile_child("h1", 1) {}
};

TEST_P(agents_with_a_hostile_inner_child, lose_what_is_behind_it_alone) {
  tree.use_connector(hostile.connector(), 1);
  tree.deploy(1, last);
  tree.send(tree_driver::text(1, index_ranges(first), "true"));
  ASSERT_TRUE(says_that_it_failed(first)) << tree.link().fault_words();
  EXPECT_EQ(tree.host(first).last->why, detail::host_failure::protocol);
  EXPECT_THAT(tree.host(first).last->text, HasSubstr(GetParam().words));
  tree.send(tree_driver::text(2, index_ranges(last), "echo here"));
  ASSERT_TRUE(tree.until_ended(2, index_ranges(last))) << tree.link().fault_words();
  EXPECT_EQ(tree.of(2, last).out, "here\n");
}

const agent_lie inner_lies[] = {
    {"says_twice_that_a_host_is_up", "the protocol was broken: host_state"},
    {"says_twice_that_a_host_failed", "the protocol was broken: host_state"},
    {"says_that_a_host_is_reached_through_nobody", "the protocol was broken: host_state"},
    {"gives_back_what_nobody_wants_back", "the protocol was broken: returned"},
    {"gives_back_what_is_up", "the protocol was broken: returned"},
};
INSTANTIATE_TEST_SUITE_P(all, agents_with_a_hostile_inner_child, testing::ValuesIn(inner_lies),
                         [](const auto& which) { return std::string(which.param.kind); });

}  // namespace
}  // namespace execo::test
