// local: one command in several processes here.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

#include "execo/local.hpp"
#include "execo/report.hpp"
#include "execo/timeout.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class local_actions : public on_each_backend {};
EXECO_ON_EACH_BACKEND(local_actions);

TEST_P(local_actions, run_a_command_once_or_so_many_times_each_with_a_name) {
  auto one = sync_wait(local("echo hello").run());
  ASSERT_EQ(one.all().size(), 1U);
  EXPECT_EQ(one["local-1"].out, "hello\n");
  EXPECT_EQ(one["local-1"].transport(), transport_kind::local);
  auto some = sync_wait(local("echo $EXECO_HOST", 5).shell().run());
  EXPECT_TRUE(some.ok());
  ASSERT_EQ(some.all().size(), 5U);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(some.all()[i].out, "local-" + std::to_string(i + 1) + "\n");
  EXPECT_EQ(some.hosts(end_reason::exited), host_set("local-[1-5]"));
}

TEST_P(local_actions, take_names_of_your_own_as_hosts_are_given) {
  auto r = sync_wait(local("echo $EXECO_HOST", "w[1-3]").shell().run());
  EXPECT_EQ(r["w2"].out, "w2\n");
  auto list = sync_wait(local("true", {"left", "right"}).run());
  EXPECT_TRUE(list["right"].ok());
}

TEST_P(local_actions, without_a_process_are_ok_only_where_that_is_allowed) {
  EXPECT_FALSE(sync_wait(local("true", 0).run()).ok());
  EXPECT_TRUE(sync_wait(local("true", 0).allow_empty().run()).ok());
}

TEST_P(local_actions, split_text_as_a_process_does_and_keep_words_as_they_are) {
  EXPECT_EQ(sync_wait(local("echo 'a  b' $HOME").run()).all()[0].out, "a  b $HOME\n");
  EXPECT_EQ(sync_wait(local({"echo", "a  b", "*"}, 1).run()).all()[0].out, "a  b *\n");
}

TEST_P(local_actions, refuse_what_a_process_refuses) {
  EXPECT_THROW(sync_wait(local("echo 'open").run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(local("").run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(local("true").nice(99).run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(local("true").fanout(0).run()), std::invalid_argument);
}

TEST_P(local_actions, have_what_a_process_has_of_the_moment_when_they_were_started) {
  ::setenv("EXECO_LOCAL_TEST", "before", 1);
  local a = local("echo $EXECO_LOCAL_TEST", 3).shell().fanout(1);
  auto work = [&]() -> task<action_result> {
    a.start();
    ::setenv("EXECO_LOCAL_TEST", "after", 1);
    co_return co_await a.wait();
  };
  auto r = sync_wait(work());
  ::unsetenv("EXECO_LOCAL_TEST");
  for (const host_result& one : r.all()) EXPECT_EQ(one.out, "before\n");
}

TEST_P(local_actions, run_no_more_at_a_time_than_their_fanout_and_give_results_as_they_come) {
  auto a = local("exit ${EXECO_HOST#local-}", 12).shell().fanout(3).accept(1, 2, 3);
  std::map<int, int> codes;
  std::size_t lines = 0;
  a.on_end([&](const ended_command&) { ++lines; });
  auto work = [&]() -> task<> {
    while (auto r = co_await a.next()) ++codes[r->exit_code()];
  };
  sync_wait(work());
  EXPECT_EQ(codes.size(), 12U);
  EXPECT_EQ(lines, 12U);
  EXPECT_EQ(a.stats().ok, 3U);
}

TEST_P(local_actions, hand_lines_to_their_handlers) {
  std::map<std::string, std::string> seen;
  auto a = local("printf 'a\\nb'; echo e >&2", 2).shell().on_line([&](const output_line& l) {
    seen[l.host.name()] += std::string(to_string(l.from)) + ":" + std::string(l.text) + " ";
  });
  EXPECT_TRUE(sync_wait(a.run()).ok());
  for (const char* name : {"local-1", "local-2"}) {
    EXPECT_THAT(seen[name], ::testing::HasSubstr("out:a "));
    EXPECT_THAT(seen[name], ::testing::HasSubstr("out:b "));
    EXPECT_THAT(seen[name], ::testing::HasSubstr("err:e "));
  }
}

TEST_P(local_actions, end_with_all_their_processes_when_they_are_stopped_or_dropped) {
  std::vector<pid_t> pids;
  {
    auto a = local({EXECO_CHILD_TARGET, "sleep", "60"}, 6).fanout(4);
    a.on_start([&](const started_command& c) { pids.push_back(c.pid); });
    auto work = [&]() -> task<> {
      a.start();
      while (pids.size() < 4) co_await sleep(1ms);
      auto end = co_await timeout(a.run(), 1ms);
      EXPECT_FALSE(end);
    };
    sync_wait(work());
    auto end = sync_wait(a.run());
    EXPECT_EQ(end.stats().count(end_reason::cancelled), 4U);
    EXPECT_EQ(end.stats().count(end_reason::not_started), 2U);
  }
  {
    auto dropped = local({EXECO_CHILD_TARGET, "sleep", "60"}, 2);
    dropped.on_start([&](const started_command& c) { pids.push_back(c.pid); });
    auto work = [&](local a) -> task<> {
      a.start();
      while (pids.size() < 6) co_await sleep(1ms);
    };
    sync_wait(work(std::move(dropped)));
  }
  for (pid_t pid : pids) EXPECT_FALSE(exists(pid));
}

TEST_P(local_actions, stand_in_a_report_by_their_command) {
  report r(sync_wait(local("true", 3).run()));
  EXPECT_EQ(r.stats().parts.at(0).name, "true");
  EXPECT_EQ(r.stats().ok, 3U);
}

TEST_P(local_actions, use_all_rings) {
  context c(rings(3));
  EXPECT_EQ(sync_wait(c, local("true", 60).run()).stats().ok, 60U);
}

}  // namespace
}  // namespace execo::test
