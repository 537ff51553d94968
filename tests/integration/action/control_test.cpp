// Actions steered while they run, over real ssh connections and real processes.
#include <gtest/gtest.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "fleet_way.hpp"
#include "long_count.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// Takes what running hosts give, until none runs.
task<std::size_t> take_running(action& a) {
  std::size_t taken = 0;
  while (a.stats().running > 0 || a.stats().done > taken) {
    const auto r = co_await a.next();
    if (!r) break;
    EXPECT_TRUE(r->ok()) << r->describe();
    ++taken;
  }
  co_return taken;
}

TEST(steered_actions, reach_no_further_host_while_they_are_suspended_and_all_of_them_in_the_end) {
  fleet_fixture fleet("127.4.1.[1-30]");
  auto up = remote("echo $FLEET_HOST", "127.4.1.[1-30]").fanout(4).ssh(way_to(fleet));
  auto work = [&]() -> task<> {
    up.start();
    up.suspend_launching();
    const std::size_t first = co_await take_running(up);
    EXPECT_EQ(first, 4U);
    EXPECT_EQ(up.of("127.4.1.5").state(), host_state::waiting);
    up.fanout(26);
    EXPECT_EQ(up.stats().running, 0U);
    up.resume_launching();
    std::size_t taken = first;
    while (auto r = co_await up.next()) {
      EXPECT_EQ(r->out, r->host.name() + "\n");
      ++taken;
    }
    EXPECT_EQ(taken, 30U);
  };
  sync_wait(work());
}

TEST(steered_actions, that_are_suspended_are_killed_and_leave_no_process) {
  fleet_fixture fleet("127.4.1.[1-10]");
  auto up = remote("exec sleep 600", "127.4.1.[1-10]").fanout(3).ssh(way_to(fleet));
  std::size_t begun = 0;
  up.on_start([&](const started_command&) {
    if (++begun < 3) return;
    up.suspend_launching();
    up.kill();
  });
  action_result end = sync_wait(up.run());
  EXPECT_EQ(end.stats().count(end_reason::not_started), 7U);
  EXPECT_EQ(end.stats().done, 10U);
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(steered_actions, may_be_copies) {
  fleet_fixture fleet("127.4.1.1");
  scratch_directory folder;
  const std::string source = folder.path() + "/source";
  const std::string copied = folder.path() + "/copied";
  std::ofstream(source) << "text\n";
  auto copy = put(source, "127.4.1.1", copied).ssh(way_to(fleet));
  copy.suspend_launching();
  auto work = [&]() -> task<> {
    copy.start();
    const auto early = co_await copy.wait_for(50ms);
    EXPECT_FALSE(early);
    EXPECT_FALSE(std::filesystem::exists(copied));
    copy.resume_launching();
    const auto end = co_await copy.wait();
    EXPECT_TRUE(end.ok()) << end.describe();
    EXPECT_TRUE(std::filesystem::exists(copied));
  };
  sync_wait(work());
}

// Handlers are on the first of three.
TEST(steered_actions, take_further_commands_from_handlers_whatever_ring_a_host_is_on) {
  fleet_fixture fleet("127.4.1.[1-12]");
  context c(rings(3));
  parallel all;
  auto second = [&](const host& where) {
    return remote("echo second of $FLEET_HOST", where).ssh(way_to(fleet));
  };
  auto first = remote("echo first", "127.4.1.[1-12]").ssh(way_to(fleet)).fanout(4);
  first.on_line([&](const output_line& l) {
    if (l.host.name() == "127.4.1.3") all.schedule(local("echo third").name("beside"));
  });
  first.on_end([&](const ended_command& e) { all.schedule(second(e.host)); });
  all.schedule(std::move(first));
  const action_result end = sync_wait(c, all.run());
  EXPECT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(end.stats().ok, 25U);
  EXPECT_EQ(all.members(), 14U);
  std::set<std::string> said;
  for (const host_result& r : end.all()) said.insert(r.out);
  EXPECT_EQ(said.size(), 14U) << "first, third, and the second of each host";
}

// On three rings, from a thread that is none of theirs.
TEST(steered_actions, give_each_process_one_end_whatever_another_thread_does) {
  context c(rings(3));
  std::thread driver([&] { c.run(); });
  std::mt19937 random(20'261'129);
  for (int round = 0; round < long_count(100); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    auto jobs = local("true", 30).fanout(2).on(c);
    jobs.start();
    for (int i = 0; i < 20; ++i) {
      switch (random() % 3) {
        case 0:
          jobs.suspend_launching();
          break;
        case 1:
          jobs.resume_launching();
          break;
        default:
          jobs.fanout(1 + random() % 10);
      }
      if (random() % 4 == 0) std::this_thread::yield();
    }
    const bool stops = random() % 4 == 0;
    if (stops) jobs.request_stop();
    jobs.resume_launching();
    const action_result end = sync_wait(jobs.wait());
    ASSERT_EQ(end.all().size(), 30U);
    std::set<std::size_t> seen;
    for (const host_result& r : end.all()) seen.insert(r.index);
    ASSERT_EQ(seen.size(), 30U);
    ASSERT_TRUE(stops || end.ok()) << end.describe();
  }
  c.stop();
  driver.join();
}

}  // namespace
}  // namespace execo::test
