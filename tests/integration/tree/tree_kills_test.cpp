// What is left of a tree, and of its results, when parts of it are killed, stopped or do not
// listen.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "execo/execo.hpp"
#include "program.hpp"
#include "tree_victims.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;

class trees_with_victims : public test::tree_victims {};

TEST_F(trees_with_victims, end_every_host_and_start_none_twice) {
  const std::size_t count = test::is_long_run() ? 2'000 : 200;
  const test::seed_range seeds = test::seeds(test::is_long_run() ? 100 : 2);
  // Each command takes a line of it, once agents were killed.
  const std::string gate = folder_ / "gate";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  for (unsigned seed = seeds.first; seed <= seeds.last; ++seed) {
    std::ofstream(folder_ / "log", std::ios::trunc).close();
    const detail::unique_fd lines_of_gate(::open(gate.c_str(), O_RDWR | O_CLOEXEC));
    context at;
    remote running = remote(
                         "echo $EXECO_HOST >>$EXECO_TEST_FOLDER/log; echo here; "
                         "read line <$EXECO_TEST_FOLDER/gate",
                         "n[1-" + std::to_string(count) + "]")
                         .ssh(way_)
                         .via(tree().arity(6))
                         .on(at)
                         .timeout(300s);
    std::size_t lines = 0, killed = 0;
    running.on_line([&](const output_line&) {
      if (++lines != count / 2) return;
      std::vector<pid_t> victims = inner_agents();
      std::shuffle(victims.begin(), victims.end(), std::mt19937(seed));
      victims.resize((victims.size() + 9) / 10);
      for (pid_t victim : victims) killed += ::kill(victim, SIGKILL) == 0 ? 1 : 0;
      const std::string all_lines(count, '\n');
      EXPECT_EQ(::write(lines_of_gate.get(), all_lines.data(), count), std::ssize(all_lines));
    });
    action_result all = sync_wait(at, running.run());
    EXPECT_GE(killed, 1U);

    std::vector<std::string> names = started();
    std::multiset<std::string> starts(names.begin(), names.end());
    ASSERT_EQ(all.all().size(), count);
    std::size_t lost = 0;
    for (const host_result& one : all.all()) {
      EXPECT_LE(starts.count(one.host.name()), 1U) << one.describe();
      if (one.ok()) {
        EXPECT_EQ(starts.count(one.host.name()), 1U) << one.describe();
        continue;
      }
      ++lost;
      EXPECT_THAT(one.how(), AnyOf(end_reason::connection_lost, end_reason::connect_failed))
          << one.describe();
      EXPECT_THAT(one.describe(), AnyOf(HasSubstr(": the agent of n"), HasSubstr("through n"),
                                        HasSubstr(": the link to its agent")));
    }
    EXPECT_GE(lost, 1U);
    EXPECT_LT(lost, count);
    expect_nothing_left();
    std::printf("seed %u: %zu inner agents killed, %zu of %zu hosts lost\n", seed, killed, lost,
                count);
  }
}

TEST_F(trees_with_victims, go_on_beside_hosts_that_do_not_read_and_do_not_end) {
  context at;
  std::string input(1'000'000, 'i');
  remote running = remote(
                       "case $EXECO_HOST in n1) exec yes ;; n2) exec sleep 1000 ;; esac; "
                       "wc -c; echo done",
                       "n[1-40]")
                       .ssh(way_)
                       .via(tree().arity(3))
                       .on(at)
                       .input(input)
                       .max_output(65'536)
                       .timeout(60s);
  std::size_t done = 0;
  running.on_line([&](const output_line& line) {
    if (line.text == "done" && ++done == 38) running.kill();
  });
  action_result all = sync_wait(at, running.run());
  for (const host_result& one : all.all()) {
    bool is_odd = one.host.name() == "n1" || one.host.name() == "n2";
    EXPECT_EQ(one.ok(), !is_odd) << one.describe();
    if (is_odd) continue;
    EXPECT_EQ(one.out, "1000000\ndone\n");
  }
  expect_nothing_left();
}

// It costs the silence after which an agent is taken for dead.
TEST_F(trees_with_victims, go_on_beside_a_host_that_is_stopped) {
  if (!test::is_long_run()) GTEST_SKIP() << "15 s of silence: with EXECO_LONG=1";
  const std::string set = "n[1-1000]";
  action_result all =
      sync_wait(remote("[ $EXECO_HOST != n500 ] || kill -STOP $PPID; echo $EXECO_HOST", set)
                    .ssh(way_)
                    .via(tree())
                    .timeout(120s)
                    .run());
  for (const host_result& one : all.all()) {
    if (one.ok() || one.host.name() == "n500") continue;
    // It is behind the other.
    EXPECT_THAT(one.describe(), HasSubstr("silent"));
  }
  EXPECT_EQ(all.all().at(499).how(), end_reason::connection_lost) << all.describe();
  expect_nothing_left();
}

TEST_F(trees_with_victims, leave_nothing_when_the_tool_is_interrupted_or_killed) {
  for (int signal : {SIGINT, SIGKILL}) {
    test::program tool({EXECO_TOOL, "run", "-w", "n[1-30]", "--connector", "local", "--via", "tree",
                        "--arity", "4", "--", "echo here; sleep 1000"});
    for (int i = 1; i <= 30; ++i)
      ASSERT_TRUE(tool.out_has("n" + std::to_string(i) + ": here")) << tool.out();
    tool.kill(signal);
    test::outcome end = tool.finish();
    EXPECT_FALSE(end.too_late);
    expect_nothing_left();
  }
}

TEST_F(trees_with_victims, leave_nothing_when_what_leads_to_an_agent_is_killed) {
  context at;
  remote running =
      remote("echo here; sleep 1000", "n[1-20]").ssh(way_).via(tree().arity(2)).on(at).timeout(60s);
  std::size_t lines = 0;
  running.on_line([&](const output_line&) {
    if (++lines != 20) return;
    // The keepers of the root's children are what its connectors have become.
    for (pid_t pid : processes())
      if (test::file_bytes("/proc/" + std::to_string(pid) + "/comm") == "execo-agent\n" &&
          !is_agent(pid)) {
        (void)::kill(pid, SIGKILL);
        break;
      }
    running.kill();
  });
  action_result all = sync_wait(at, running.run());
  EXPECT_EQ(all.failed().size(), 20U);
  expect_nothing_left();
}

TEST_F(trees_with_victims, take_names_and_words_as_they_are) {
  const char* words[] = {"$(touch pwn)", "`id`", "; id", "it's",         "\"q\"",
                         "a b",          "-rf",  "%h",   "\xc3\xa9\xff", "a\nb",
                         "\x01\x02\x7f", "*",    "{{",   "\\",           "&& true"};
  std::vector<std::string> all_words = {"printf", "%s|"};
  std::string expected;
  for (const char* word : words) {
    all_words.emplace_back(word);
    expected += word + std::string("|");
  }
  action_result all =
      sync_wait(remote(command(all_words), "n[1-12]").ssh(way_).via(tree().arity(1)).run());
  for (const host_result& one : all.all()) EXPECT_EQ(one.out, expected) << one.describe();
}

}  // namespace
}  // namespace execo
