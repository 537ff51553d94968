// A tree that stays between actions: agents on this machine, a shell in place of ssh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "execo/execo.hpp"
#include "file_bytes.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

class standing_trees : public testing::Test {
 public:
  standing_trees() {
    static int count = 0;
    tag_ = "stands." + std::to_string(::getpid()) + "." + std::to_string(count++);
    (void)::setenv("EXECO_TEST_TREE", tag_.c_str(), 1);
    way_.connector = "local";
  }
  ~standing_trees() override { (void)::unsetenv("EXECO_TEST_TREE"); }

  tree_network net_of(const std::string& set, const tree& shape = tree()) {
    return tree_network(set, shape, way_);
  }
  /// Agents of this test, keepers among them.
  std::vector<pid_t> agents() const {
    std::vector<pid_t> found;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
      pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      if (test::file_bytes(entry.path() / "comm") != "execo-agent\n") continue;
      std::string around = test::file_bytes(entry.path() / "environ");
      if (around.find("EXECO_TEST_TREE=" + tag_ + '\0') != around.npos) found.push_back(pid);
    }
    return found;
  }
  void expect_nothing_left() const {
    auto end = std::chrono::steady_clock::now() + 30s;
    while (!agents().empty() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(5ms);
    EXPECT_THAT(agents(), IsEmpty());
  }

  ssh_options way_;
  std::string tag_;
};

TEST_F(standing_trees, run_one_action_after_the_other_by_the_same_agents) {
  sync_wait([](standing_trees& self) -> task<> {
    tree_network net = self.net_of("n[1-60]", tree().arity(4));
    std::vector<tree_host> hosts = co_await net.deploy();
    EXPECT_EQ(hosts.size(), 60U);
    for (const tree_host& one : hosts) {
      EXPECT_TRUE(one.up) << one.error_context;
      EXPECT_EQ(one.parent.empty(), one.depth == 1) << one.host.name();
    }
    tree_status now = net.status();
    EXPECT_EQ(now.up, 60U);
    EXPECT_EQ(now.children, 4U);
    EXPECT_GE(now.depth, 3U);
    std::vector<pid_t> first = self.agents();
    remote all = std::move(remote("echo $EXECO_HOST", "n[1-60]").via(net));
    action_result done = co_await all.run();
    for (const host_result& one : done.all()) EXPECT_EQ(one.out, one.host.name() + "\n");
    remote some = std::move(remote("exit 3", "n[7-9]").via(net));
    action_result again = co_await some.run();
    EXPECT_EQ(again.all().size(), 3U);
    for (const host_result& one : again.all()) EXPECT_EQ(one.status().code(), 3);
    EXPECT_EQ(self.agents(), first);
    co_await net.close();
    EXPECT_EQ(net.status().up, 0U);
  }(*this));
  expect_nothing_left();
}

TEST_F(standing_trees, take_hosts_when_an_action_names_them_or_when_they_are_added) {
  sync_wait([](standing_trees& self) -> task<> {
    tree_network net = self.net_of("n[1-3]");
    remote first = std::move(remote("true", "n[2-5]").via(net));
    action_result done = co_await first.run();
    EXPECT_TRUE(done.ok()) << done.describe();
    EXPECT_EQ(net.status().up, 4U);
    std::vector<tree_host> added = co_await net.add("n[4-6]");
    EXPECT_EQ(added.size(), 3U);
    for (const tree_host& one : added) EXPECT_TRUE(one.up) << one.error_context;
    EXPECT_EQ(net.status().up, 5U);
    std::vector<tree_host> all = co_await net.deploy();
    EXPECT_EQ(all.size(), 6U);
    EXPECT_EQ(net.status().up, 6U);
  }(*this));
  expect_nothing_left();
}

TEST_F(standing_trees, say_of_each_host_why_it_is_not_up) {
  way_.connector = "/nonexistent/way %h";
  sync_wait([](standing_trees& self) -> task<> {
    tree_network net = self.net_of("n[1-3]");
    std::vector<tree_host> hosts = co_await net.deploy();
    EXPECT_EQ(hosts.size(), 3U);
    for (const tree_host& one : hosts) {
      EXPECT_FALSE(one.up);
      EXPECT_THAT(one.error_context, HasSubstr(one.host.name()));
      EXPECT_NE(one.how, end_reason::not_started);
    }
    EXPECT_EQ(net.status().failed, 3U);
  }(*this));
}

