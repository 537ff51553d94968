#include "execo/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <set>

#include "execo/result_error.hpp"
#include "process/lifecycle.hpp"

namespace execo::test {
namespace {

using detail::result_access;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(status, every_reason_and_phase_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(end_reason::transfer_failed); ++i)
    words.insert(to_string(static_cast<end_reason>(i)));
  EXPECT_EQ(words.size(), end_reason_count);
  EXPECT_EQ(words.count(""), 0U);
  EXPECT_EQ(to_string(end_reason::host_key_rejected), "host_key_rejected");
  EXPECT_EQ(to_string(end_reason::unsupported), "unsupported");
  EXPECT_EQ(to_string(phase::resolve), "resolve");
  EXPECT_EQ(to_string(phase::first_output), "first_output");
  EXPECT_EQ(to_string(phase::drain), "drain");
}

TEST(status, every_failure_reason_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (std::size_t i = 0; i < failure_reasons; ++i)
    words.insert(to_string(static_cast<failure_reason>(i)));
  EXPECT_EQ(words.size(), failure_reasons);
  EXPECT_EQ(words.count(""), 0U);
  EXPECT_EQ(to_string(failure_reason::password_change), "password_change");
}

TEST(status, signal_names_and_numbers_agree) {
  EXPECT_EQ(exit_status::of_signal(SIGTERM).signal_name(), "TERM");
  EXPECT_EQ(exit_status::of_code(3).signal_name(), "");
  EXPECT_EQ(signal_number("KILL"), SIGKILL);
  EXPECT_EQ(signal_number("nonsense"), 0);
  EXPECT_EQ(signal_number(""), 0);
  EXPECT_EQ(signal_number("SIGx"), 0);
  for (int n = 1; n < NSIG; ++n)
    EXPECT_EQ(signal_number(exit_status::of_signal(n).signal_name()), n);
}

TEST(status, holds_a_code_or_a_signal_or_neither) {
  exit_status unknown;
  EXPECT_FALSE(unknown.code());
  EXPECT_FALSE(unknown.signal());
  EXPECT_EQ(exit_status::of_code(255).code(), 255);
  EXPECT_FALSE(exit_status::of_code(255).signal());
  EXPECT_EQ(exit_status::of_signal(9).signal(), 9);
  EXPECT_FALSE(exit_status::of_signal(9) == exit_status::of_code(9));
}

result ended(end_reason how, exit_status status) {
  result r;
  result_access::name(r) = "make";
  result_access::how(r) = how;
  result_access::status(r) = status;
  result_access::elapsed(r) = std::chrono::milliseconds(1200);
  return r;
}

TEST(status, keeps_the_name_that_a_peer_gave_to_a_signal_it_alone_knows) {
  auto named = [](std::string_view name) { return exit_status::of_signal_name(name); };
  EXPECT_EQ(named("TERM"), exit_status::of_signal(SIGTERM));
  EXPECT_EQ(named("SIGTERM"), exit_status::of_signal(SIGTERM));
  EXPECT_EQ(named("XCPU@example.org"), exit_status::of_signal(SIGXCPU));
  EXPECT_EQ(named("SIG34").signal(), 34);
  for (const char* foreign : {"SIG@openssh.com", "RTMIN+3", "SIG0", "SIG-1", "SIG99999", "SIG1x"}) {
    EXPECT_EQ(named(foreign).signal(), 0) << foreign;
    EXPECT_EQ(named(foreign).signal_name(), foreign);
  }
  EXPECT_EQ(named("").signal_name(), "without a name");
  EXPECT_EQ(named("a\x1b[31m\xc2\x9b").signal_name(), "a?[31m??");
  EXPECT_EQ(named(std::string(100, 'x')).signal_name(), std::string(31, 'x'));
  EXPECT_EQ(ended(end_reason::signaled, named("SIG@openssh.com")).describe(),
            "`make` was ended by signal SIG@openssh.com after 1.2 s");
}

TEST(describe, tells_the_end_the_time_and_the_last_line_of_standard_error) {
  result r = ended(end_reason::exited, exit_status::of_code(2));
  r.err = "first\nlast words\n\n";
  EXPECT_EQ(r.describe(), "`make` exited 2 after 1.2 s: last words");
}

TEST(describe, tells_each_kind_of_end) {
  EXPECT_EQ(ended(end_reason::signaled, exit_status::of_signal(9)).describe(),
            "`make` was ended by signal KILL after 1.2 s");
  EXPECT_EQ(ended(end_reason::timed_out, {}).describe(),
            "`make` timed out while it ran after 1.2 s");
  EXPECT_EQ(ended(end_reason::cancelled, {}).describe(), "`make` was cancelled after 1.2 s");
  EXPECT_EQ(ended(end_reason::not_started, {}).describe(), "`make` was not started");
}

TEST(describe, names_the_step_and_the_cause_once) {
  result r = ended(end_reason::spawn_failed, {});
  result_access::set_context(r, "execve /bin/nope");
  result_access::error(r) = std::make_error_code(std::errc::no_such_file_or_directory);
  EXPECT_EQ(r.describe(),
            "`make` spawn_failed after 1.2 s: execve /bin/nope: No such file or directory");
}

TEST(describe, brings_no_control_character_to_a_terminal) {
  result r = ended(end_reason::exited, exit_status::of_code(1));
  r.err = "\x1b[31mred\x1b[0m \x07 \x7f evil\r\n";
  for (char c : r.describe()) EXPECT_FALSE(static_cast<unsigned char>(c) < ' ' || c == 0x7f);
  EXPECT_THAT(r.describe(), HasSubstr("evil"));
}

TEST(describe, shows_c1_controls_and_broken_utf8_from_wherever_they_come) {
  result r = ended(end_reason::exited, exit_status::of_code(1));
  r.err =
      "\xc2\x9b"
      "31mred \x9b \xe2\x80\xae";
  result_access::set_context(r,
                             "goodbye \xc2\x9b"
                             "2J\xff");
  EXPECT_THAT(r.describe(), HasSubstr("\\x9b31mred \\x9b \\u202e"));
  EXPECT_THAT(r.describe(), HasSubstr("goodbye \\x9b2J\\xff"));
}

TEST(describe, cuts_a_long_last_line) {
  result r = ended(end_reason::exited, exit_status::of_code(1));
  r.err = std::string(100'000, 'x');
  EXPECT_LT(r.describe().size(), 300U);
}

TEST(result, is_not_ok_until_it_ended_well) {
  result r;
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.how(), end_reason::not_started);
  EXPECT_THROW(r.check(), process_error);
}

TEST(result, is_carried_by_the_error_that_check_throws) {
  result r = ended(end_reason::exited, exit_status::of_code(7));
  r.err = "no such file";
  try {
    r.check();
    FAIL();
  } catch (const result_error& e) {
    EXPECT_EQ(e.result().status().code(), 7);
    EXPECT_EQ(e.result().err, "no such file");
    EXPECT_EQ(e.what(), r.describe());
  }
}

}  // namespace
}  // namespace execo::test
