// Points of the conformance suite: how commands end, by themselves, by a signal, in time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "conformance.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using host_at = const host_under_test&;

template <int... Code>
void exits(host_at at) {
  for (int code : {Code...}) {
    host_result r = at.run("exit " + std::to_string(code));
    EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
    EXPECT_EQ(r.status(), exit_status::of_code(code)) << r.describe();
    has_ended(r);
    EXPECT_EQ(r.started_command(), certainty::yes);
  }
}

template <int Signal>
void is_ended_by(host_at at) {
  // Some login shells ignore QUIT.
  host_result r =
      at.run("ulimit -c 0; exec /bin/sh -c 'kill -" + std::to_string(Signal) + " $$; sleep 9'");
  EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
  EXPECT_EQ(r.status(), exit_status::of_signal(Signal)) << r.describe();
}

/// Waits for a line "ready", then does something to the action.
template <class Deed>
host_result once_ready(remote action, Deed deed) {
  bool done = false;
  action.on_line([&](const output_line& line) {
    if (line.text != "ready" || done) return;
    done = true;
    deed(action);
  });
  action_result all = sync_wait(action.run());
  EXPECT_TRUE(done);
  return all.all().at(0);
}

std::string handler_of(int signal) {
  return "trap 'echo got; exit 9' " + std::to_string(signal) +
         "; echo ready; while :; do sleep 0.02; done";
}

template <int Signal>
void handles(host_at at) {
  host_result r = once_ready(at.on(handler_of(Signal)), [](remote& a) { a.kill(Signal); });
  EXPECT_EQ(r.out, "ready\ngot\n");
  EXPECT_EQ(r.status(), exit_status::of_code(9)) << r.describe();
  EXPECT_TRUE(r.killed());
}

void is_killed(host_at at) {
  host_result r = once_ready(at.on("trap '' TERM INT; echo ready; exec " + at.endless()),
                             [](remote& a) { a.kill(SIGKILL); });
  EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
  at.leaves_nothing(r);
}

