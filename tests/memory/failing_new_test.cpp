// Every allocation of a run fails once: the first, the second, ... of this library and of what it
// calls through operator new. Each time the end is a result or an exception where it was awaited,
// nothing is left behind, and the context goes on.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <new>

#include "execo/expect.hpp"
#include "execo/local.hpp"
#include "execo/remote.hpp"
#include "execo/rollout.hpp"
#include "execo/sleep.hpp"
#include "execo/ticker.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "memory/failing_new.hpp"
#include "support/fleet_fixture.hpp"
#include "support/long_count.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class failing_new : public on_each_backend {
 protected:
  using body = std::function<task<>()>;

  /// All of them in a long run, every tenth otherwise.
  void walk(const body& scenario) {
    const long step = 11 - long_count(10);
    context c;
    sync_wait(c, scenario());
    long n = 1;
    // A hang ends the program.
    for (bool reached = true; reached; n += step) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      ::alarm(60);
      reached = run_once(c, scenario, n);
      result after = sync_wait(c, process("echo on").run());
      ASSERT_EQ(after.out, "on\n") << after.describe();
      if (HasFailure()) break;
    }
    ::alarm(0);
    RecordProperty("allocations", static_cast<int>(n));
  }

 private:
  // Whether there were so many.
  static bool run_once(context& c, const body& scenario, long n) {
    has_failed = false;
    until_failure = n;
    try {
      sync_wait(c, scenario());
    } catch (const std::bad_alloc&) {
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::not_enough_memory) << error.what();
    }
    until_failure = 0;
    return has_failed;
  }
};
EXECO_ON_EACH_BACKEND(failing_new);

/// Whole, or an end that says what was missing.
void check(const result& r, std::size_t bytes) {
  until_failure = 0;
  if (r.ok()) {
    EXPECT_EQ(r.out_bytes(), bytes) << r.describe();
    EXPECT_EQ(r.out.size() + r.out_dropped(), bytes) << r.describe();
    return;
  }
  EXPECT_EQ(r.error(), std::errc::not_enough_memory) << r.dump();
}

TEST_P(failing_new, of_a_captured_run) {
  walk([]() -> task<> {
    result r = co_await process("head -c 200000 /dev/zero").kill_timeout(50ms).run();
    check(r, 200'000);
  });
}

TEST_P(failing_new, of_head_and_tail_and_a_block) {
  walk([]() -> task<> {
    auto p = process("head -c 200000 /dev/zero").kill_timeout(50ms);
    result r = co_await std::move(p.out(capture(1000, overflow::head_and_tail()))).run();
    check(r, 200'000);
  });
}

TEST_P(failing_new, of_a_reader) {
  walk([]() -> task<> {
    auto p = process("seq 20000").out(pipe()).kill_timeout(50ms);
    p.start();
    int lines = 0;
    while (lines < 100 && co_await p.out().next_line()) ++lines;
    std::string rest = co_await p.out().read_all();
    result r = co_await p.wait();
    until_failure = 0;
    EXPECT_TRUE(lines == 100 || !r.ok()) << lines;
  });
}

TEST_P(failing_new, of_a_writer_and_a_search) {
  // Compiled before: a library of its own, which is no part of this.
  const patterns there = patterns().on("there");
  walk([&]() -> task<> {
    auto p = process("cat").in(pipe()).out(pipe()).kill_timeout(50ms);
    p.start();
    expect out(p.out(), there);
    bool written = false;
    try {
      co_await p.in().write("hello there\n");
      written = true;
    } catch (const std::system_error&) {
      // It was not started, or is ended: what it is about is the result.
    }
    if (written) (void)co_await out.next(5s);
    p.in().close();
    result r = co_await p.wait();
    until_failure = 0;
    EXPECT_TRUE(written || r.error() == std::errc::not_enough_memory) << r.dump();
  });
}

TEST_P(failing_new, of_a_terminal) {
  walk([]() -> task<> {
    auto p = process("head -n 1").pty(24, 80).input("hello\n").kill_timeout(50ms);
    (void)co_await std::move(p).run();
  });
}

TEST_P(failing_new, of_files_lines_and_handlers) {
  scratch_directory folder;
  walk([&]() -> task<> {
    std::size_t seen = 0;
    auto lines_seen = lines([&](std::string_view line) { seen += line.size(); });
    auto p = process("seq 20000")
                 .out(tee(capture(100), to_file(folder.path() + "/out"), lines_seen))
                 .kill_timeout(50ms);
    (void)co_await std::move(p).run();
  });
}

TEST_P(failing_new, of_a_lent_input_and_output) {
  walk([]() -> task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, 02000000), 0);
    detail::unique_fd reading(ends[0]), writing(ends[1]);
    EXPECT_EQ(::write(writing.get(), "hello\n", 6), 6);
    auto p = process("head -n 1").pty(24, 80).in(from_fd(reading.get())).kill_timeout(50ms);
    (void)co_await std::move(p.out(tee(capture(), to_fd(writing.get())))).run();
  });
}