TEST_F(standing_trees, reach_hosts_again_that_they_have_lost) {
  sync_wait([](standing_trees& self) -> task<> {
    std::set<std::string> lost;
    std::set<std::string> healed;
    channel<int> all_back(1);
    tree_network net = self.net_of("n[1-40]", tree().arity(3));
    net.on_lost([&](const tree_host& one) {
      EXPECT_FALSE(one.up);
      EXPECT_THAT(one.error_context, HasSubstr(":"));
      lost.insert(one.host.name());
    });
    net.on_healed([&](const tree_host& one) {
      EXPECT_TRUE(one.up);
      healed.insert(one.host.name());
      if (healed == lost) (void)all_back.try_send(1);
    });
    (void)co_await net.deploy();
    std::vector<pid_t> agents = self.agents();
    // Whoever it is, an inner one or a leaf.
    for (std::size_t i : {agents.size() / 4, agents.size() / 2, agents.size() - 1})
      (void)::kill(agents[i], SIGKILL);
    (void)co_await all_back.receive();
    EXPECT_FALSE(lost.empty());
    remote command = std::move(remote("echo $EXECO_HOST", "n[1-40]").via(net));
    action_result done = co_await command.run();
    for (const host_result& one : done.all())
      EXPECT_EQ(one.out, one.host.name() + "\n") << one.describe();
    co_await net.close();
  }(*this));
  expect_nothing_left();
}

TEST_F(standing_trees, serve_actions_of_every_ring_of_their_context) {
  context at{rings(3)};
  tree_network net = net_of("n[1-20]");
  net.on(at.ring(2));
  sync_wait(at, [](context& where, const tree_network& by) -> task<> {
    for (unsigned ring : {0U, 1U, 2U}) {
      remote command("echo $EXECO_HOST", "n[1-20]");
      command.via(by).on(where.ring(ring));
      action_result done = co_await command.run();
      for (const host_result& one : done.all())
        EXPECT_EQ(one.out, one.host.name() + "\n") << one.describe();
    }
    EXPECT_EQ(by.status().up, 20U);
    co_await by.close();
  }(at, net));
  expect_nothing_left();
}

TEST_F(standing_trees, belong_to_the_ring_of_an_action_that_makes_one_of_its_own) {
  context at{rings(3)};
  remote command = std::move(
      remote("echo $EXECO_HOST", "n[1-20]").ssh(way_).via(tree().arity(3)).on(at.ring(1)));
  action_result done = sync_wait(at, command.run());
  for (const host_result& one : done.all())
    EXPECT_EQ(one.out, one.host.name() + "\n") << one.describe();
}

TEST_F(standing_trees, end_with_their_handle_and_what_runs_on_them_is_lost) {
  sync_wait([](standing_trees& self) -> task<> {
    std::optional<tree_network> net(self.net_of("n[1-5]"));
    remote command = std::move(remote("echo on; sleep 1000", "n[1-5]").via(*net));
    std::size_t running = 0;
    command.on_line([&](const output_line&) {
      if (++running == 5) net.reset();
    });
    action_result done = co_await command.run();
    for (const host_result& one : done.all())
      EXPECT_NE(one.how(), end_reason::exited) << one.describe();
  }(*this));
  expect_nothing_left();
}

TEST_F(standing_trees, end_with_their_context) {
  std::optional<tree_network> net(net_of("n[1-10]"));
  {
    context at;
    std::vector<tree_host> hosts = sync_wait(at, net->deploy());
    EXPECT_EQ(hosts.size(), 10U);
  }
  expect_nothing_left();
  EXPECT_EQ(net->status().up, 0U);
  net.reset();
}

TEST_F(standing_trees, are_over_once_they_are_closed) {
  sync_wait([](standing_trees& self) -> task<> {
    tree_network net = self.net_of("n[1-3]");
    co_await net.close();
    co_await net.close();
    bool refused = false;
    try {
      (void)co_await net.deploy();
    } catch (const std::logic_error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    remote command = std::move(remote("true", "n1").via(net));
    refused = false;
    try {
      (void)co_await command.run();
    } catch (const std::logic_error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }(*this));
}

TEST_F(standing_trees, are_of_one_context) {
  context one;
  context other;
  tree_network net = net_of("n[1-2]");
  net.on(one);
  remote command = std::move(remote("true", "n1").via(net));
  EXPECT_THROW((void)sync_wait(other, command.run()), std::invalid_argument);
  EXPECT_THROW(net.on(other), std::logic_error);
}

}  // namespace
}  // namespace execo
