// What is made of results: groups, counts, checks.
#include <gmock/gmock.h>

#include "execo/action_error.hpp"
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

TEST(action_results, ignored_ends_are_no_bad_exits) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 70);
  a.state().commands.what.ignores_error = true;
  a.state().commands.what.ignores_exit_code = true;
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
  a.state().commands.what.output_cap = 4;
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

TEST(action_results, check_throws_an_error_that_carries_them) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 10);
  action_result r = sync_wait(a.run());
  host_set again;
  try {
    r.check();
  } catch (const action_error& e) {
    again = e.results().failed_hosts();
  }
  EXPECT_EQ(again, r.failed_hosts());
  EXPECT_EQ(again.size(), 3U);
}

TEST(action_results, an_error_outlives_the_results_and_shares_them) {
  std::exception_ptr kept;
  const host_result* first = nullptr;
  {
    fake_hosts hosts;
    hosts.behaviour = host_kind;
    fake_action a(hosts, 10);
    action_result r = sync_wait(a.run());
    first = r.all().data();
    try {
      r.check();
    } catch (const process_error&) {
      kept = std::current_exception();
    }
  }
  ASSERT_TRUE(kept);
  try {
    std::rethrow_exception(kept);
  } catch (const action_error& e) {
    const action_error copy = e;
    EXPECT_EQ(copy.results().all().data(), first);
    EXPECT_EQ(copy.results()["h4"].status().code(), 2);
  }
  static_assert(std::is_nothrow_copy_constructible_v<action_result>);
}

