// An empty message to all agents of a tree that stands, and their answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "held_clock.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

ssh_options by_shells() {
  ssh_options way;
  way.connector = "local";
  return way;
}

task<pid_t> agent_of(const tree_network& net, const std::string& name) {
  remote command = std::move(remote("echo $PPID", name).via(net));
  action_result done = co_await command.run();
  co_return std::atoi(done.all()[0].out.c_str());
}

/// Advances the clock of the context, which stands, once its dump has these words.
task<> pass_when(context& at, test::led_clock& time, std::string words) {
  while (at.dump().find(words) == std::string::npos) {
    process moment("true");
    co_await moment.run();
  }
  // Less than a link may be silent.
  time.advance(11s);
}

task<> kill_agent(pid_t agent) {
  EXPECT_EQ(::kill(agent, SIGKILL), 0);
  co_return;
}

TEST(pings_of_a_tree, are_answered_by_all_that_are_up) {
  sync_wait([]() -> task<> {
    tree_network net("n[1-40]", tree().arity(3), by_shells());
    tree_answers none = co_await net.ping();
    EXPECT_TRUE(none.ok());
    EXPECT_EQ(none.answered, 0U);
    (void)co_await net.deploy();
    for (int i = 0; i < 3; ++i) {
      tree_answers all = co_await net.ping(100s);
      EXPECT_TRUE(all.ok());
      EXPECT_EQ(all.answered, 40U);
      EXPECT_GT(all.took, 0s);
    }
    co_await net.close();
  }());
}

TEST(pings_of_a_tree, follow_each_other) {
  sync_wait([]() -> task<> {
    tree_network net("n[1-10]", tree().arity(3), by_shells());
    (void)co_await net.deploy();
    auto [one, other] = co_await when_all(net.ping(100s), net.ping(100s));
    EXPECT_EQ(one.answered, 10U);
    EXPECT_EQ(other.answered, 10U);
    co_await net.close();
  }());
}

// The clock stands until all others have answered.
TEST(pings_of_a_tree, name_who_is_silent_and_through_whom_it_was_reached) {
  context at;
  test::led_clock clock(at);
  sync_wait(at, [](context& where, test::led_clock& time) -> task<> {
    tree_network net("n[1-6]", tree().chain(), by_shells());
    std::vector<tree_host> hosts = co_await net.deploy();
    std::string parent;
    std::string silent;
    std::string behind;
    for (const tree_host& one : hosts) {
      if (one.depth == 4) parent = one.host.name();
      if (one.depth == 5) silent = one.host.name();
      if (one.depth == 6) behind = one.host.name();
    }
    const pid_t agent = co_await agent_of(net, silent);
    EXPECT_EQ(::kill(agent, SIGSTOP), 0);
    auto [answers, nothing] =
        co_await when_all(net.ping(10s), pass_when(where, time, "4 have answered, 2 have not"));
    EXPECT_EQ(answers.answered, 4U);
    EXPECT_THAT(answers.silent, SizeIs(2));
    for (const tree_host& one : answers.silent) {
      const bool is_first = one.host.name() == silent;
      EXPECT_EQ(one.host.name(), is_first ? silent : behind);
      EXPECT_EQ(one.parent, is_first ? parent : silent);
      EXPECT_THAT(one.error_context, HasSubstr(one.parent));
    }
    EXPECT_EQ(::kill(agent, SIGCONT), 0);
    tree_answers all = co_await net.ping(100s);
    EXPECT_EQ(all.answered, 6U);
    co_await net.close();
  }(at, clock));
}

TEST(pings_of_a_tree, do_not_wait_for_an_agent_that_is_lost) {
  sync_wait([]() -> task<> {
    tree_network net("n[1-4]", tree().depth(1), by_shells());
    (void)co_await net.deploy();
    const pid_t agent = co_await agent_of(net, "n2");
    EXPECT_EQ(::kill(agent, SIGSTOP), 0);
    auto [answers, nothing] = co_await when_all(net.ping(1000s), kill_agent(agent));
    EXPECT_EQ(answers.answered, 3U);
    EXPECT_THAT(answers.silent, SizeIs(1));
    EXPECT_EQ(answers.silent.at(0).host.name(), "n2");
    co_await net.close();
  }());
}

TEST(pings_of_a_tree, that_are_stopped_keep_no_other_one_waiting) {
  sync_wait([]() -> task<> {
    tree_network net("n[1-2]", tree().depth(1), by_shells());
    (void)co_await net.deploy();
    const pid_t agent = co_await agent_of(net, "n2");
    EXPECT_EQ(::kill(agent, SIGSTOP), 0);
    std::optional<tree_answers> late = co_await timeout(net.ping(1000s), 1ms);
    EXPECT_FALSE(late.has_value());
    EXPECT_EQ(::kill(agent, SIGCONT), 0);
    tree_answers all = co_await net.ping(100s);
    EXPECT_EQ(all.answered, 2U);
    co_await net.close();
  }());
}

TEST(pings_of_a_tree, are_refused_without_a_time_and_without_a_tree) {
  sync_wait([]() -> task<> {
    tree_network net("n1", tree(), by_shells());
    EXPECT_THROW((void)net.ping(0s), std::invalid_argument);
    co_await net.close();
    bool refused = false;
    try {
      (void)co_await net.ping();
    } catch (const std::logic_error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }());
}

}  // namespace
}  // namespace execo
