// How a command is ended, what is ended with it, and what the result says of that.
#include <gmock/gmock.h>

#include <sstream>

#include "process/cgroup.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ending : public on_each_backend {};
EXECO_ON_EACH_BACKEND(ending);

/// Records the signals it gets in its output, and stays; `mark` appears when it is ready.
process recorder(const std::string& mark) {
  return process("trap 'echo INT' INT; trap 'echo TERM' TERM; trap 'echo HUP' HUP; : > " + mark +
                 "; while :; do sleep 300 & wait; done")
      .shell();
}

task<> until_there(std::string file) {
  while (!std::ifstream(file).good()) co_await sleep(1ms);
}

task<result> killed_when_ready(process p, std::string mark, int signal) {
  p.start();
  co_await until_there(mark);
  if (signal == 0) {
    p.kill();
  } else {
    p.kill(signal);
  }
  co_return co_await p.wait();
}

TEST_P(ending, takes_the_steps_of_the_policy_in_order) {
  context c;
  led_clock time(c);
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  auto steps = stop_policy().then(SIGINT, 200ms).then(SIGTERM, 500ms).then(SIGKILL);
  auto work = [&]() -> task<result> {
    process p = recorder(mark).stop_policy(steps);
    p.out(pipe()).start();
    time.hurry();
    co_await until_there(mark);
    time.stand();
    auto begun = time.elapsed();
    p.kill();
    auto first = co_await p.out().next_line();
    EXPECT_EQ(first.value_or(""), "INT");
    time.advance(200ms);
    auto second = co_await p.out().next_line();
    EXPECT_EQ(second.value_or(""), "TERM");
    time.advance(500ms);
    result r = co_await p.wait();
    EXPECT_EQ(time.elapsed() - begun, 700ms);
    co_return r;
  };
  result r = sync_wait(c, work());
  EXPECT_EQ(r.status().signal(), SIGKILL) << r.dump();
  EXPECT_TRUE(r.killed());
  EXPECT_TRUE(r.forced_kill());
  EXPECT_GE(r.elapsed(), 700ms);
}

TEST_P(ending, a_deadline_and_a_stop_follow_the_policy) {
  auto steps = stop_policy().then(SIGHUP, 20ms).then(SIGINT);
  auto deadline = process("sleep 300").stop_policy(steps).timeout(20ms);
  result r = sync_wait(std::move(deadline).run());
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_EQ(r.status().signal(), SIGHUP) << r.dump();
  EXPECT_FALSE(r.forced_kill());
}

TEST_P(ending, a_signal_of_the_policy_goes_on_from_its_step) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  auto steps = stop_policy().then(SIGHUP, 300s).then(SIGINT, 10ms).then(SIGTERM, 20ms);
  result r = sync_wait(killed_when_ready(recorder(mark).stop_policy(steps), mark, SIGINT));
  EXPECT_EQ(r.out, "INT\nTERM\n") << r.dump();
  EXPECT_TRUE(r.forced_kill());
}

TEST_P(ending, a_kill_that_was_asked_for_is_not_forced) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  result r = sync_wait(killed_when_ready(recorder(mark), mark, SIGKILL));
  EXPECT_TRUE(r.killed());
  EXPECT_FALSE(r.forced_kill()) << r.dump();
  auto at_once = process("sleep 300").stop_policy(stop_policy().then(SIGKILL)).timeout(20ms);
  EXPECT_FALSE(sync_wait(std::move(at_once).run()).forced_kill());
}

TEST_P(ending, bad_policies_are_refused) {
  EXPECT_THROW((void)stop_policy().then(0, 1s), std::invalid_argument);
  EXPECT_THROW((void)stop_policy().then(SIGKILL).then(SIGTERM), std::invalid_argument);
}

/// Suspends until a process of others has ended; its zombie is their init's.
task<> until_dead(pid_t pid) {
  for (char state = 'R'; state != '\0' && state != 'Z'; state = process_state(pid))
    co_await sleep(1ms);
}

/// Puts two sleepers into the background, prints the pid of one, and waits.
process with_children(const std::string& mark) {
  return process("sleep 300 & sleep 300 & echo $!; : > " + mark + "; wait").shell();
}

void expect_gone(const std::string& pid_line) {
  pid_t pid = static_cast<pid_t>(std::stoi(pid_line));
  sync_wait(until_dead(pid));
}

TEST_P(ending, the_group_is_counted) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  // The children ignore TERM; the command does not.
  auto p = process("(trap '' TERM; : > " + mark +
                   ".deaf; sleep 300; sleep 300) >/dev/null 2>&1 & "
                   "echo $!; until [ -e " +
                   mark + ".deaf ]; do :; done; : > " + mark + "; wait")
               .shell()
               .kill_scope(kill_scope::group);
  result r = sync_wait(killed_when_ready(std::move(p), mark, 0));
  EXPECT_EQ(r.kill_scope(), kill_scope::group);
  EXPECT_GE(r.ended_with_it(), 1U) << r.dump();
  EXPECT_TRUE(r.escaped().empty());
  expect_gone(r.out);
}