TEST(action_results, an_empty_command_is_refused) {
  fake_hosts hosts;
  fake_action a(hosts, 3);
  a.state().commands.what = command("");
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

host_result ended_at(const std::string& where, std::size_t index, int code,
                     const std::string& out = {}, const std::string& err = {}) {
  result r;
  detail::result_access::how(r) = end_reason::exited;
  detail::result_access::status(r) = exit_status::of_code(code);
  detail::result_access::ok(r) = code == 0;
  r.out = out;
  r.err = err;
  return host_result(host(where), index, std::move(r));
}

// As the end of an action over these hosts.
action_result all_of(std::vector<host_result> results) {
  action_stats stats;
  stats.hosts = stats.done = results.size();
  for (const host_result& r : results) stats.ok += r.ok() ? 1 : 0;
  return action_result(std::move(results), stats);
}

TEST(action_results, are_found_by_the_name_of_their_host) {
  auto r = all_of({ended_at("n2", 0, 0), ended_at("root@n1:22", 1, 3), ended_at("n1", 2, 4),
                   ended_at("::1", 3, 5)});
  EXPECT_EQ(r["n2"].index, 0U);
  EXPECT_EQ(r["root@n1:22"].index, 1U);
  EXPECT_EQ(r["n1"].index, 2U);
  EXPECT_EQ(r[std::string("::1")].exit_code(), 5);
  EXPECT_EQ(r[host("n1")].index, 2U);
  EXPECT_EQ(std::move(r)["n1"].exit_code(), 4);
}

TEST(action_results, are_found_by_name_alone_where_the_action_has_a_user_the_first_of_several) {
  auto r = all_of({ended_at("a@n1", 0, 0), ended_at("b@n1", 1, 1)});
  EXPECT_EQ(r["n1"].index, 0U);
  EXPECT_EQ(r["b@n1"].index, 1U);
}

TEST(action_results, name_the_hosts_they_have_when_asked_for_another) {
  auto message = [](const action_result& r, const auto& which) {
    try {
      (void)r[which];
    } catch (const std::out_of_range& e) {
      return std::string(e.what());
    }
    return std::string("found");
  };
  auto two = all_of({ended_at("n1", 0, 0), ended_at("n2", 1, 0)});
  EXPECT_EQ(message(two, "n3"), "no result of the host 'n3' among those of 2 hosts: n[1-2]");
  EXPECT_EQ(message(two, "root@n1"),
            "no result of the host 'root@n1' among those of 2 hosts: n[1-2]");
  EXPECT_EQ(message(two, "no host\n"),
            "no result of the host 'no host^J' among those of 2 hosts: n[1-2]");
  EXPECT_EQ(message(action_result(), ""), "no result of the host '': there are no results");
  action_stats taken;
  taken.hosts = 3;
  EXPECT_EQ(message(action_result({ended_at("n1", 0, 0)}, taken), "n2"),
            "no result of the host 'n2' among those of 1 hosts: n1; next() took those of 2 hosts");
  std::vector<host_result> many;
  for (std::size_t i = 0; i < 200; ++i)
    many.push_back(ended_at("host" + std::string(i, 'x') + "y", i, 0));
  EXPECT_LT(message(all_of(std::move(many)), "z").size(), 300U);
}

TEST(action_results, are_found_among_ten_thousand_hosts) {
  std::vector<host_result> many;
  for (std::size_t i = 0; i < 10'000; ++i)
    many.push_back(ended_at("n" + std::to_string((i * 7) % 10'000), i, 0));
  auto r = all_of(std::move(many));
  for (std::size_t i = 0; i < 10'000; ++i)
    ASSERT_EQ(r["n" + std::to_string((i * 7) % 10'000)].index, i);
}

TEST(action_results, give_the_hosts_that_failed_and_those_of_an_end) {
  fake_hosts hosts;
  hosts.behaviour = host_kind;
  fake_action a(hosts, 14);
  auto r = sync_wait(a.run());
  EXPECT_EQ(r.failed_hosts(), host_set("h[4,6,9,13]"));
  EXPECT_EQ(r.hosts(end_reason::connect_failed), host_set("h[6,13]"));
  EXPECT_EQ(r.hosts(end_reason::exited).size(), 12U);
  EXPECT_TRUE(r.hosts(end_reason::timed_out).empty());
  EXPECT_EQ(filter_bad_hosts("h[3-7]", r), host_set("h[3,5,7]"));
  EXPECT_EQ(filter_bad_hosts("h[13-14],other", r), host_set("h14,other"));
  const std::vector<host> list{host("h9"), host("h5"), host("h4"), host("h5")};
  EXPECT_EQ(filter_bad_hosts(list, r), (std::vector<host>{host("h5"), host("h5")}));
}

TEST(action_results, are_grouped_by_one_output_whatever_the_other_one_is) {
  auto r = all_of({ended_at("a", 0, 0, "same", "x"), ended_at("b", 1, 0, "same", "y"),
                   ended_at("c", 2, 0, "else", "y"), ended_at("d", 3, 1, "same", "y")});
  auto out = r.by_output();
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(out[0].hosts, host_set("a,b"));
  EXPECT_EQ(out[1].hosts, host_set("c"));
  EXPECT_EQ(out[2].hosts, host_set("d"));
  auto err = r.by_error();
  ASSERT_EQ(err.size(), 3U);
  EXPECT_EQ(err[0].hosts, host_set("b,c"));
  EXPECT_EQ(err[1].hosts, host_set("a"));
  output_gatherer both;
  for (const host_result& one : r.all()) both.add(one);
  EXPECT_EQ(both.groups().size(), 4U);
  EXPECT_EQ(std::move(both).groups().size(), 4U);
}

TEST(action_results, give_hosts_by_exit_code_and_the_largest_code) {
  result unreached;
  detail::result_access::how(unreached) = end_reason::connect_failed;
  auto r = all_of({ended_at("a", 0, 0), ended_at("b", 1, 2), ended_at("c", 2, 0),
                   host_result(host("d"), 3, unreached)});
  auto codes = r.codes();
  ASSERT_EQ(codes.size(), 3U);
  EXPECT_EQ(codes[0], host_set("a,c"));
  EXPECT_EQ(codes[2], host_set("b"));
  EXPECT_EQ(codes[-1], host_set("d"));
  EXPECT_EQ(r.max_code(), 2);
  EXPECT_EQ(all_of({host_result(host("d"), 0, unreached)}).max_code(), -1);
  EXPECT_EQ(action_result().max_code(), -1);
}

TEST(action_results, bound_the_place_that_at_takes) {
  auto r = all_of({ended_at("a", 0, 7)});
  EXPECT_EQ(r.all().at(0).exit_code(), 7);
  EXPECT_THROW((void)r.all().at(1), std::out_of_range);
}

}  // namespace
}  // namespace execo::test
