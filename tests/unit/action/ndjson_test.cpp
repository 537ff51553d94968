#include "execo/ndjson.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/cli/results.hpp"

namespace execo {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ndjson, one_line_has_every_key_in_order) {
  host_result r = cli::test::exited("root@n1", 7, 3, "out\n", "\"err\"\n");
  detail::result_access::started(r) = time_point(std::chrono::seconds(1'700'000'000));
  EXPECT_EQ(
      to_ndjson(r),
      R"({"host":"root@n1","index":7,"end":"exited","phase":"run","code":3,"signal":null,)"
      R"("error":null,"reason":null,"may_still_run":false,"may_still_run_why":null,"out":"out\n","err":"\"err\"\n","out_bytes":0,"err_bytes":0,"out_dropped":0,"err_dropped":0,"dropped_by":null,"output_complete":true,)"
      R"("started":"2023-11-14T22:13:20.000Z","elapsed":1.5,"transport":"none"})"
      "\n");
}

TEST(ndjson, a_signal_has_a_name_and_no_code) {
  host_result r = cli::test::ended("n1", 0, end_reason::signaled);
  detail::result_access::status(r) = exit_status::of_signal(9);
  EXPECT_THAT(to_ndjson(r),
              HasSubstr(R"("end":"signaled","phase":"run","code":null,"signal":"KILL")"));
}

TEST(ndjson, a_failure_tells_phase_and_error) {
  host_result r = cli::test::failed("n1", 0, end_reason::connect_failed, phase::connect,
                                    std::errc::connection_refused, "connect n1:22");
  EXPECT_THAT(to_ndjson(r),
              HasSubstr(R"("end":"connect_failed","phase":"connect","code":null,)"
                        R"("signal":null,"error":"connect n1:22: Connection refused")"));
}

TEST(ndjson, a_failure_has_its_reason_as_a_word) {
  host_result r = cli::test::failed("n1", 0, end_reason::connect_failed, phase::connect,
                                    std::errc::connection_refused, "connect n1:22");
  detail::result_access::reason(r) = failure_reason::refused;
  EXPECT_THAT(to_ndjson(r), HasSubstr(R"(refused","reason":"refused","may_still_run")"));
}

TEST(ndjson, what_never_began_has_no_start) {
  EXPECT_THAT(to_ndjson(cli::test::ended("n1", 0, end_reason::not_started)),
              HasSubstr(R"("started":null)"));
}

TEST(ndjson, bytes_that_are_not_utf8_come_as_base64_and_say_so) {
  std::string line = to_ndjson(cli::test::exited("n1", 0, 0, "\xff\xfe", "\xc3\xa9"));
  EXPECT_THAT(line, HasSubstr(R"("out":"//4=","err":")"
                              "\xc3\xa9"
                              R"(")"));
  EXPECT_THAT(line, HasSubstr(R"("out_encoding":"base64"})"));
  EXPECT_THAT(line, Not(HasSubstr("err_encoding")));
}

TEST(ndjson, what_may_still_run_is_told_with_the_reason) {
  host_result r = cli::test::ended("n1", 0, end_reason::timed_out);
  cli::test::result_access::leftover(r) = leftover_cause::forced_command;
  EXPECT_THAT(to_ndjson(r),
              HasSubstr(R"("may_still_run":true,"may_still_run_why":"forced_command")"));
}

TEST(ndjson, control_characters_are_escaped) {
  std::string line = to_ndjson(cli::test::exited("n1", 0, 0, std::string("\x1b[2J\0", 5)));
  EXPECT_THAT(line, HasSubstr(R"("out":"\u001b[2J\u0000")"));
}

TEST(ndjson, a_record_is_one_line_for_readers_of_unicode_lines_too) {
  std::string line = to_ndjson(cli::test::exited("n1", 0, 0, "a\xe2\x80\xa8\xe2\x80\xa9\xc2\x85"));
  EXPECT_THAT(line, HasSubstr(R"("out":"a\u2028\u2029\u0085")"));
}

TEST(ndjson, what_breaks_no_line_stays_as_it_is) {
  const std::string others = "\xc2\xa0\xe2\x80\xa7\xe2\x80\xaa\xc3\x85\xe2\x82\xa8";
  EXPECT_THAT(to_ndjson(cli::test::exited("n1", 0, 0, others)),
              HasSubstr("\"out\":\"" + others + "\""));
}

TEST(ndjson, a_terminal_gets_ascii) {
  EXPECT_THAT(to_ndjson(cli::test::exited("n1", 0, 0, "\xc2\x9b\x7f"), json_characters::ascii),
              HasSubstr(R"("out":"\u009b\u007f")"));
}

TEST(ndjson, errors_in_any_bytes_are_still_json) {
  host_result r = cli::test::failed("n1", 0, end_reason::protocol_error, phase::kex,
                                    std::errc::protocol_error, "banner \xff");
  EXPECT_THAT(to_ndjson(r), HasSubstr("banner \xef\xbf\xbd"));
}

}  // namespace
}  // namespace execo