TEST_P(ending, the_process_alone) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  auto p = with_children(mark).kill_scope(kill_scope::process).drain_timeout(20ms);
  result r = sync_wait(killed_when_ready(std::move(p), mark, 0));
  EXPECT_EQ(r.kill_scope(), kill_scope::process);
  EXPECT_EQ(r.ended_with_it(), 0U);
  EXPECT_EQ(r.escaped().size(), 2U) << r.dump();
  for (pid_t pid : r.escaped()) {
    EXPECT_THAT(r.describe(), HasSubstr("process " + std::to_string(pid) + " outlived it"));
    (void)::kill(pid, SIGKILL);
    sync_wait(until_dead(pid));
  }
}

TEST_P(ending, a_session_goes_with_all_its_groups) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  // Job control puts each into a group of its own.
  auto p = process("set -m; sleep 300 & sleep 300 & echo $!; : > " + mark + "; wait").shell();
  p.kill_scope(kill_scope::session);
  result r = sync_wait(killed_when_ready(std::move(p), mark, SIGKILL));
  EXPECT_EQ(r.kill_scope(), kill_scope::session);
  EXPECT_EQ(r.ended_with_it(), 2U) << r.dump();
  EXPECT_TRUE(r.output_complete());
  expect_gone(r.out);
  // What it leaves goes as well when it ends by itself.
  result left = sync_wait(
      process("sh -c 'sleep 300 & echo $!'").kill_scope(kill_scope::session).timeout(30s).run());
  EXPECT_TRUE(left.ok()) << left.dump();
  EXPECT_EQ(left.ended_with_it(), 1U);
  expect_gone(left.out);
}

// Forks twice, leads a session of its own and forgets its environment.
// The command ends when that is so: it waits for the end of a pipe.
const char daemon_text[] =
    "exec 3>&1; : $( (setsid env -i sh -c 'echo $$ >&3; exec sleep 300 >&3' &) )";

TEST_P(ending, what_escapes_from_a_group_is_named) {
  auto p = process(daemon_text).shell().kill_scope(kill_scope::group).drain_timeout(50ms);
  result r = sync_wait(std::move(p).run());
  EXPECT_FALSE(r.output_complete());
  ASSERT_EQ(r.escaped().size(), 1U) << r.dump();
  EXPECT_EQ(std::to_string(r.escaped()[0]) + "\n", r.out);
  EXPECT_THAT(r.dump(), HasSubstr("escaped:  process " + std::to_string(r.escaped()[0])));
  (void)::kill(r.escaped()[0], SIGKILL);
  sync_wait(until_dead(r.escaped()[0]));
}

TEST_P(ending, nothing_escapes_from_a_cgroup) {
  detail::cgroup_leaf probe;
  std::string own = detail::cgroup_directory("");
  bool delegated = !own.empty() && probe.make(own) == 0;
  auto p = process(daemon_text).shell().kill_scope(kill_scope::cgroup).timeout(30s);
  result r = sync_wait(std::move(p).run());
  if (!delegated) {
    EXPECT_EQ(r.how(), end_reason::unsupported) << r.dump();
    GTEST_SKIP() << "no cgroup v2 of ours";
  }
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(r.kill_scope(), kill_scope::cgroup);
  EXPECT_EQ(r.ended_with_it(), 1U);
  expect_gone(r.out);
  // With the cgroups that a command makes in its own.
  result nested = sync_wait(process("d=" + own +
                                    "/$(grep -o 'execo-.*' /proc/self/cgroup)/a; mkdir $d; "
                                    "sh -c \"echo 0 > $d/cgroup.procs; exec sleep 300\" & "
                                    "until grep -q . $d/cgroup.procs; do :; done")
                                .shell()
                                .kill_scope(kill_scope::cgroup)
                                .timeout(30s)
                                .run());
  EXPECT_TRUE(nested.ok()) << nested.dump();
  // A signal reaches all of it, and the cgroup is removed.
  result by_term = sync_wait(
      process("sleep 300; sleep 300").shell().kill_scope(kill_scope::cgroup).timeout(20ms).run());
  EXPECT_EQ(by_term.how(), end_reason::timed_out);
  auto leftover = process("find " + own + " -maxdepth 1 -name execo-" + std::to_string(::getpid()) +
                          "-* -not -path " + probe.path());
  EXPECT_EQ(sync_wait(std::move(leftover).run()).out, "");
}

TEST_P(ending, a_result_tells_all_of_it) {
  result r =
      sync_wait(process("sh -c 'echo words; echo trouble >&2; exit 3'").name("the job").run());
  EXPECT_THAT(r.describe(), HasSubstr("`the job` exited 3"));
  std::string text = r.dump();
  for (const char* part :
       {"the job", "exited", "exit code 3", "notable", "elapsed:", "usage:", "scope:    group",
        "out: 6 bytes", "words\n", "err: 8 bytes", "trouble\n"})
    EXPECT_THAT(text, HasSubstr(part));
  run_stats all = r.stats();
  all += sync_wait(process("true").run()).stats();
  all += sync_wait(process("/no/such/program").run()).stats();
  all += sync_wait(process("sleep 300").timeout(20ms).run()).stats();
  EXPECT_EQ(all.commands, 4U);
  EXPECT_EQ(all.started, 3U);
  EXPECT_EQ(all.ok, 1U);
  EXPECT_EQ(all.non_zero, 1U);
  EXPECT_EQ(all.errors, 1U);
  EXPECT_EQ(all.timed_out, 1U);
  EXPECT_EQ(all.killed, 1U);
}

}  // namespace
}  // namespace execo::test
