// What is made of results: groups, counts, checks.
#include <gmock/gmock.h>

#include "execo/report.hpp"
#include "process/lifecycle.hpp"
#include "unit/action/fake_transport.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;

script host_kind(const host& where) {
  script s;
  const int n = std::stoi(where.name().substr(1));
  s.out = n % 10 == 0 ? "odd one\n" : "same\n";
  s.code = n % 5 == 4 ? 2 : 0;
  s.fails = n % 7 == 6;
  return s;
}

TEST(action_results, are_gathered_by_what_they_say_largest_first) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 70);
  auto groups = sync_wait(a.run()).by_output();
  ASSERT_EQ(groups.size(), 4U);
  std::size_t total = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i].count, groups[i].hosts.size());
    if (i > 0) {
      EXPECT_GE(groups[i - 1].count, groups[i].count);
    }
    total += groups[i].count;
  }
  EXPECT_EQ(total, 70U);
  EXPECT_EQ(groups[0].sample.out, "same\n");
}

TEST(action_results, do_not_wait_for_readers_and_writers_that_hosts_cannot_have) {
  fake_hosts hosts;
  auto refused = [&](auto set) {
    fake_action a(hosts, 2);
    set(a.state().what);
    EXPECT_THROW(sync_wait(a.run()), std::invalid_argument);
  };
  refused([](command& what) { what.set_in(pipe()); });
  refused([](command& what) { what.set_out(pipe()); });
  refused([](command& what) { what.set_err(tee(null(), pipe())); });
}

TEST(action_results, ignored_ends_are_no_bad_exits) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 70);
  a.state().what.ignores_error = true;
  a.state().what.ignores_exit_code = true;
  auto r = sync_wait(a.run());
  EXPECT_EQ(r.stats().ok, 70U);
  EXPECT_EQ(r.stats().count(end_reason::connect_failed), 10U);
  EXPECT_EQ(r.stats().failed(end_reason::connect_failed), 0U);
  EXPECT_EQ(r.stats().bad_exits(), 0U);
  EXPECT_EQ(report(r).stats().errors, 0U);
}

TEST(action_results, counts_add_up) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 70);
  auto r = sync_wait(a.run());
  const action_stats& s = r.stats();
  std::size_t by_reason = 0;
  for (std::size_t n : s.by_reason) by_reason += n;
  EXPECT_EQ(s.hosts, 70U);
  EXPECT_EQ(s.done, 70U);
  EXPECT_EQ(by_reason, 70U);
  EXPECT_EQ(s.count(end_reason::connect_failed), 10U);
  EXPECT_EQ(s.ok + s.bad_exits() + s.count(end_reason::connect_failed), 70U);
  EXPECT_EQ(r.failed().size(), 70U - s.ok);
  EXPECT_GT(s.elapsed.count(), 0);
}

TEST(action_results, without_all_of_their_output_are_counted_and_stand_apart) {
  fake_hosts hosts;
  hosts.behaviour = [](const host& where) {
    script s;
    s.out = where.name() == "h0" ? "longer" : "long";
    return s;
  };
  fake_action a(hosts, 3);
  a.state().what.output_cap = 4;
  action_result r = sync_wait(a.run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.stats().incomplete, 1U);
  EXPECT_EQ(report(r).stats().incomplete, 1U);
  EXPECT_EQ(std::move(r).by_output().size(), 2U);
}

TEST(action_results, check_names_how_many_and_the_first) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 10);
  auto r = sync_wait(a.run());
  try {
    r.check();
    FAIL();
  } catch (const process_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("3 of 10 hosts failed; the first: h4: `work` exited 2"));
  }
  fake_hosts fine;
  fake_action b(fine, 3);
  EXPECT_NO_THROW(sync_wait(b.run()).check());
}

TEST(action_results, an_empty_command_is_refused) {
  fake_hosts hosts;
  fake_action a(hosts, 3);
  a.state().what = command("");
  EXPECT_THROW(sync_wait(a.run()), std::invalid_argument);
}

TEST(action_results, hosts_that_ended_unlike_are_not_gathered) {
  output_gatherer g;
  const end_reason ends[] = {end_reason::exited, end_reason::timed_out, end_reason::cancelled};
  for (std::size_t i = 0; i < 3; ++i) {
    result r;
    detail::result_access::how(r) = ends[i];
    g.add(host_result(host("a" + std::to_string(i)), i, r));
    g.add(host_result(host("b" + std::to_string(i)), 3 + i, r));
  }
  auto groups = g.groups();
  ASSERT_EQ(groups.size(), 3U);
  for (const output_group& one : groups) EXPECT_EQ(one.count, 2U);
}

}  // namespace
}  // namespace execo::test
