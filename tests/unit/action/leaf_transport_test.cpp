// Hosts of a tree that can have no agent: the root reaches them itself.
#include "action/leaf_transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "ssh/failing_transport.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// Leads to fake hosts, and counts who has come that way.
class played_leaves final : public detail::leaf_service {
 public:
  played_leaves(fake_hosts& hosts, std::size_t most) : leaf_service(most), hosts_(hosts) {}
  bool is_leaf(const host& where) const override { return !well.contains(where.name()); }
  std::unique_ptr<detail::transport> way_to(const host& where, const detail::tree_place&) override {
    if (is_broken) throw std::invalid_argument("no way");
    return std::make_unique<fake_transport>(*on, hosts_, where);
  }

  std::set<std::string> well;  // hosts with another failure
  bool is_broken = false;
  detail::loop* on = nullptr;

 private:
  fake_hosts& hosts_;
};

class leaves_of_a_tree : public on_each_backend {
 protected:
  void be_leaves(fake_action& all, end_reason why = end_reason::unsupported) {
    all.make_by([this, why](detail::loop& on, const host& where) {
      service_->on = &on;
      return detail::make_leaf_transport(
          on, service_, where, detail::tree_place(),
          std::make_unique<detail::failing_transport>(
              on, why, where.name() + ": no agent was started: no directory executes"));
    });
  }

  fake_hosts hosts_;
  std::shared_ptr<played_leaves> service_ = std::make_shared<played_leaves>(hosts_, 2);
};
EXECO_ON_EACH_BACKEND(leaves_of_a_tree);

TEST_P(leaves_of_a_tree, run_their_command_once_by_the_other_way_and_say_why) {
  hosts_.behaviour = [](const host&) {
    script s;
    s.out = "done\n";
    s.code = 3;
    return s;
  };
  fake_action all(hosts_, 5);
  be_leaves(all);
  action_result results = sync_wait(all.run());
  EXPECT_EQ(hosts_.began, 5);
  for (const host_result& one : results.all()) {
    EXPECT_EQ(one.status().code(), 3) << one.describe();
    EXPECT_EQ(one.out, "done\n");
    EXPECT_EQ(one.transport_why(), "without an agent: no directory executes");
    EXPECT_EQ(one.error_context(), "without an agent: no directory executes");
  }
}

TEST_P(leaves_of_a_tree, are_reached_no_more_at_a_time_than_the_other_way_bears) {
  fake_action all(hosts_, 9);
  be_leaves(all);
  EXPECT_TRUE(sync_wait(all.run()).ok());
  EXPECT_EQ(hosts_.most_open, 2);
  EXPECT_EQ(hosts_.began, 9);
}

TEST_P(leaves_of_a_tree, give_up_their_turn_when_they_are_stopped_while_they_wait) {
  hosts_.all_take(1h);
  fake_action all(hosts_, 6);
  be_leaves(all);
  auto work = [&]() -> task<> {
    all.start();
    while (hosts_.began < 2) co_await sleep(1ms);
    all.kill();
    action_result results = co_await all.wait();
    EXPECT_EQ(results.failed().size(), 6U);
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.began, 2);
  fake_action others(hosts_, 3);
  hosts_.all_take(1ms);
  be_leaves(others);
  EXPECT_TRUE(sync_wait(others.run()).ok()) << "all turns were given back";
}

TEST_P(leaves_of_a_tree, fail_as_they_did_where_something_else_is_wrong) {
  service_->well = {"h0"};
  fake_action all(hosts_, 2);
  be_leaves(all);
  action_result results = sync_wait(all.run());
  EXPECT_EQ(results.all()[0].how(), end_reason::unsupported);
  EXPECT_TRUE(results.all()[0].transport_why().empty());
  EXPECT_TRUE(results.all()[1].ok());
  fake_action lost(hosts_, 1);
  be_leaves(lost, end_reason::connection_lost);
  EXPECT_EQ(sync_wait(lost.run()).all()[0].how(), end_reason::connection_lost);
  EXPECT_EQ(hosts_.began, 1);
}

TEST_P(leaves_of_a_tree, fail_where_the_other_way_fails) {
  hosts_.behaviour = [](const host&) {
    script s;
    s.fails = true;
    return s;
  };
  fake_action all(hosts_, 3);
  be_leaves(all);
  action_result results = sync_wait(all.run());
  for (const host_result& one : results.all()) {
    EXPECT_EQ(one.how(), end_reason::connect_failed);
    EXPECT_EQ(one.transport_why(), "without an agent: no directory executes");
  }
  service_->is_broken = true;
  fake_action none(hosts_, 3);
  be_leaves(none);
  EXPECT_EQ(sync_wait(none.run()).hosts(end_reason::unsupported).size(), 3U);
}

}  // namespace
}  // namespace execo::test
