// `execo run` in batches, and with attempts, against a fleet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "long_count.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(execo_run_rollout, reaches_all_hosts_batch_by_batch) {
  fleet_fixture fleet("127.4.0.[1-10]");
  outcome o = run_program(execo_run(fleet, {"--canary", "1", "--batch", "50%", "--soak", "10ms",
                                            "-w", "127.4.0.[1-10]", "true"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err,
              AllOf(HasSubstr("execo: batch 1 of 3: 1 host, 0 failed; so far 1 host, 0 failed\n"
                              "execo: batch 2 of 3: 5 hosts, 0 failed; so far 6 hosts, 0 failed\n"
                              "execo: batch 3 of 3: 4 hosts, 0 failed; so far 10 hosts, "
                              "0 failed\nexeco: 10 hosts: 10 ok, 0 failed"),
                    Not(HasSubstr("rollout"))));
}

TEST(execo_run_rollout, stops_when_too_many_hosts_fail_and_says_where) {
  fleet_fixture fleet("127.4.0.[1-12]", {"--fault", "127.4.0.[5-7]:exit-3"});
  outcome o = run_program(execo_run(
      fleet, {"--batch", "4", "--max-fail", "2", "-f", "1", "-w", "127.4.0.[1-12]", "true"}));
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err,
              AllOf(HasSubstr("execo: 3 hosts (127.4.0.[5-7]): exited 3\n"),
                    HasSubstr("execo: 5 hosts (127.4.0.[8-12]): not started\n"),
                    HasSubstr("execo: rollout stopped in batch 2 of 3: 3 of 7 hosts failed, at "
                              "most 2 may\nexeco: 12 hosts: 4 ok, 8 failed (3 exited, 5 "
                              "not_started)")));
}

TEST(execo_run_rollout, ends_what_runs_when_a_canary_fails_or_a_batch_takes_too_long) {
  fleet_fixture fleet("127.4.0.[1-4]");
  outcome failed =
      run_program(execo_run(fleet, {"--canary", "2", "--on-stop", "kill", "-w", "127.4.0.[1-4]",
                                    "test ${FLEET_HOST##*.} = 1 && exit 3; sleep 1000"}));
  EXPECT_EQ(failed.code, 3);
  EXPECT_THAT(failed.err, AllOf(HasSubstr("127.4.0.2: cancelled"),
                                HasSubstr("2 hosts (127.4.0.[3-4]): not started"),
                                HasSubstr("rollout stopped in batch 1 of 2: 1 of 1 host failed")));
  outcome late = run_program(execo_run(
      fleet, {"--batch", "2", "--batch-deadline", "1s", "-w", "127.4.0.[2-4]", "sleep 1000"}));
  EXPECT_EQ(late.code, 3);
  EXPECT_THAT(late.err, HasSubstr("rollout stopped in batch 1 of 2: after 1 s 2 of its 2 hosts "
                                  "had not ended"));
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(execo_run_rollout, is_interrupted_as_any_run) {
  fleet_fixture fleet("127.4.0.[1-4]");
  program tool({"sh", "-c",
                "exec " +
                    in_shell(execo_run(
                        fleet, {"--batch", "2", "--soak", "1h", "-w", "127.4.0.[1-4]", "true"})) +
                    " 2>&1"});
  ASSERT_TRUE(tool.out_has("batch 1 of 2"));
  tool.kill(SIGINT);
  outcome o = tool.finish();
  EXPECT_EQ(o.code, 130);
  EXPECT_THAT(o.out, AllOf(HasSubstr("interrupted: 2 of 4 hosts did not complete"),
                           HasSubstr("rollout stopped in batch 1 of 2 by a request")));
}

TEST(execo_run_rollout, tries_a_command_again_that_failed_only_if_it_may_run_twice) {
  fleet_fixture fleet("127.4.0.[1-2]");
  std::string flag = fleet.directory() + "/flag";
  const std::string once = "test -e " + flag + " || { touch " + flag + "; exit 7; }";
  outcome left_alone =
      run_program(execo_run(fleet, {"--retry-command", "2", "-w", "127.4.0.1", once}));
  EXPECT_EQ(left_alone.code, 1) << "it had started";
  ASSERT_EQ(run_program({"rm", flag}).code, 0);
  outcome again = run_program(execo_run(fleet, {"--retry-command", "2", "--idempotent", "--format",
                                                "ndjson", "-w", "127.4.0.1", once}));
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.out, HasSubstr(R"("attempts":2)"));
}

TEST(execo_run_rollout, tries_a_host_again_that_was_not_reached) {
  fleet_fixture fleet("127.4.0.[1-2]", {"--fault", "127.4.0.2:no-banner"});
  outcome o = run_program(execo_run(fleet, {"--retry-command", "1", "-t", "300ms", "--format",
                                            "ndjson", "-w", "127.4.0.[1-2]", "true"}));
  EXPECT_EQ(o.code, 4);
  EXPECT_THAT(o.out, AllOf(HasSubstr(R"("reason":"no_banner")"), HasSubstr(R"("attempts":2)")));
}

// Of 200 hosts of each network the 100th and the last one are bad.
TEST(execo_run_rollout, over_a_large_fleet_with_one_bad_host_in_a_hundred_stops_where_it_should) {
  const int hosts = long_count(10'000);
  const std::string networks = "127.4.[0-" + std::to_string(hosts / 200 - 1) + "]";
  fleet_fixture fleet(networks + ".[1-200]",
                      {"--exec", "canned", "--fault", networks + ".[100,200]:exit-3"});
  outcome o = run_program(execo_run(fleet, {"--batch", "5%", "--max-fail", "0.5%", "-f", "50", "-w",
                                            networks + ".[1-200]", "true"}));
  EXPECT_EQ(o.code, 3);
  const int allowed = hosts / 200;
  const int last_straw = (allowed + 1) * 100 - 1;
  const std::string batch = std::to_string(last_straw / (hosts / 20) + 1);
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: rollout stopped in batch " + batch +
                                     " of 20: " + std::to_string(allowed + 1) + " of "),
                           HasSubstr("at most " + std::to_string(allowed) + " may")));
}

}  // namespace
}  // namespace execo::test
