// What a lifecycle asks of its transport, with one that only takes notes.
#include "process/lifecycle.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "held_clock.hpp"
#include "unit/process/noting_transport.hpp"

namespace execo::test {
namespace {

using namespace detail;

TEST(lifecycle, lets_a_slow_tap_hold_output_back_until_the_command_is_being_ended) {
  loop on;
  loop::driver driver(on);
  notes seen;
  auto what = std::make_shared<const command>("noted");
  intrusive_ptr<lifecycle> run(
      new lifecycle(on, what, {}, std::make_unique<noting_transport>(seen), deadlines()));
  run->start();
  seen.events->on_phase(phase::run);
  run->kill(SIGUSR1);
  run->pause(stream::out, true);
  EXPECT_TRUE(seen.paused[0]) << "that signal ends nothing";
  run->kill(SIGTERM);
  EXPECT_FALSE(seen.paused[0]) << "its end may stand behind the output";
  run->pause(stream::out, true);
  EXPECT_FALSE(seen.paused[0]);
  EXPECT_EQ(seen.signals, (std::vector<int>{SIGUSR1, SIGTERM}));
  seen.events->on_exit(exit_status::of_signal(SIGTERM));
  seen.events->on_eof(stream::out);
  seen.events->on_eof(stream::err);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::signaled);
  EXPECT_TRUE(run->final_result().killed());
}

class ended_command : public noted_run {
 protected:
  // Its status has come, its streams are open.
  void begin(const command& what, exit_status status = exit_status::of_code(0)) {
    start_running(what);
    seen.events->on_output(stream::out, std::span<const char>("12345", 5));
    seen.events->on_exit(status);
  }
  static command quick() {
    command what("noted");
    what.drain_timeout = std::chrono::milliseconds(1);
    return what;
  }
};

TEST_F(ended_command, asks_its_transport_for_the_rest_of_a_silent_output_and_waits_for_the_answer) {
  seen.can_ask = true;
  begin(quick());
  time.pass(std::chrono::milliseconds(1));
  ASSERT_EQ(seen.asked, 1);
  time.pass(std::chrono::minutes(59));
  EXPECT_FALSE(run->ended()) << "no timer of its own decides";
  seen.events->on_output(stream::out, std::span<const char>("67", 2));
  time.pass(std::chrono::milliseconds(1));
  ASSERT_EQ(seen.asked, 2);
  seen.events->on_no_output_pending();
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::exited);
  EXPECT_TRUE(run->final_result().ok());
  EXPECT_EQ(run->final_result().out, "1234567");
  EXPECT_FALSE(run->final_result().output_complete());
}

TEST_F(ended_command, is_complete_when_the_end_of_its_output_comes_while_that_is_sought) {
  seen.can_ask = true;
  begin(quick());
  time.pass(std::chrono::milliseconds(1));
  ASSERT_EQ(seen.asked, 1);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().output_complete());
}

TEST_F(ended_command, has_failed_when_the_rest_of_its_output_is_lost) {
  seen.can_ask = true;
  begin(quick());
  time.pass(std::chrono::milliseconds(1));
  ASSERT_EQ(seen.asked, 1);
  seen.events->on_failed(detail::failure(
      end_reason::connection_lost, std::make_error_code(std::errc::connection_reset), "gone"));
  ASSERT_TRUE(run->ended());
  const result& r = run->final_result();
  EXPECT_EQ(r.how(), end_reason::output_failed);
  EXPECT_EQ(r.phase(), phase::drain);
  EXPECT_EQ(r.status(), exit_status::of_code(0));
  EXPECT_EQ(r.error_context(), "gone");
  EXPECT_FALSE(r.ok());
  EXPECT_FALSE(r.output_complete());
}

TEST_F(ended_command, is_not_judged_by_a_silence_that_a_slow_tap_makes) {
  begin(quick());
  run->pause(stream::out, true);
  time.pass(std::chrono::hours(1));
  EXPECT_FALSE(run->ended());
  run->pause(stream::out, false);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().output_complete());
}

TEST_F(ended_command, ends_at_once_when_it_is_cancelled_though_its_output_goes_on) {
  for (bool held : {false, true}) {
    command what("noted");
    what.drain_timeout = std::chrono::hours(1);
    begin(what);
    run->pause(stream::out, held);
    run->cancel();
    EXPECT_FALSE(run->ended()) << "the caller may be inside one of its events";
    seen.events->on_output(stream::out, std::span<const char>("67", 2));
    time.pass(std::chrono::nanoseconds(0));
    ASSERT_TRUE(run->ended());
    EXPECT_EQ(run->final_result().how(), end_reason::exited);
    EXPECT_EQ(run->final_result().out, "1234567");
    EXPECT_FALSE(run->final_result().output_complete());
  }
}

