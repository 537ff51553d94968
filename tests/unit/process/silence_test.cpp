// When a command is ended that writes nothing: to the nanosecond on a clock that the test moves,
// and with real commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "execo/stdio.hpp"
#include "fleet_fixture.hpp"
#include "support/file_bytes.hpp"
#include "unit/process/children.hpp"
#include "unit/process/noting_transport.hpp"

namespace execo::test {
namespace {

using namespace detail;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class silent_run : public killed_run {
 protected:
  void begin(duration first, duration idle) {
    command what("noted");
    what.first_output_timeout = first;
    what.idle_timeout = idle;
    what.output_cap = 1;
    start_running(what);
  }
  void write(stream which = stream::out) {
    seen.events->on_output(which, std::span<const char>("x", 1));
  }
  void expect_end_after(clock::duration left, phase where) {
    time.pass(left - 1ns);
    EXPECT_TRUE(seen.signals.empty());
    time.pass(1ns);
    EXPECT_EQ(seen.signals, std::vector{SIGTERM});
    end_by(SIGTERM);
    ASSERT_TRUE(run->ended());
    EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
    EXPECT_EQ(run->final_result().phase(), where);
  }
};

TEST_F(silent_run, is_ended_when_it_has_written_nothing_since_it_started) {
  begin(5s, 0s);
  expect_end_after(5s, phase::first_output);
}

TEST_F(silent_run, has_no_limit_any_more_once_it_has_written) {
  begin(5s, 0s);
  time.pass(4s);
  write();
  time.pass(100h);
  EXPECT_TRUE(seen.signals.empty());
}

TEST_F(silent_run, is_ended_when_it_has_written_nothing_for_too_long) {
  begin(0s, 5s);
  expect_end_after(5s, phase::idle);
}

TEST_F(silent_run, has_the_whole_time_again_after_each_output_on_either_stream) {
  begin(0s, 5s);
  for (int i = 0; i < 4; ++i) {
    time.pass(3s);
    write(i % 2 == 0 ? stream::out : stream::err);
  }
  expect_end_after(5s, phase::idle);
}

TEST_F(silent_run, waits_for_the_first_output_longer_or_shorter_than_for_more) {
  begin(2s, 10s);
  time.pass(1s);
  write();
  expect_end_after(10s, phase::idle);
}

TEST_F(silent_run, ends_at_the_nearer_limit_of_two) {
  begin(10s, 2s);
  expect_end_after(2s, phase::idle);
}

TEST_F(silent_run, is_not_blamed_while_its_output_is_not_read) {
  begin(0s, 5s);
  write();
  time.pass(1s);
  run->pause(stream::out, true);
  time.pass(100s);
  EXPECT_TRUE(seen.signals.empty());
  time.pass(3s);
  run->pause(stream::out, false);
  expect_end_after(5s, phase::idle);
}

TEST_F(silent_run, that_was_only_held_has_still_to_write_for_the_first_time) {
  begin(5s, 0s);
  run->pause(stream::out, true);
  time.pass(7s);
  run->pause(stream::out, false);
  expect_end_after(5s, phase::first_output);
}

// That others keep it from being read is no silence of its own.
TEST_F(silent_run, has_the_time_back_in_which_it_could_not_be_read) {
  begin(0s, 5s);
  write();
  time.pass(4s);
  seen.unread = [] { return 2s; };
  expect_end_after(3s, phase::idle);
}

TEST_F(silent_run, has_its_first_output_to_write_in_time_that_is_read) {
  seen.unread = [] { return 100s; };
  begin(5s, 0s);
  time.pass(1s);
  seen.unread = [] { return 101s; };
  expect_end_after(5s, phase::first_output);
}

TEST_F(silent_run, has_the_whole_time_after_an_output_whatever_was_not_read_before) {
  begin(0s, 5s);
  time.pass(2s);
  seen.unread = [] { return 2s; };
  write();
  expect_end_after(5s, phase::idle);
}

TEST_F(silent_run, is_not_blamed_as_long_as_it_cannot_be_read) {
  begin(0s, 5s);
  time.pass(2s);
  seen.unread = [this] { return time.elapsed() - 2s; };
  for (int i = 0; i < 1000; ++i) time.pass(100ms);
  EXPECT_TRUE(seen.signals.empty());
  seen.unread = [] { return 100s; };
  time.pass(3s - 1ns);
  EXPECT_TRUE(seen.signals.empty());
  // It is looked at from time to time only.
  time.pass(625ms + 1ns);
  EXPECT_EQ(seen.signals, std::vector{SIGTERM});
}

TEST_F(silent_run, is_not_limited_before_it_runs_nor_after_its_end) {
  command what("noted");
  what.first_output_timeout = 1s;
  what.idle_timeout = 1s;
  what.drain_timeout = 1h;
  start(what);
  time.pass(10s);
  EXPECT_FALSE(run->ended());
  seen.events->on_phase(phase::run);
  write();
  seen.events->on_exit(exit_status::of_code(0));
  time.pass(10s);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().ok()) << run->final_result().describe();
}

class silence : public on_each_backend {};
EXECO_ON_EACH_BACKEND(silence);

TEST_P(silence, ends_a_command_and_the_result_says_how) {
  context c;
  led_clock time(c);
  time.hurry(30s);
  process first("sleep 1000");
  result r = sync_wait(c, std::move(first).first_output_timeout(30s).run());
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_EQ(r.phase(), phase::first_output);
  EXPECT_THAT(r.describe(), HasSubstr("timed out before its first output"));
  time.stand();
  process more("echo one; exec sleep 1000");
  more.shell().idle_timeout(30s).on_line([&time](const output_line&) { time.hurry(30s); });
  r = sync_wait(c, std::move(more).run());
  EXPECT_EQ(r.phase(), phase::idle);
  EXPECT_EQ(r.out, "one\n");
  EXPECT_THAT(r.describe(), HasSubstr("timed out while it wrote nothing"));
}

// It would be given the file itself otherwise.
TEST_P(silence, is_seen_of_a_command_that_writes_to_a_file) {
  scratch_directory folder;
  std::string path = folder.path() + "/out";
  process p("for i in 1 2 3 4; do echo $i; sleep 0.1; done; exec sleep 1000");
  result r = sync_wait(std::move(p).shell().out(append(path)).idle_timeout(2s).run());
  EXPECT_EQ(r.phase(), phase::idle) << r.describe();
  EXPECT_GE(r.elapsed(), 2s);
  EXPECT_EQ(file_bytes(path), "1\n2\n3\n4\n");
}

TEST_P(silence, is_seen_on_a_terminal) {
  process p("sleep 1000");
  result r = sync_wait(std::move(p).pty(24, 80).first_output_timeout(200ms).run());
  EXPECT_EQ(r.phase(), phase::first_output) << r.describe();
}

}  // namespace
}  // namespace execo::test