TEST_P(failing_new, of_deadlines_and_stops) {
  walk([]() -> task<> {
    result r = co_await process("sleep 60").timeout(5ms).kill_timeout(50ms).run();
    (void)co_await timeout(process("sleep 60").kill_timeout(50ms).run(), 5ms);
    (void)co_await when_all(sleep(1ms), process("true").run());
  });
}

TEST_P(failing_new, of_a_kill_of_all_scopes) {
  for (kill_scope scope : {kill_scope::group, kill_scope::session, kill_scope::subreaper}) {
    walk([=]() -> task<> {
      auto p = process("sh -c 'sleep 60 & sleep 60'").kill_scope(scope).kill_timeout(50ms);
      (void)co_await std::move(p.timeout(20ms)).run();
    });
  }
}

TEST_P(failing_new, of_a_remote_host_and_an_action) {
  fleet_fixture fleet("127.9.0.[1-5]");
  ssh_options options;
  options.port = fleet.port();
  options.identities = {fleet.identity()};
  options.known_hosts = fleet.known_hosts();
  for (const char* hosts : {"127.9.0.1", "127.9.0.[1-5]"}) {
    walk([&]() -> task<> {
      auto action = remote("seq 500{{{index}}}", host_set(hosts)).ssh(options);
      action.kill_timeout(50ms);
      std::size_t seen = 0;
      auto with_lines =
          std::move(action).on_line([&](const output_line& line) { seen += line.text.size(); });
      with_lines.start();
      while (auto r = co_await with_lines.next()) {
        // What the end of the action, of which next() tells last, has kept from its end.
        bool given_up = r->how() == end_reason::not_started || r->how() == end_reason::cancelled;
        if (r->ok() || given_up) continue;
        EXPECT_EQ(r->error(), std::errc::not_enough_memory) << r->describe();
      }
    });
  }
}

TEST_P(failing_new, of_an_action_that_is_steered) {
  walk([]() -> task<> {
    auto jobs = local("true", 6).fanout(1).kill_timeout(50ms);
    jobs.start();
    jobs.suspend_launching();
    jobs.fanout(3);
    jobs.resume_launching();
    action_result end = co_await jobs.wait();
    until_failure = 0;
    EXPECT_EQ(end.all().size(), 6U);
  });
}

TEST_P(failing_new, is_not_what_a_tick_needs) {
  auto work = []() -> task<long> {
    ticker every(1us);
    co_await sleep(1ms);  // the loop makes room for timers once; a tick may be due already
    until_failure = 1'000;
    for (int i = 0; i < 100; ++i) co_await every.next();
    const long left = until_failure.exchange(0);
    co_return left;
  };
  EXPECT_EQ(sync_wait(work()), 1'000);
}

TEST_P(failing_new, of_a_rollout_whose_hosts_are_tried_again) {
  walk([]() -> task<> {
    local flaky("false", 3);
    flaky.retry(1, 1ms).idempotent();
    flaky.kill_timeout(50ms);
    auto all = rollout(std::move(flaky)).batch(2).max_fail(3).soak(1ms);
    all.on_batch([](const batch_report&) {});
    action_result r = co_await all.run();
    until_failure = 0;
    EXPECT_NE(all.verdict().how, rollout_end::none);
    EXPECT_EQ(all.stats().done, 3U);
    for (const host_result& one : r.all()) {
      bool given_up = one.how() == end_reason::not_started || one.how() == end_reason::cancelled;
      // Without memory to wait in there is no second attempt.
      if (given_up || one.exit_code() == 1) continue;
      EXPECT_EQ(one.error(), std::errc::not_enough_memory) << one.dump();
    }
  });
}

}  // namespace
}  // namespace execo::test
