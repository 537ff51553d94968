// Commands whose output nobody waits for: what comes back is folded on its way. Results are those
// of commands whose lines are asked for, which are not.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;

enum class lines : std::uint8_t { wanted, unwanted };

class folded_output : public testing::Test {
 public:
  folded_output() { way_.connector = "local"; }

  action_result run(const std::string& text, lines how) {
    remote made(text, "n[1-30]");
    made.ssh(way_).via(tree().arity(3)).timeout(60s).drain_timeout(200ms);
    if (how == lines::wanted) made.on_line([](const output_line&) {});
    return sync_wait(made.run());
  }

  void expect_the_same(const std::string& text) {
    action_result folded = run(text, lines::unwanted);
    action_result streamed = run(text, lines::wanted);
    for (std::size_t i = 0; i < streamed.all().size(); ++i) {
      const host_result& one = folded.all()[i];
      const host_result& other = streamed.all()[i];
      EXPECT_EQ(one.how(), other.how()) << text << ": " << one.describe();
      EXPECT_EQ(one.status().code(), other.status().code()) << text;
      EXPECT_TRUE(one.out == other.out) << text << ": " << one.out.size() << " bytes";
      EXPECT_TRUE(one.err == other.err) << text << ": " << one.err.size() << " bytes";
      EXPECT_EQ(one.output_complete(), other.output_complete()) << text;
      EXPECT_EQ(one.started_command(), other.started_command()) << text;
    }
  }

  ssh_options way_;
};

TEST_F(folded_output, is_that_of_commands_whose_lines_are_asked_for) {
  expect_the_same("true");
  expect_the_same("echo alike; echo alike too >&2; exit 3");
  expect_the_same("printf 'no end of line'; kill -9 $$");
  expect_the_same("echo $EXECO_HOST; case $EXECO_HOST in *7) exit 7;; esac");
}

TEST_F(folded_output, may_be_long) {
  expect_the_same("i=0; while [ $i -lt 4000 ]; do echo line $i of many; i=$((i + 1)); done");
}

// 30 hosts behind 3 children of the root.
TEST_F(folded_output, comes_to_the_root_once_from_each_of_its_children) {
  sync_wait([](folded_output& self) -> task<> {
    std::vector<tree_stats> both;
    for (lines how : {lines::unwanted, lines::wanted}) {
      tree_network net("n[1-30]", tree().arity(3), self.way_);
      (void)co_await net.deploy();
      remote made("printf %010000d 7", "n[1-30]");
      made.via(net);
      if (how == lines::wanted) made.on_line([](const output_line&) {});
      action_result all = co_await made.run();
      for (const host_result& one : all.all()) EXPECT_EQ(one.out.size(), 10'000U);
      both.push_back(co_await net.close());
    }
    EXPECT_LT(both[0].bytes_received, 100'000U);
    EXPECT_GT(both[1].bytes_received, 300'000U);
    EXPECT_EQ(both[0].agents, 30U);
    EXPECT_GT(both[0].agents_cpu.count(), 0);
    EXPECT_GT(both[0].agents_memory, 30U * 100'000);
    EXPECT_EQ(both[0].hosts.size(), 30U);
    EXPECT_EQ(both[0].arity, 3U);
    EXPECT_GE(both[0].depth, 3U);
  }(*this));
}

// Hosts behind another one. The last one ends when it may. The first one is there so that the
// numbers of the two others follow each other: they have one order.
TEST_F(folded_output, is_held_back_as_long_as_its_tree_says) {
  sync_wait([](folded_output& self) -> task<> {
    for (duration hold : {duration(1min), duration(0)}) {
      const tree shape = tree().gateway(host_set("gw")).grooming(hold);
      // All are up when the next one begins.
      remote first("true", "n[1-3]");
      first.ssh(self.way_).via(shape);
      (void)co_await first.run();
      test::temp_folder folder;
      remote made("case $EXECO_HOST in n2) : >" + (folder / "begun") + ";; n3) until [ -e " +
                      (folder / "go") + " ]; do sleep 0.05; done;; esac",
                  "n[2-3]");
      made.ssh(self.way_).via(shape);
      made.start();
      while (!std::filesystem::exists(folder / "begun")) co_await sleep(5ms);
      if (hold == duration(0)) {
        while (made.stats().done == 0) co_await sleep(5ms);
      } else {
        // For as long as output is held usually, and some more.
        co_await sleep(300ms);
        EXPECT_EQ(made.stats().done, 0U);
      }
      folder.write("go", "");
      action_result all = co_await made.wait();
      EXPECT_TRUE(all.ok()) << all.describe();
    }
  }(*this));
}

TEST_F(folded_output, comes_of_a_command_that_is_ended) {
  remote made("echo early; sleep 1000", "n[1-30]");
  made.ssh(way_).via(tree().arity(3)).timeout(1s).kill_timeout(200ms);
  action_result all = sync_wait(made.run());
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.how(), end_reason::timed_out) << one.describe();
    EXPECT_EQ(one.out, "early\n");
    EXPECT_FALSE(one.may_still_run());
  }
}

TEST_F(folded_output, is_cut_where_its_hosts_may_keep_no_more) {
  remote made("i=0; while [ $i -lt 500 ]; do echo 0123456789; i=$((i + 1)); done", "n[1-5]");
  made.ssh(way_).via(tree()).max_output(1000);
  action_result all = sync_wait(made.run());
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.out.size(), 1000U);
    EXPECT_EQ(one.out_dropped(), 4500U);
  }
}

}  // namespace
}  // namespace execo
