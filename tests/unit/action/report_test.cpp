#include "execo/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "process/lifecycle.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::result_access;
using testing::HasSubstr;

const time_point noon(1'795'348'800s);  // 2026-11-22T12:00:00Z

result ended(std::string name, end_reason how, duration after, duration takes, int code = 0) {
  result r;
  result_access::name(r) = std::move(name);
  result_access::how(r) = how;
  result_access::started(r) = noon + after;
  result_access::elapsed(r) = takes;
  if (how == end_reason::exited) result_access::status(r) = exit_status::of_code(code);
  result_access::ok(r) = how == end_reason::exited && code == 0;
  if (how == end_reason::timed_out) {
    result_access::killed(r) = true;
    result_access::forced_kill(r) = true;
  }
  return r;
}

result not_begun(std::string name) {
  result r;
  result_access::set_not_started(r, std::move(name));
  return r;
}

report mixed() {
  report all("All");
  all.add(ended("make -j 8 a target with a name that is long", end_reason::exited, 2s, 90'250ms));
  all.add(ended("ls /nope", end_reason::exited, 1s, 20ms, 2));
  all.add(not_begun("never"));
  report inner("nightly");
  inner.add(ended("sync", end_reason::exited, 10s, 1h));
  inner.add(ended("deaf", end_reason::timed_out, 10s, 3s));
  all.add(inner);
  return all;
}

TEST(reports, count_an_end_that_is_ignored_as_success_alone) {
  result ignored = ended("slow", end_reason::timed_out, 0s, 3s);
  result_access::ok(ignored) = true;
  report_stats total = report(ignored).stats();
  EXPECT_EQ(total.ok, 1U);
  EXPECT_EQ(total.timeouts, 0U);
}

TEST(reports, show_two_lines_an_entry_in_eighty_columns) {
  EXPECT_EQ(mixed().to_string(report_options().utc()),
            R"(Name                            start               end                   total
 length          startd  ended  error timout cancld killed fkilld ret!=0     ok
-------------------------------------------------------------------------------
ls /nope                        2026-11-22 12:00:01 2026-11-22 12:00:01       1
 0.02s                1      1      0      0      0      0      0      1      0
make -j 8 a target with a na... 2026-11-22 12:00:02 2026-11-22 12:01:32       1
 1m30.25s             1      1      0      0      0      0      0      0      1
nightly                         2026-11-22 12:00:10 2026-11-22 13:00:10       2
 1h0m0s               2      2      0      1      0      1      1      0      1
  sync                          2026-11-22 12:00:10 2026-11-22 13:00:10       1
 1h0m0s               1      1      0      0      0      0      0      0      1
  deaf                          2026-11-22 12:00:10 2026-11-22 12:00:13       1
 3s                   1      1      0      1      0      1      1      0      0
never                           -                   -                         1
 -                    0      0      0      0      0      0      0      0      0
-------------------------------------------------------------------------------
All                             2026-11-22 12:00:01 2026-11-22 13:00:10       5
 1h0m9s               4      4      0      1      0      1      1      1      2
)");
}

TEST(reports, show_one_line_an_entry_when_wide) {
  report r("Total");
  r.add(ended("uname -r", end_reason::exited, 0s, 5ms));
  const std::string rule(157, '-');
  EXPECT_EQ(
      r.to_string(report_options().wide().utc()),
      "Name                            start               end                 length          "
      "startd  ended  error timout cancld killed fkilld ret!=0     ok  total\n" +
          rule +
          "\nuname -r                        2026-11-22 12:00:00 2026-11-22 12:00:00 0.005s   "
          "            1      1      0      0      0      0      0      0      1      1\n" +
          rule +
          "\nTotal                           2026-11-22 12:00:00 2026-11-22 12:00:00 0.005s   "
          "            1      1      0      0      0      0      0      0      1      1\n");
}

TEST(reports, show_the_total_alone_when_brief) {
  std::string text = mixed().to_string(report_options().brief().utc());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_THAT(text, testing::Not(HasSubstr("nightly")));
  EXPECT_THAT(text, HasSubstr("\nAll "));
}

TEST(reports, color_what_went_wrong) {
  report r;
  r.add(ended("good", end_reason::exited, 0s, 1s));
  r.add(ended("late", end_reason::timed_out, 1s, 1s));
  r.add(ended("lost", end_reason::connection_lost, 2s, 1s));
  std::string text = r.to_string(report_options().colors());
  EXPECT_THAT(text, HasSubstr("\ngood "));
  EXPECT_THAT(text, HasSubstr("\n\x1b[35;1mlate "));
  EXPECT_THAT(text, HasSubstr("\n\x1b[31;1mlost "));
  EXPECT_EQ(text.substr(text.size() - 4), "\x1b[m\n");
}

TEST(reports, keep_terminals_and_columns_whole) {
  report r;
  r.add(ended("x", end_reason::exited, 0s, 1s), "a\x1b[2J\nb");
  r.add(ended("x", end_reason::exited, 0s, 1s),
        "\xc3\xa9\xc3\xa9\xc3\xa9 thirty-one columns of this.");
  std::string text = r.to_string(report_options().utc());
  EXPECT_THAT(text, HasSubstr("\na^[[2J^Jb                       2026-11-22"));
  EXPECT_THAT(text, HasSubstr("\n\xc3\xa9\xc3\xa9\xc3\xa9 thirty-one columns of this. 2026"));
}

TEST(reports, put_each_command_under_one_end) {
  report r;
  for (int i = 0; i <= static_cast<int>(end_reason::transfer_failed); ++i)
    r.count(ended("x", static_cast<end_reason>(i), 0s, 1s, i));
  r.count(ended("x", end_reason::exited, 0s, 1s, 3));
  report_stats s = r.stats();
  EXPECT_EQ(s.total, end_reason_count + 1);
  EXPECT_EQ(s.started, end_reason_count) << "all but not_started";
  EXPECT_EQ(s.ok, 1U);
  EXPECT_EQ(s.bad_exits, 2U);
  EXPECT_EQ(s.timeouts, 1U);
  EXPECT_EQ(s.cancelled, 1U);
  EXPECT_EQ(s.ok + s.errors + s.timeouts + s.cancelled + s.bad_exits, s.ended);
  EXPECT_TRUE(s.parts.empty());
  EXPECT_FALSE(r.ok());
}

TEST(reports, count_an_action_whether_or_not_its_results_were_taken) {
  std::vector<host_result> results;
  results.emplace_back(host("n1"), 0, ended("uname", end_reason::exited, 1s, 2s));
  results.emplace_back(host("n2"), 1, ended("uname", end_reason::connect_failed, 2s, 4s));
  action_stats stats;
  stats.hosts = stats.done = 2;
  stats.ok = 1;
  stats.ok_by_reason[static_cast<std::size_t>(end_reason::exited)] = 1;
  stats.by_reason[static_cast<std::size_t>(end_reason::exited)] = 1;
  stats.by_reason[static_cast<std::size_t>(end_reason::connect_failed)] = 1;

  report_stats kept = report(action_result(results, stats)).stats();
  EXPECT_EQ(kept.parts.at(0).name, "uname");
  EXPECT_EQ(kept.total, 2U);
  EXPECT_EQ(kept.errors, 1U);
  EXPECT_EQ(kept.length(), 5s);
  report_stats taken = report(action_result({}, stats)).stats();
  EXPECT_EQ(taken.total, 2U);
  EXPECT_EQ(taken.ok, 1U);
  EXPECT_EQ(taken.errors, 1U);
  EXPECT_FALSE(taken.start);
}

TEST(reports, leave_the_end_open_while_something_runs) {
  report_stats going;
  going.name = "going on";
  going.start = noon;
  going.total = going.started = 1;
  report r;
  r.add(ended("x", end_reason::exited, 1s, 1s)).add(going);
  EXPECT_EQ(r.stats().start, noon);
  EXPECT_FALSE(r.stats().end);
  EXPECT_FALSE(r.stats().length());
}

TEST(reports, count_what_ended_without_all_of_its_output) {
  result cut = ended("cut", end_reason::exited, 0s, 3s);
  result_access::output_complete(cut) = false;
  result capped = ended("capped", end_reason::exited, 0s, 3s);
  result_access::dropped_by(capped) = output_limit::stream;
  report all("All");
  all.add(cut).add(capped).add(ended("whole", end_reason::exited, 0s, 3s));
  EXPECT_EQ(all.stats().incomplete, 2U);
  EXPECT_TRUE(all.ok());
  EXPECT_THAT(all.to_string(), HasSubstr("\n 1 without all of the output\n"));
  EXPECT_THAT(all.to_string(), HasSubstr("\n 2 without all of the output\n"));
  EXPECT_EQ(nlohmann::json::parse(all.to_json())["incomplete"], 2);
}

TEST(reports, are_objects_in_json) {
  auto object = nlohmann::json::parse(mixed().to_json());
  EXPECT_EQ(object["name"], "All");
  EXPECT_EQ(object["start"], "2026-11-22T12:00:01.000Z");
  EXPECT_EQ(object["length"], 3609.0);
  EXPECT_EQ(object["total"], 5);
  EXPECT_EQ(object["parts"][2]["start"], nullptr);
  EXPECT_EQ(object["parts"][3]["parts"][1]["timeouts"], 1);
  EXPECT_EQ(report("empty").to_json(),
            R"({"name":"empty","start":null,"end":null,"length":null,"total":0,"started":0,)"
            R"("ended":0,"ok":0,"errors":0,"timeouts":0,"cancelled":0,"killed":0,)"
            R"("forced_kills":0,"may_still_run":0,"bad_exits":0,"incomplete":0,"parts":[]})");
  EXPECT_NO_THROW((void)report("\xff").to_json());
}

}  // namespace
}  // namespace execo::test
