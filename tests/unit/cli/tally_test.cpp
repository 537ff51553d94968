#include "cli/tally.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "results.hpp"

namespace execo::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

tally of(std::vector<host_result> results) {
  tally t;
  for (const host_result& r : results) t.add(r);
  return t;
}

host_result ok(const char* name) { return test::exited(name, 0, 0); }
host_result bad(const char* name) { return test::exited(name, 0, 2); }

TEST(tally, the_worst_end_gives_the_exit_status) {
  EXPECT_EQ(of({}).exit_status(), 0);
  EXPECT_EQ(of({ok("a"), ok("b")}).exit_status(), 0);
  EXPECT_EQ(of({ok("a"), bad("b")}).exit_status(), 1);
  EXPECT_EQ(of({test::ended("a", 0, end_reason::signaled)}).exit_status(), 1);
  EXPECT_EQ(of({bad("a"), test::ended("b", 0, end_reason::timed_out)}).exit_status(), 4);
  EXPECT_EQ(of({test::ended("b", 0, end_reason::timed_out, phase::kex)}).exit_status(), 4);
  for (end_reason lost :
       {end_reason::connect_failed, end_reason::auth_failed, end_reason::host_key_rejected,
        end_reason::connection_lost, end_reason::not_started, end_reason::protocol_error})
    EXPECT_EQ(of({bad("a"), test::ended("b", 0, end_reason::timed_out), test::ended("c", 0, lost)})
                  .exit_status(),
              3)
        << to_string(lost);
}

TEST(tally, hosts_that_fail_alike_share_a_line) {
  tally t = of({bad("n1"), ok("n2"), bad("n3"), bad("n4"),
                test::failed("n5", 0, end_reason::connect_failed, phase::connect,
                             std::errc::connection_reset, "connect n5:22"),
                test::failed("n6", 0, end_reason::connect_failed, phase::kex,
                             std::errc::connection_reset, "banner of n6"),
                test::ended("n7", 0, end_reason::timed_out, phase::connect)});
  EXPECT_THAT(t.failures(),
              ElementsAre("3 hosts (n[1,3-4]): exited 2",
                          "2 hosts (n[5-6]): connect failed: Connection reset by peer",
                          "n7: `true` timed out while connecting after 1.5 s"));
}

TEST(tally, phases_tell_timeouts_apart) {
  tally t = of({test::ended("n1", 0, end_reason::timed_out, phase::connect),
                test::ended("n2", 0, end_reason::timed_out, phase::connect),
                test::ended("n3", 0, end_reason::timed_out, phase::run),
                test::ended("n4", 0, end_reason::timed_out, phase::run)});
  EXPECT_THAT(t.failures(), ElementsAre("2 hosts (n[1-2]): timed out while connecting",
                                        "2 hosts (n[3-4]): timed out while it ran"));
}

TEST(tally, what_a_stop_left_is_named_by_its_state) {
  tally t = of({test::ended("n1", 0, end_reason::cancelled, phase::run),
                test::ended("n2", 0, end_reason::cancelled, phase::kex),
                test::ended("n5", 0, end_reason::cancelled, phase::resolve),
                test::ended("n3", 0, end_reason::not_started),
                test::ended("n4", 0, end_reason::not_started)});
  EXPECT_THAT(
      t.failures(),
      ElementsAre("2 hosts (n[3-4]): not started", "n1: cancelled while it ran",
                  "n2: cancelled during the key exchange", "n5: cancelled before connecting"));
}

TEST(tally, a_context_that_all_share_is_told) {
  tally t = of({test::failed("n1", 0, end_reason::protocol_error, phase::kex,
                             std::errc::protocol_error, "no common algorithm"),
                test::failed("n2", 0, end_reason::protocol_error, phase::kex,
                             std::errc::protocol_error, "no common algorithm")});
  EXPECT_THAT(t.failures(),
              ElementsAre("2 hosts (n[1-2]): protocol error: no common algorithm: Protocol error"));
}

TEST(tally, where_the_context_holds_the_cure_that_of_the_first_is_told) {
  tally t = of({test::failed("n1", 0, end_reason::auth_failed, phase::auth,
                             std::errc::permission_denied, "me@n1: no key"),
                test::failed("n2", 0, end_reason::auth_failed, phase::auth,
                             std::errc::permission_denied, "me@n2: no key")});
  EXPECT_THAT(t.failures(), ElementsAre("2 hosts (n[1-2]): auth failed: Permission denied; "
                                        "the first: me@n1: no key"));
}

TEST(tally, the_summary_counts_each_kind) {
  EXPECT_EQ(of({ok("a")}).summary(2s), "1 host: 1 ok, 0 failed; 2 s, 0.5 hosts/s");
  EXPECT_EQ(
      of({ok("a"), bad("b"), bad("c"), test::ended("d", 0, end_reason::timed_out)}).summary(100ms),
      "4 hosts: 1 ok, 3 failed (2 exited, 1 timed_out); 100 ms, 40 hosts/s");
}

TEST(tally, hosts_that_are_ok_without_all_of_their_output_stand_in_the_summary) {
  host_result cut = ok("a");
  detail::result_access::output_complete(cut) = false;
  host_result capped = ok("b");
  detail::result_access::dropped_by(capped) = output_limit::stream;
  tally t = of({cut, capped, ok("c")});
  EXPECT_EQ(t.exit_status(), 0);
  EXPECT_THAT(t.summary(1s), HasSubstr("3 hosts: 3 ok (2 with output cut short), 0 failed; 1 s"));
}