constexpr conformance_point ends[] = {
    {"exit code 0", exits<0>},
    {"exit codes 1, 2, 3", exits<1, 2, 3>},
    {"exit codes 125 to 128", exits<125, 126, 127, 128>},
    {"exit codes 130, 137, 143, as of signals", exits<130, 137, 143>},
    {"exit codes 200, 254, 255", exits<200, 254, 255>},
    {"a program that is missing exits 127",
     [](host_at at) {
       host_result r = at.run("no-such-program-here");
       EXPECT_EQ(r.status(), exit_status::of_code(127)) << r.describe();
       EXPECT_NE(r.err, "");
     }},
    {"a file that is no program exits 126",
     [](host_at at) {
       host_result r = at.run("/etc/passwd");
       EXPECT_EQ(r.status(), exit_status::of_code(126)) << r.describe();
     }},
    {"a syntax error of the shell is an exit code",
     [](host_at at) {
       host_result r = at.run("if then fi )");
       EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
       EXPECT_GT(r.exit_code(), 0);
     }},
    {"accepted codes are ok",
     [](host_at at) {
       EXPECT_TRUE(at.result_of(at.on("exit 3").accept(3)).ok());
       EXPECT_FALSE(at.result_of(at.on("exit 4").accept(3)).ok());
     }},
    {"a signal that ends it is an end of its own",
     [](host_at at) {
       host_result r = at.run("kill -9 $$; sleep 9");
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
       EXPECT_TRUE(r.status().signal());
       EXPECT_FALSE(r.ok());
       EXPECT_FALSE(r.killed());
     }},
    {"ended by ABRT", is_ended_by<SIGABRT>, true},
    {"ended by ALRM", is_ended_by<SIGALRM>, true},
    {"ended by FPE", is_ended_by<SIGFPE>, true},
    {"ended by HUP", is_ended_by<SIGHUP>, true},
    {"ended by ILL", is_ended_by<SIGILL>, true},
    {"ended by INT", is_ended_by<SIGINT>},
    {"ended by KILL", is_ended_by<SIGKILL>},
    {"ended by PIPE", is_ended_by<SIGPIPE>, true},
    {"ended by QUIT", is_ended_by<SIGQUIT>, true},
    {"ended by SEGV", is_ended_by<SIGSEGV>},
    {"ended by TERM", is_ended_by<SIGTERM>},
    {"ended by USR1", is_ended_by<SIGUSR1>, true},
    {"ended by USR2", is_ended_by<SIGUSR2>, true},
    {"a signal without a name in ssh",
     [](host_at at) {
       host_result r = at.run("ulimit -c 0; kill -SYS $$; sleep 9");
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
       EXPECT_NE(r.status().signal_name(), "");
     }},
    {"a core dump is the end by its signal",
     [](host_at at) {
       host_result r =
           at.run("cd " + at.scratch() + "; ulimit -c unlimited; kill -SEGV $$; sleep 9");
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
       EXPECT_EQ(r.status(), exit_status::of_signal(SIGSEGV)) << r.describe();
     }},
    {"an exit after the streams were closed",
     [](host_at at) {
       host_result r = at.run("exec <&- >&- 2>&-; sleep 0.05; exit 4");
       EXPECT_EQ(r.status(), exit_status::of_code(4)) << r.describe();
       EXPECT_TRUE(r.output_complete());
     }},
    {"output held by a background process",
     [](host_at at) {
       host_result r = at.result_of(at.on(at.endless() + " & echo hi; exit 3").drain_timeout(50ms));
       EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
       EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
       EXPECT_EQ(r.out, "hi\n");
       EXPECT_FALSE(r.output_complete());
     }},
    {"a background process without the output is left alone",
     [](host_at at) {
       host_result r = at.run(at.endless() + " >/dev/null 2>&1 </dev/null & echo $!");
       EXPECT_TRUE(r.ok()) << r.describe();
       EXPECT_TRUE(r.output_complete());
       EXPECT_EQ(::kill(std::stoi(r.out), 0), 0) << "it is gone";
     }},
    {"an end before the input was read",
     [](host_at at) {
       host_result r = at.result_of(at.on("exit 6").input(std::string(300'000, 'x')));
       EXPECT_EQ(r.status(), exit_status::of_code(6)) << r.describe();
     }},
};

task<host_result> killed_at_once(host_at at, bool stopped) {
  remote action = at.on("exec " + at.endless());
  action.start();
  if (stopped) {
    action.request_stop();
  } else {
    action.kill(SIGTERM);
  }
  action_result all = co_await action.run();
  co_return all.all().at(0);
}

/// Again and again a little later: in each phase.
task<host_result> killed_after(host_at at, duration time) {
  remote action = at.on("exec " + at.endless()).kill_timeout(1s);
  action.start();
  co_await sleep(time);
  action.kill(SIGTERM);
  action_result all = co_await action.run();
  co_return all.all().at(0);
}

constexpr conformance_point signals[] = {
    {"kill() with ABRT", handles<SIGABRT>, true},
    {"kill() with ALRM", handles<SIGALRM>},
    {"kill() with FPE", handles<SIGFPE>, true},
    {"kill() with HUP", handles<SIGHUP>, true},
    {"kill() with ILL", handles<SIGILL>, true},
    {"kill() with INT", handles<SIGINT>},
    {"kill() with KILL", is_killed},
    {"kill() with PIPE", handles<SIGPIPE>, true},
    {"kill() with QUIT", handles<SIGQUIT>, true},
    {"kill() with SEGV", handles<SIGSEGV>, true},
    {"kill() with TERM", handles<SIGTERM>},
    {"kill() with USR1", handles<SIGUSR1>, true},
    {"kill() with USR2", handles<SIGUSR2>},
    {"kill() with WINCH, which ssh has no name for", handles<SIGWINCH>},
    {"kill() reaches what the command has started",
     [](host_at at) {
       std::string text = at.endless() + " & " + at.endless() + " & echo ready; wait; echo never";
       host_result r = once_ready(at.on(text), [](remote& a) { a.kill(SIGTERM); });
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
       EXPECT_EQ(r.out, "ready\n");
       at.leaves_nothing(r);
     }},
    {"kill() of a command that ignores TERM ends with KILL",
     [](host_at at) {
       std::string text = "trap '' TERM; echo ready; exec " + at.endless();
       host_result r = once_ready(at.on(text).kill_timeout(1s), [](remote& a) { a.kill(SIGTERM); });
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
       EXPECT_TRUE(r.forced_kill());
       EXPECT_FALSE(at.left_over());
     }},
    {"kill() of a stopped command",
     [](host_at at) {
       std::string text = "echo ready; kill -STOP $$; exec " + at.endless();
       host_result r = once_ready(at.on(text), [](remote& a) { a.kill(SIGTERM); });
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
       EXPECT_FALSE(at.left_over());
     }},
    {"kill() before the command has started",
     [](host_at at) {
       host_result r = sync_wait(killed_at_once(at, false));
       EXPECT_THAT(r.how(), testing::AnyOf(end_reason::cancelled, end_reason::signaled))
           << r.describe();
       EXPECT_FALSE(at.left_over());
     }},
    {"kill() in each phase",
     [](host_at at) {
       for (auto time : {2ms, 8ms, 20ms, 40ms, 80ms}) {
         host_result r = sync_wait(killed_after(at, time));
         EXPECT_THAT(r.how(), testing::AnyOf(end_reason::cancelled, end_reason::signaled))
             << r.describe();
         at.leaves_nothing(r);
       }
     }},
    {"a stop before the command has started",
     [](host_at at) {
       host_result r = sync_wait(killed_at_once(at, true));
       EXPECT_FALSE(r.ok());
       EXPECT_FALSE(at.left_over());
     }},
    {"a stop ends the command",
     [](host_at at) {
       std::string text = at.endless() + " & echo ready; wait";
       host_result r = once_ready(at.on(text), [](remote& a) { a.request_stop(); });
       EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
       at.leaves_nothing(r);
     }},
    {"a command on a connection after one that was killed",
     [](host_at at) {
       (void)once_ready(at.on("echo ready; exec " + at.endless()),
                        [](remote& a) { a.kill(SIGKILL); });
       EXPECT_EQ(at.run("echo next").out, "next\n");
     }},
};

// timeout() counts from the request on: a busy server may not have confirmed the start by its end.
void times_out(host_at at, remote action, phase where = phase::run) {
  if (where == phase::run) action.timeout(150ms);
  host_result r = at.result_of(std::move(action));
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  const bool is_late = where == phase::run && r.phase() == phase::open;
  EXPECT_EQ(r.phase(), is_late ? phase::open : where);
  EXPECT_EQ(r.killed(), !is_late);
  at.leaves_nothing(r);
}

constexpr conformance_point times[] = {
    {"a timeout ends the command",
     [](host_at at) { times_out(at, at.on("exec " + at.endless())); }},
    {"a timeout ends a command whose input is closed",
     [](host_at at) { times_out(at, at.on("exec <&-; " + at.endless()).input("")); }, true},
    {"a timeout ends a command whose output is closed",
     [](host_at at) { times_out(at, at.on("exec >&- 2>&-; " + at.endless())); }, true},
    {"a timeout ends a command that ignores TERM",
     [](host_at at) {
       times_out(at, at.on("trap '' TERM; exec " + at.endless()).kill_timeout(1s));
     }},
    {"a timeout ends a tree of processes",
     [](host_at at) {
       std::string branch = "sh -c 'trap \"\" TERM HUP; " + at.endless() + "; :' & ";
       times_out(at, at.on(branch + branch + at.endless()).kill_timeout(1s));
     }},
    {"a timeout ends a command that writes without pause",
     [](host_at at) {
       host_result r = at.result_of(at.on("exec yes").max_output(1000).timeout(150ms));
       EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
       has_ended(r);
     },
     true},
    {"a timeout ends a command that does not read its input",
     [](host_at at) {
       times_out(at, at.on("exec " + at.endless()).input(std::string(3'000'000, 'x')));
     },
     true},
    {"a timeout of the first output",
     [](host_at at) {
       times_out(at, at.on("exec " + at.endless()).first_output_timeout(150ms),
                 phase::first_output);
     }},
    {"a timeout of silence",
     [](host_at at) {
       times_out(at, at.on("echo here; exec " + at.endless()).idle_timeout(400ms), phase::idle);
     }},
    {"a timeout of all, with the way there",
     [](host_at at) {
       // A busy server may not have started it by then.
       host_result r = at.result_of(at.on("exec " + at.endless()).total_timeout(1s));
       EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
       EXPECT_EQ(r.phase(), phase::total);
       at.leaves_nothing(r);
     }},
    {"what came before a timeout is there",
     [](host_at at) {
       // A busy server may take a second until the command has written.
       host_result r = at.result_of(at.on("echo here; exec " + at.endless()).timeout(2s));
       EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
       EXPECT_EQ(r.out, "here\n");
     }},
    {"a command that ends in time is no timeout",
     [](host_at at) {
       host_result r = at.result_of(at.on("sleep 0.02; exit 2").timeout(60s));
       EXPECT_EQ(r.status(), exit_status::of_code(2)) << r.describe();
     }},
    {"a deadline of the connection does not count for the command",
     [](host_at at) {
       ssh_options short_way = at.options();
       short_way.limits.establish = 20s;
       short_way.limits.open = 20s;
       host_result r = at.result_of(at.on("sleep 0.1; echo done").ssh(short_way));
       EXPECT_EQ(r.out, "done\n") << r.describe();
     }},
    {"a silent command outlives many keepalives",
     [](host_at at) {
       ssh_options probing = at.options();
       probing.keepalive = 50ms;
       probing.tcp_keepalive = 1s;
       host_result r = at.result_of(at.on("sleep 0.5; echo done").ssh(probing));
       EXPECT_EQ(r.out, "done\n") << r.describe();
     }},
};

}  // namespace

std::span<const conformance_point> points_of_ends() { return ends; }
std::span<const conformance_point> points_of_signals() { return signals; }
std::span<const conformance_point> points_of_time() { return times; }

}  // namespace execo::test
