// When a lifecycle acts: deadlines, the steps of an end and the wait for output, to the nanosecond,
// on a clock that the test moves.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "execo/connection.hpp"
#include "held_clock.hpp"
#include "process/lifecycle.hpp"
#include "unit/process/noting_transport.hpp"

namespace execo::test {
namespace {

using namespace detail;
using namespace std::chrono_literals;

class timed_run : public killed_run {};

TEST_F(timed_run, is_ended_at_its_deadline_and_not_before) {
  command what("noted");
  what.run_timeout = 5s;
  start_running(what);
  time.pass(5s - 1ns);
  EXPECT_TRUE(seen.signals.empty());
  time.pass(1ns);
  EXPECT_EQ(seen.signals, std::vector{SIGTERM});
  end_by(SIGTERM);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
  EXPECT_EQ(run->final_result().elapsed(), 5s);
  EXPECT_FALSE(run->final_result().forced_kill());
}

TEST_F(timed_run, has_no_deadline_while_it_waits_for_its_turn) {
  deadlines limits;
  limits.establish = 5s;
  limits.resolve = 2s;
  start(command("noted"), limits);
  seen.events->on_phase(phase::resolve);
  time.pass(1s);
  seen.events->on_waiting();
  time.pass(100h);
  EXPECT_FALSE(run->ended());
  seen.events->on_phase(phase::resolve);
  time.pass(1s);
  seen.events->on_phase(phase::connect);
  time.pass(3s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
  EXPECT_EQ(run->final_result().phase(), phase::connect);
}

TEST_F(timed_run, that_waits_for_its_turn_is_ended_when_the_time_for_all_of_it_is_over) {
  command what("noted");
  what.total_timeout = 10s;
  start(what);
  seen.events->on_phase(phase::resolve);
  seen.events->on_waiting();
  time.pass(10s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().phase(), phase::total);
}

TEST_F(timed_run, waits_for_the_rest_of_an_output_as_long_as_that_cannot_be_read) {
  command what("noted");
  what.drain_timeout = 1s;
  start_running(what);
  seen.events->on_exit(exit_status::of_code(0));
  clock::time_point held_from = time.now();
  seen.unread = [this, held_from] { return time.now() - held_from; };
  for (int i = 0; i < 100; ++i) time.pass(1s);
  EXPECT_FALSE(seen.closed);
  seen.unread = [] { return 100s; };
  seen.events->on_output(stream::out, std::span<const char>("x", 1));
  time.pass(1s - 1ns);
  EXPECT_FALSE(seen.closed);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().output_complete());
  EXPECT_EQ(run->final_result().out, "x");
}

TEST_F(timed_run, is_killed_when_its_grace_period_is_over) {
  command what("noted");
  what.run_timeout = 5s;
  what.kill_timeout = 3s;
  start_running(what);
  time.pass(5s);
  time.pass(3s - 1ns);
  EXPECT_EQ(seen.signals, std::vector{SIGTERM});
  time.pass(1ns);
  EXPECT_EQ(seen.signals, (std::vector{SIGTERM, SIGKILL}));
  end_by(SIGKILL);
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().forced_kill());
  EXPECT_EQ(run->final_result().elapsed(), 8s);
}

TEST_F(timed_run, takes_each_step_of_its_policy_when_the_one_before_has_had_its_time) {
  command what("noted");
  what.stop_steps = stop_policy().then(SIGINT, 2s).then(SIGTERM, 5s).then(SIGKILL);
  start_running(what);
  run->cancel();
  EXPECT_EQ(seen.signals, std::vector{SIGINT});
  time.pass(2s - 1ns);
  EXPECT_EQ(seen.signals.size(), 1U);
  time.pass(1ns);
  EXPECT_EQ(seen.signals, (std::vector{SIGINT, SIGTERM}));
  time.pass(5s - 1ns);
  EXPECT_EQ(seen.signals.size(), 2U);
  time.pass(1ns);
  EXPECT_EQ(seen.signals, (std::vector{SIGINT, SIGTERM, SIGKILL}));
  end_by(SIGKILL);
  EXPECT_TRUE(run->ended());
}

TEST_F(timed_run, does_not_begin_a_step_anew_when_it_is_asked_for_again) {
  command what("noted");
  what.kill_timeout = 4s;
  start_running(what);
  run->kill(SIGTERM);
  time.pass(3s);
  run->kill(SIGTERM);
  time.pass(1s);
  EXPECT_EQ(seen.signals, (std::vector{SIGTERM, SIGTERM, SIGKILL}));
  end_by(SIGKILL);
}

TEST_F(timed_run, is_given_up_a_second_after_kill_when_nothing_ends_it) {
  command what("noted");
  what.kill_timeout = 2s;
  start_running(what);
  run->cancel();
  time.pass(2s);
  ASSERT_EQ(seen.signals.back(), SIGKILL);
  time.pass(1s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  EXPECT_TRUE(run->ended());
  EXPECT_TRUE(seen.closed);
}

TEST_F(timed_run, whose_connection_is_not_made_in_time_ends_at_the_limit_of_that_phase) {
  deadlines limits;
  limits.connect = 10s;
  start(command("noted"), limits);
  seen.events->on_phase(phase::connect);
  time.pass(10s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
  EXPECT_EQ(run->final_result().phase(), phase::connect);
}

class phase_limit {
 public:
  phase where;
  duration deadlines::*limit;
};

TEST_F(timed_run, ends_at_the_limit_of_each_phase_before_the_command) {
  constexpr phase_limit all[] = {{phase::resolve, &deadlines::resolve},
                                 {phase::connect, &deadlines::connect},
                                 {phase::kex, &deadlines::kex},
                                 {phase::auth, &deadlines::auth},
                                 {phase::open, &deadlines::open}};
  for (const phase_limit& stalled : all) {
    seen = notes();
    deadlines limits;
    limits.establish = 1h;
    for (const phase_limit& each : all) limits.*each.limit = 1min;
    limits.*stalled.limit = 3s;
    start(command("noted"), limits);
    for (const phase_limit& before : all) {
      seen.events->on_phase(before.where);
      if (before.where == stalled.where) break;
      time.pass(50s);
    }
    time.pass(3s - 1ns);
    EXPECT_FALSE(run->ended()) << to_string(stalled.where);
    time.pass(1ns);
    ASSERT_TRUE(run->ended()) << to_string(stalled.where);
    EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
    EXPECT_EQ(run->final_result().phase(), stalled.where);
    EXPECT_EQ(run->final_result().started_command(), certainty::no);
  }
}

TEST_F(timed_run, ends_when_all_phases_together_take_too_long) {
  command what("noted");
  what.total_timeout = 5s;
  constexpr phase all[] = {phase::resolve, phase::connect, phase::kex, phase::auth, phase::open};
  for (phase stalled : all) {
    seen = notes();
    start(what);
    for (phase before : all) {
      seen.events->on_phase(before);
      time.pass(before == stalled ? 0s : 1s);
      if (before == stalled) break;
    }
    time.pass(5s - 1s * (static_cast<int>(stalled)) - 1ns);
    EXPECT_FALSE(run->ended()) << to_string(stalled);
    time.pass(1ns);
    ASSERT_TRUE(run->ended()) << to_string(stalled);
    EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
    EXPECT_EQ(run->final_result().phase(), phase::total);
    EXPECT_EQ(run->final_result().started_command(), certainty::no);
    EXPECT_EQ(run->final_result().elapsed(), 5s);
  }
}

TEST_F(timed_run, that_runs_is_ended_when_it_and_the_way_there_take_too_long) {
  command what("noted");
  what.total_timeout = 5s;
  what.run_timeout = 4s;
  what.kill_timeout = 1s;
  start(what);
  seen.events->on_phase(phase::connect);
  time.pass(2s);
  seen.events->on_phase(phase::open);
  seen.events->on_phase(phase::run);
  time.pass(3s - 1ns);
  EXPECT_TRUE(seen.signals.empty());
  time.pass(1ns);
  EXPECT_EQ(seen.signals, std::vector{SIGTERM});
  time.pass(1s);
  EXPECT_EQ(seen.signals, (std::vector{SIGTERM, SIGKILL}));
  end_by(SIGKILL);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::timed_out);
  EXPECT_EQ(run->final_result().phase(), phase::total);
}

TEST_F(timed_run, that_has_ended_is_not_timed_out_while_its_output_is_drained) {
  command what("noted");
  what.total_timeout = 5s;
  what.drain_timeout = 1h;
  start_running(what);
  seen.events->on_exit(exit_status::of_code(0));
  time.pass(6s);
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().ok()) << run->final_result().describe();
}

TEST_F(timed_run, has_the_time_back_in_which_this_program_was_stopped_amid_a_handshake) {
  deadlines limits;
  limits.establish = 1h;
  limits.kex = 5s;
  start(command("noted"), limits);
  seen.events->on_phase(phase::kex);
  time.pass(8s);  // at once: nothing was read for three seconds after the first deadline
  EXPECT_FALSE(run->ended());
  time.pass(3s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().phase(), phase::kex);
}

TEST_F(timed_run, has_its_whole_time_once_more_at_most_however_long_this_program_was_stopped) {
  deadlines limits;
  limits.connect = 5s;
  start(command("noted"), limits);
  seen.events->on_phase(phase::connect);
  time.pass(100h);
  time.pass(5s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  EXPECT_TRUE(run->ended());
}

TEST_F(timed_run, that_runs_is_ended_at_its_deadline_even_if_this_program_was_stopped_meanwhile) {
  command what("noted");
  what.run_timeout = 5s;
  start_running(what);
  time.pass(100h);
  EXPECT_EQ(seen.signals, std::vector{SIGTERM});
  end_by(SIGTERM);
}

TEST_F(timed_run, waits_for_output_after_its_end_as_long_as_it_is_told) {
  command what("noted");
  what.drain_timeout = 1s;
  start_running(what);
  seen.events->on_exit(exit_status::of_code(0));
  time.pass(1s - 1ns);
  EXPECT_FALSE(run->ended());
  time.pass(1ns);
  ASSERT_TRUE(run->ended());
  EXPECT_TRUE(run->final_result().ok());
  EXPECT_FALSE(run->final_result().output_complete());
}

TEST_F(timed_run, waits_anew_for_output_that_still_comes) {
  command what("noted");
  what.drain_timeout = 1s;
  start_running(what);
  seen.events->on_exit(exit_status::of_code(0));
  for (int i = 0; i < 3; ++i) {
    time.pass(900ms);
    seen.events->on_output(stream::out, std::span<const char>("x", 1));
  }
  time.pass(900ms);
  EXPECT_FALSE(run->ended());
  end_streams();
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().out, "xxx");
  EXPECT_TRUE(run->final_result().output_complete());
}

}  // namespace
}  // namespace execo::test