TEST(tally, a_host_whose_output_is_lost_counts_as_one_that_was) {
  EXPECT_EQ(of({ok("a"), test::ended("b", 0, end_reason::output_failed)}).exit_status(), 3);
}

TEST(tally, output_that_was_not_waited_for_is_told_in_one_line) {
  host_result cut = ok("n1");
  detail::result_access::output_complete(cut) = false;
  tally t;
  t.add_dropped(cut, true);
  t.add_dropped(cut, false);
  EXPECT_THAT(t.dropped(), ElementsAre(HasSubstr("the command ended, but its output did not")));
}

TEST(tally, what_a_cap_left_out_is_counted) {
  host_result r = ok("n1");
  detail::result_access::out_dropped(r) = 100;
  detail::result_access::dropped_by(r) = output_limit::stream;
  host_result s = ok("n2");
  detail::result_access::out_dropped(s) = 23;
  tally t;
  t.add_dropped(ok("n3"), false);
  EXPECT_THAT(t.dropped(), IsEmpty());
  t.add_dropped(r, false);
  t.add_dropped(s, false);
  EXPECT_THAT(t.dropped(),
              ElementsAre(HasSubstr("2 hosts (n[1-2]): 123 bytes of stdout left out")));
}

TEST(tally, each_limit_names_the_option_that_raises_it) {
  host_result one = ok("n1");
  detail::result_access::out_dropped(one) = 100;
  detail::result_access::dropped_by(one) = output_limit::stream;
  host_result all = ok("n2");
  detail::result_access::out_dropped(all) = 20;
  detail::result_access::err_dropped(all) = 3;
  detail::result_access::dropped_by(all) = output_limit::context;
  tally t;
  t.add_dropped(one, false);
  t.add_dropped(all, false);
  EXPECT_THAT(t.dropped(),
              ElementsAre("n1: 100 bytes of stdout left out; --max-output SIZE keeps more",
                          "n2: 20 bytes of stdout left out; --output-budget SIZE keeps more",
                          "n2: 3 bytes of stderr left out; --output-budget SIZE keeps more"));
}

TEST(tally, commands_that_may_still_run_share_a_line_for_each_reason) {
  tally t;
  for (std::size_t i = 1; i <= 3; ++i) {
    std::string name = "n" + std::to_string(i);
    host_result r = test::ended(name.c_str(), i - 1, end_reason::timed_out);
    test::result_access::leftover(r) =
        i == 3 ? leftover_cause::not_permitted : leftover_cause::no_signals;
    t.add(r);
  }
  EXPECT_THAT(t.left_running(),
              ElementsAre("n3: the command may still run: it belongs to another user",
                          "2 hosts (n[1-2]): the command may still run: "
                          "nothing passes signals on to it"));
}

TEST(tally, the_exit_status_is_that_of_the_whole_run) {
  journal_entry ok_before;
  ok_before.state = journal_state::done;
  ok_before.ok = true;
  tally t;
  t.add_before(ok_before);
  t.add(ok("n1"));
  EXPECT_EQ(t.exit_status(), 0);
  journal_entry failed_before;
  failed_before.state = journal_state::done;
  failed_before.how = end_reason::exited;
  t.add_before(failed_before);
  EXPECT_EQ(t.exit_status(), 1);
  failed_before.how = end_reason::timed_out;
  t.add_before(failed_before);
  EXPECT_EQ(t.exit_status(), 4);
  journal_entry unknown;
  unknown.state = journal_state::unknown;
  t.add_before(unknown);
  t.add_before(journal_entry());  // runs now
  EXPECT_EQ(t.exit_status(), 3);
  EXPECT_EQ(t.hosts(), 1U);
  EXPECT_EQ(t.done_before(), 3U);
  EXPECT_EQ(t.unknown_before(), 1U);
}

TEST(tally, an_end_of_before_that_has_no_word_here_counts_as_a_loss) {
  journal_entry other;
  other.state = journal_state::done;
  tally t;
  t.add_before(other);
  EXPECT_EQ(t.exit_status(), 3);
}

TEST(tally, rates_have_no_exponent) {
  EXPECT_EQ(rate_in_words(0.25), "0.25");
  EXPECT_EQ(rate_in_words(9.8), "9.8");
  EXPECT_EQ(rate_in_words(12345.6), "12346");
}

TEST(tally, the_largest_code_is_that_of_the_worst_host) {
  EXPECT_EQ(of({}).largest_code(), 0);
  EXPECT_EQ(of({test::exited("a", 0, 3), test::exited("b", 1, 7), ok("c")}).largest_code(), 7);
  host_result killed = test::ended("a", 0, end_reason::signaled);
  test::result_access::status(killed) = exit_status::of_signal(9);
  EXPECT_EQ(of({killed, test::exited("b", 1, 7)}).largest_code(), 137);
  for (end_reason how : {end_reason::connect_failed, end_reason::timed_out, end_reason::not_started,
                         end_reason::connection_lost, end_reason::cancelled})
    EXPECT_EQ(of({ok("a"), test::ended("b", 1, how)}).largest_code(), 255) << to_string(how);
}

TEST(tally, the_largest_code_counts_what_an_earlier_part_did) {
  journal_entry entry;
  tally t;
  t.add_before(entry);
  EXPECT_EQ(t.largest_code(), 0);
  entry.state = journal_state::done;
  entry.code = 9;
  t.add_before(entry);
  EXPECT_EQ(t.largest_code(), 9);
  entry.state = journal_state::unknown;
  entry.code.reset();
  t.add_before(entry);
  EXPECT_EQ(t.largest_code(), 255);
}

}  // namespace
}  // namespace execo::cli