TEST_F(ended_command, that_was_killed_is_not_asked_about) {
  seen.can_ask = true;
  command what = quick();
  start_running(what);
  run->cancel();
  seen.events->on_exit(exit_status::of_signal(SIGTERM));
  time.pass(std::chrono::milliseconds(1));
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(seen.asked, 0);
  EXPECT_EQ(run->final_result().how(), end_reason::cancelled);
}

TEST_F(ended_command, that_is_given_up_says_whether_its_output_ended) {
  for (bool ended : {false, true}) {
    command what = quick();
    what.kill_timeout = std::chrono::milliseconds(1);
    start_running(what);
    if (ended) end_streams();
    run->cancel();
    time.pass(std::chrono::milliseconds(1));
    time.pass(std::chrono::seconds(1));
    ASSERT_TRUE(run->ended());
    EXPECT_EQ(run->final_result().how(), end_reason::cancelled);
    EXPECT_EQ(run->final_result().output_complete(), ended);
  }
}

TEST_F(ended_command, that_requires_its_output_fails_without_its_end) {
  command what = quick();
  what.requires_output = true;
  begin(what, exit_status::of_code(3));
  time.pass(std::chrono::milliseconds(1));
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::output_failed);
  EXPECT_EQ(run->final_result().status(), exit_status::of_code(3));
  EXPECT_FALSE(run->final_result().ok());
}

TEST_F(ended_command, that_requires_its_output_fails_when_a_cap_leaves_some_out) {
  command what = quick();
  what.requires_output = true;
  what.output_cap = 4;
  begin(what);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::output_failed);
  EXPECT_EQ(run->final_result().error_context(), "a cap left out some of the output");
}

TEST_F(ended_command, whose_cap_left_some_out_says_so_and_is_ok) {
  command what = quick();
  what.output_cap = 4;
  begin(what);
  end_streams();
  ASSERT_TRUE(run->ended());
  const result& r = run->final_result();
  EXPECT_TRUE(r.ok());
  EXPECT_FALSE(r.output_complete());
  EXPECT_EQ(r.out_dropped(), 1U);
  EXPECT_NE(r.describe().find("1 bytes of its stdout were left out"), std::string::npos);
  EXPECT_NO_THROW(r.check());
  EXPECT_EQ(r.stats().incomplete, 1U);
}

TEST_F(ended_command, that_was_to_keep_nothing_misses_nothing) {
  command what = quick();
  what.requires_output = true;
  what.output_cap = 0;
  begin(what);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().ok());
  EXPECT_TRUE(run->final_result().output_complete());
  EXPECT_EQ(run->final_result().out_dropped(), 5U);
}

class started_command : public noted_run {
 protected:
  const result& failed(certainty known) {
    seen.report.started = known;
    seen.events->on_failed(detail::failure(end_reason::connection_lost, {}, "lost"));
    return run->final_result();
  }
};

TEST_F(started_command, is_what_the_transport_knows_before_it_runs) {
  start(command("noted"));
  EXPECT_EQ(failed(certainty::no).started_command(), certainty::no);
  EXPECT_EQ(run->final_result().stats().started, 0U);
}

TEST_F(started_command, may_be_unknown) {
  start(command("noted"));
  seen.events->on_phase(phase::open);
  EXPECT_EQ(failed(certainty::maybe).started_command(), certainty::maybe);
}

TEST_F(started_command, is_certain_once_it_ran) {
  start_running(command("noted"));
  EXPECT_EQ(failed(certainty::maybe).started_command(), certainty::yes);
  EXPECT_EQ(run->final_result().stats().started, 1U);
}

TEST_F(started_command, is_not_there_when_it_is_cancelled_before_its_start) {
  notes others;
  intrusive_ptr<lifecycle> never(new lifecycle(on, std::make_shared<const command>("noted"), {},
                                               std::make_unique<noting_transport>(others),
                                               deadlines()));
  never->cancel();
  EXPECT_EQ(never->final_result().started_command(), certainty::no);
}

TEST_F(started_command, on_a_new_connection_in_place_of_one_that_was_kept_has_the_time_to_connect) {
  deadlines limits;
  limits.establish = std::chrono::seconds(20);
  start(command("noted"), limits);
  seen.events->on_phase(phase::open);
  seen.events->on_phase(phase::resolve);
  time.pass(std::chrono::seconds(19));
  EXPECT_FALSE(run->ended());
  time.pass(std::chrono::seconds(1));
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
}

}  // namespace
}  // namespace execo::test
