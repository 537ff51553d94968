// A dialogue with the hosts of an action, one by one and with all of them.
#include "execo/dialogue.hpp"

#include <gmock/gmock.h>

#include <execo/execo.hpp>

#include "fleet_way.hpp"
#include "leak_check.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::SizeIs;

class dialogues : public ::testing::Test {
 protected:
  remote on_hosts(const char* what, const char* hosts) const {
    remote made(what, hosts);
    made.ssh(way_to(fleet_));
    return made;
  }

  fleet_fixture fleet_{"127.8.1.[1-40]"};
};

task<action_result> sum_everywhere(action& sums) {
  auto ready = co_await expect_all(sums, patterns().on("ready\n"), 30s);
  EXPECT_THAT(ready, SizeIs(40));
  for (const expect_result& one : ready) EXPECT_TRUE(one.matched());
  auto written = co_await write_all(sums, "20 22\n");
  EXPECT_THAT(written, Each(std::error_code()));
  auto answers = co_await expect_all(sums, patterns().on("is (\\d+)\n"), 30s);
  for (const expect_result& one : answers) EXPECT_EQ(one.group(1), "42");
  co_await close_all(sums);
  action_result ends = co_await sums.run();
  co_return ends;
}

constexpr const char* adder = "echo ready; while read a b; do echo is $((a + b)); done; echo end";

TEST_F(dialogues, are_held_with_all_hosts) {
  remote sums = on_hosts(adder, "127.8.1.[1-40]");
  sums.in(pipe());
  action_result r = sync_wait(sum_everywhere(sums));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.by_output().size(), 1U);
  EXPECT_EQ(r.all()[0].out, "ready\nis 42\nend\n");
}

TEST_F(dialogues, are_held_on_several_rings) {
  context several(rings(3));
  remote sums = on_hosts(adder, "127.8.1.[1-40]");
  sums.in(pipe()).on(several);
  EXPECT_TRUE(sync_wait(several, sum_everywhere(sums)).ok());
}

TEST_F(dialogues, are_held_with_local_processes_as_well) {
  local sums(command(adder), 40);
  sums.shell().in(pipe());
  EXPECT_TRUE(sync_wait(sum_everywhere(sums)).ok());
}

TEST_F(dialogues, are_held_with_members_of_composites) {
  auto talk = [this]() -> task<> {
    remote first = on_hosts("cat", "127.8.1.1");
    first.in(pipe());
    remote second = on_hosts("cat", "127.8.1.[2-3]");
    second.in(pipe());
    auto both = parallel(std::move(first), std::move(second));
    both.start();
    auto third = co_await both.of("127.8.1.3").process();
    EXPECT_TRUE(third.has_value());
    (void)co_await third->in().write("to the third\n");
    auto line = co_await third->out().next_line();
    EXPECT_EQ(line, "to the third");
    co_await close_all(both);
    action_result ends = co_await both.run();
    EXPECT_TRUE(ends.ok()) << ends.describe();
    EXPECT_EQ(ends["127.8.1.3"].out, "to the third\n");
    EXPECT_EQ(ends["127.8.1.2"].out, "");
  };
  sync_wait(talk());
}

TEST_F(dialogues, reach_hosts_whose_turn_comes_later) {
  auto talk = [this]() -> task<> {
    remote cats = on_hosts("read line; echo got $line", "127.8.1.[1-12]");
    cats.in(pipe()).fanout(3);
    auto written = co_await write_all(cats, "a word\n");
    EXPECT_THAT(written, Each(std::error_code()));
    action_result ends = co_await cats.run();
    EXPECT_TRUE(ends.ok()) << ends.describe();
    for (const host_result& one : ends.all()) EXPECT_EQ(one.out, "got a word\n");
  };
  sync_wait(talk());
}

TEST_F(dialogues, give_each_host_its_own_outcome) {
  auto talk = [this]() -> task<> {
    remote mixed = on_hosts(
        "case $FLEET_HOST in *.1) exit 3;; *.2) echo late; exec sleep 1000;; esac; echo found; cat",
        "127.8.1.[1-3]");
    mixed.in(pipe()).fanout(3).start();
    auto found = co_await expect_all(mixed, patterns().on("found"), 2s);
    EXPECT_EQ(found[0].how(), expect_end::end_of_stream);
    EXPECT_EQ(found[1].how(), expect_end::timed_out);
    EXPECT_EQ(found[1].before(), "late\n");
    EXPECT_TRUE(found[2].matched());
    auto written = co_await write_all(mixed, "x", 5s);
    EXPECT_EQ(written[0], std::errc::broken_pipe);
    EXPECT_FALSE(written[2]);
    mixed.kill();
    (void)co_await mixed.run();
    auto after = co_await expect_all(mixed, patterns().on("x"), 5s);
    EXPECT_EQ(after[2].how(), expect_end::end_of_stream);
  };
  sync_wait(talk());
  EXPECT_TRUE(fleet_.no_commands_left());
}

task<bool> kill_now(action& which) {
  which.kill();
  co_return true;
}

TEST_F(dialogues, end_for_hosts_that_never_begin) {
  auto talk = [this]() -> task<> {
    remote few = on_hosts("exec sleep 1000", "127.8.1.[1-6]");
    few.in(pipe()).fanout(2).start();
    auto late = co_await timeout(few.of("127.8.1.5").process(), 50ms);
    EXPECT_FALSE(late.has_value());
    auto [never, killed] = co_await when_all(few.of("127.8.1.6").process(), kill_now(few));
    EXPECT_FALSE(never.has_value());
    action_result ends = co_await few.run();
    EXPECT_EQ(ends.hosts(end_reason::not_started).size(), 4U);
    auto over = co_await few.of("127.8.1.1").process();
    EXPECT_FALSE(over.has_value());
  };
  sync_wait(talk());
}

TEST_F(dialogues, join_commands_here_and_there) {
  auto joined = [this]() -> task<std::string> {
    const ssh_options options = way_to(fleet_);
    process words("printf 'one\\ntwo\\nthree\\n'");
    ssh_process upper = ssh_process("tr a-z A-Z", "127.8.1.1").ssh(options);
    process sorted = make_process(command("sort"), host("127.8.1.2"), options);
    pipeline_result r =
        co_await (std::move(words) | std::move(upper) | std::move(sorted) | process("tail -n 2"));
    EXPECT_TRUE(r.ok()) << r.describe();
    co_return r.last().out;
  };
  EXPECT_EQ(sync_wait(joined()), "THREE\nTWO\n");
}

TEST_F(dialogues, are_with_a_command_wherever_it_runs) {
  EXPECT_EQ(sync_wait(make_process(command("echo here")).run()).out, "here\n");
  std::optional<host> nowhere;
  EXPECT_EQ(sync_wait(make_process(command("echo 'a b'"), nowhere).run()).out, "a b\n");
}

}  // namespace
}  // namespace execo::test
