// An action's window, order, stops and handlers, over hosts played by timers.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <optional>
#include <thread>

#include "execo/sleep.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "process/local_transport.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class actions : public on_each_backend {
 protected:
  fake_hosts hosts_;
};
EXECO_ON_EACH_BACKEND(actions);

TEST_P(actions, run_gives_the_results_in_the_order_of_the_hosts) {
  hosts_.behaviour = [](const host& where) {
    script s;
    const int n = std::stoi(where.name().substr(1));
    s.takes = std::chrono::milliseconds(n % 2 == 0 ? 10 : 1);
    s.out = where.name() + "\n";
    return s;
  };
  fake_action a(hosts_, 30);
  auto r = sync_wait(a.run());
  ASSERT_EQ(r.all().size(), 30U);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(r.all()[i].index, i);
    EXPECT_EQ(r.all()[i].out, "h" + std::to_string(i) + "\n");
    EXPECT_TRUE(r.all()[i].ok());
  }
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.stats().ok, 30U);
  EXPECT_EQ(hosts_.closed, 30);
}

TEST_P(actions, next_gives_results_as_they_complete) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.takes = std::chrono::milliseconds(where.name() == "h0" ? 60 : where.name() == "h1" ? 30 : 1);
    return s;
  };
  fake_action a(hosts_, 3);
  std::vector<std::string> order;
  auto work = [&]() -> task<> {
    while (auto r = co_await a.next()) order.push_back(r->host.name());
    auto after = co_await a.next();
    EXPECT_FALSE(after);
  };
  sync_wait(work());
  EXPECT_THAT(order, ElementsAre("h2", "h1", "h0"));
}

TEST_P(actions, no_more_hosts_are_open_than_the_window_holds) {
  fake_action a(hosts_, 200);
  a.fanout(7);
  EXPECT_TRUE(sync_wait(a.run()).ok());
  EXPECT_EQ(hosts_.most_open, 7);
  EXPECT_EQ(hosts_.opened, 200);
}

TEST_P(actions, a_slow_reader_slows_the_action_down) {
  fake_action a(hosts_, 100);
  a.fanout(5);
  std::size_t taken = 0;
  auto work = [&]() -> task<> {
    while (auto r = co_await a.next()) {
      ++taken;
      co_await sleep(2ms);
      // Open now, or done and not taken.
      EXPECT_LE(static_cast<std::size_t>(hosts_.opened) - taken, 5U);
    }
  };
  sync_wait(work());
  EXPECT_EQ(taken, 100U);
}

TEST_P(actions, without_hosts_end_at_once_and_are_ok_only_where_that_is_allowed) {
  fake_action a(hosts_, 0);
  auto r = sync_wait(a.run());
  EXPECT_FALSE(r.ok());
  EXPECT_THROW(r.check(), process_error);
  EXPECT_TRUE(r.all().empty());
  fake_action allowed(hosts_, 0);
  allowed.state().allow_empty();
  EXPECT_TRUE(sync_wait(allowed.run()).check().ok());
  fake_action b(hosts_, 0);
  EXPECT_FALSE(sync_wait(b.next()));
}

TEST_P(actions, a_stop_ends_what_runs_and_begins_no_more) {
  hosts_.all_take(1h);
  fake_action a(hosts_, 20);
  a.fanout(6);
  auto work = [&]() -> task<std::optional<action_result>> {
    co_return co_await timeout(a.run(), 20ms);
  };
  EXPECT_FALSE(sync_wait(work()));
  EXPECT_EQ(hosts_.opened, 6);
  EXPECT_EQ(hosts_.closed, 6);
  auto r = sync_wait(a.run());
  EXPECT_EQ(r.stats().count(end_reason::cancelled), 6U);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 14U);
  EXPECT_EQ(r.all().size(), 20U);
  EXPECT_EQ(r.all()[19].how(), end_reason::not_started);
}

TEST_P(actions, a_stop_before_the_start_starts_nothing) {
  fake_action a(hosts_, 5);
  bool made = false;
  a.make_by([&](detail::loop& on, const host& where) {
    made = true;
    return std::make_unique<fake_transport>(on, hosts_, where);
  });
  auto work = [&]() -> task<std::size_t> {
    auto never = []() -> task<int> { co_return 0; };
    auto first = co_await when_any(never(), a.run());
    co_return first.index;
  };
  EXPECT_EQ(sync_wait(work()), 0U);
  EXPECT_FALSE(made);
  EXPECT_EQ(sync_wait(a.run()).stats().count(end_reason::not_started), 5U);
}

TEST_P(actions, deaf_hosts_are_killed_and_joined) {
  hosts_.behaviour = [](const host&) {
    script s;
    s.takes = 1h;
    s.deaf = true;
    return s;
  };
  fake_action a(hosts_, 3);
  a.state().commands.what.kill_timeout = 50ms;
  auto work = [&]() -> task<bool> {
    auto r = co_await timeout(a.run(), 20ms);
    co_return r.has_value();
  };
  EXPECT_FALSE(sync_wait(work()));
  EXPECT_EQ(hosts_.closed, 3);
  auto end = sync_wait(a.run());
  EXPECT_EQ(end.all().size(), 3U);
  for (const host_result& r : end.all()) EXPECT_TRUE(r.forced_kill());
}

TEST_P(actions, a_stop_of_next_loses_nothing) {
  hosts_.all_take(10ms);
  fake_action a(hosts_, 10);
  a.fanout(2);
  std::size_t taken = 0;
  int stops = 0;
  auto work = [&]() -> task<> {
    bool more = true;
    while (more) {
      std::stop_source source;
      try {
        auto r = co_await timeout(a.next(), 3ms);
        if (!r) {
          ++stops;
          continue;
        }
        if (*r) ++taken;
        more = r->has_value();
      } catch (const operation_cancelled&) {
        ++stops;
      }
    }
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.opened, 10);
  EXPECT_GT(stops, 0);
  // A result that came in the same turn as the deadline goes with the deadline; no more than that.
  EXPECT_GE(taken + static_cast<std::size_t>(stops), 10U);
}

TEST_P(actions, kill_ends_what_runs_and_lets_no_more_start) {
  hosts_.all_take(1h);
  fake_action a(hosts_, 9);
  a.fanout(4);
  auto work = [&]() -> task<action_result> {
    a.start();
    while (a.stats().running < 4) co_await sleep(1ms);
    co_await sleep(5ms);
    a.kill();
    co_return co_await a.run();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.stats().count(end_reason::signaled), 4U);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 5U);
  a.kill();
  a.request_stop();
}

TEST_P(actions, a_handle_that_is_dropped_takes_the_action_with_it) {
  hosts_.all_take(1h);
  auto work = [&]() -> task<> {
    fake_action a(hosts_, 50);
    a.fanout(10).start();
    while (hosts_.open < 10) co_await sleep(1ms);
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.opened, 10);
  EXPECT_EQ(hosts_.closed, 10);
}

TEST_P(actions, the_end_of_the_context_stops_an_action_whose_handle_lives_on) {
  hosts_.all_take(1h);
  fake_action a(hosts_, 50);
  a.fanout(10);
  auto work = [&]() -> task<> {
    a.start();
    while (hosts_.open < 10) co_await sleep(1ms);
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.opened, 10) << "no host is begun to be stopped";
  EXPECT_EQ(hosts_.closed, 10);
  auto r = sync_wait(a.run());
  EXPECT_EQ(r.stats().count(end_reason::cancelled), 10U);
  EXPECT_EQ(r.stats().count(end_reason::not_started), 40U);
}

TEST_P(actions, what_was_not_read_is_still_there_when_the_context_is_gone) {
  fake_action a(hosts_, 5);
  EXPECT_TRUE(sync_wait(a.next()));
  std::size_t more = 0;
  while (sync_wait(a.next())) ++more;
  EXPECT_EQ(more, 4U);
}

TEST_P(actions, handles_dropped_on_another_thread_at_any_moment) {
  for (int round = 0; round < 60; ++round) {
    context c;
    auto a = std::make_unique<fake_action>(hosts_, 40);
    a->fanout(static_cast<std::size_t>(1 + round % 3));
    a->state().chosen = &detail::loop_of(c);
    a->start();
    std::thread dropper;
    auto work = [&]() -> task<> {
      for (int i = 0; i < round % 7; ++i) co_await sleep(1ms);
      dropper = std::thread([&] { a.reset(); });
      co_await sleep(2ms);
    };
    sync_wait(c, work());
    dropper.join();
  }
  EXPECT_EQ(hosts_.opened, hosts_.closed);
}

TEST_P(actions, an_exception_of_a_line_handler_stops_the_action_and_comes_out) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.out = "line of " + where.name() + "\n";
    s.takes = where.name() == "h0" ? duration(5ms) : duration(1h);
    return s;
  };
  fake_action a(hosts_, 10);
  a.fanout(4);
  std::vector<std::string> lines;
  a.state().on_line = [&](const output_line& l) {
    lines.emplace_back(l.text);
    if (l.host.name() == "h0") throw std::runtime_error("handler");
  };
  EXPECT_THROW(sync_wait(a.run()), std::runtime_error);
  EXPECT_EQ(hosts_.opened, hosts_.closed);
  EXPECT_LE(hosts_.opened, 4);
}

TEST_P(actions, lines_are_told_as_they_come_with_their_host_and_stream) {
  hosts_.behaviour = [](const host&) {
    script s;
    s.out = "a\nb";
    s.err = "e\r\n";
    return s;
  };
  fake_action a(hosts_, 2);
  std::vector<std::string> seen;
  a.state().on_line = [&](const output_line& l) {
    seen.push_back(l.host.name() + (l.from == stream::out ? ":" : "!") + std::string(l.text) +
                   (l.complete ? "" : "..."));
  };
  auto r = sync_wait(a.run());
  EXPECT_THAT(
      seen, ::testing::UnorderedElementsAre("h0:a", "h0!e", "h0:b...", "h1:a", "h1!e", "h1:b..."));
  EXPECT_EQ(r.all()[0].out, "a\nb");
}

TEST_P(actions, handlers_hear_each_host_from_its_start_to_its_end) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.out = "a\nb";
    s.fails = where.name() == "h1";
    return s;
  };
  fake_action a(hosts_, 2);
  std::map<std::string, std::string> told;
  auto& what = a.state().commands.what;
  what.add_handler(on_start_call([&](const started_command& c) {
    EXPECT_EQ(c.name, "work");
    told[c.host.name()] += "start";
  }));
  what.add_handler(on_line_call(
      [&](const output_line& l) { told[l.host.name()] += " " + std::string(l.text); }));
  what.add_handler(on_end_call([&](const ended_command& c) {
    told[c.host.name()] += " " + std::string(to_string(c.result.how()));
  }));
  (void)sync_wait(a.run());
  EXPECT_EQ(told["h0"], "start a b exited");
  EXPECT_EQ(told["h1"], " connect_failed");
}

TEST_P(actions, an_exception_of_any_handler_stops_the_action_and_comes_out_once_all_have_ended) {
  for (int where = 0; where < 3; ++where) {
    hosts_.behaviour = [](const host& at) {
      script s;
      s.out = "line\n";
      s.takes = at.name() == "h0" ? duration(5ms) : duration(1h);
      return s;
    };
    fake_action a(hosts_, 10);
    a.fanout(4);
    auto& what = a.state().commands.what;
    auto fail = [](const auto& c) {
      if (c.host.name() == "h0") throw std::runtime_error("handler");
    };
    if (where == 0) what.add_handler(on_start_call(fail));
    if (where == 1) what.add_handler(on_line_call(fail));
    if (where == 2) what.add_handler(on_end_call(fail));
    std::size_t ends = 0;
    what.add_handler(on_end_call([&](const ended_command&) { ++ends; }));
    EXPECT_THROW(sync_wait(a.run()), std::runtime_error) << where;
    EXPECT_EQ(hosts_.opened, hosts_.closed);
    EXPECT_EQ(ends, 10U) << where;
    EXPECT_EQ(a.stats().done, 10U);
  }
}

TEST_P(actions, an_end_handler_that_throws_for_a_host_whose_turn_never_came_is_no_loop) {
  hosts_.all_take(1h);
  fake_action a(hosts_, 6);
  a.fanout(1);
  std::vector<std::size_t> ended;
  a.state().commands.what.add_handler(on_start_call([&](const started_command&) { a.kill(); }));
  a.state().commands.what.add_handler(
      on_end_call([&](const ended_command& c) { ended.push_back(c.index); }));
  a.state().commands.what.add_handler(
      on_end_call([&](const ended_command&) { throw std::runtime_error("end"); }));
  EXPECT_THROW(sync_wait(a.run()), std::runtime_error);
  EXPECT_THAT(ended, ::testing::UnorderedElementsAre(0U, 1U, 2U, 3U, 4U, 5U));
}

TEST_P(actions, a_factory_that_cannot_be_made_comes_out_of_run_and_next) {
  for (bool by_next : {false, true}) {
    fake_action a(hosts_, 3);
    a.make_by([](detail::loop&, const host&) -> std::unique_ptr<detail::transport> {
      throw std::invalid_argument("no such key");
    });
    if (by_next) {
      for (int i = 0; i < 3; ++i) EXPECT_EQ(sync_wait(a.next())->how(), end_reason::not_started);
      EXPECT_THROW(sync_wait(a.next()), std::invalid_argument);
    } else {
      EXPECT_THROW(sync_wait(a.run()), std::invalid_argument);
    }
  }
}

TEST_P(actions, a_factory_that_fails_for_a_later_host_comes_out_too) {
  fake_action a(hosts_, 10);
  a.fanout(2);
  a.make_by([this](detail::loop& on, const host& where) {
    if (where.name() == "h6") throw std::invalid_argument("h6");
    return std::make_unique<fake_transport>(on, hosts_, where);
  });
  EXPECT_THROW(sync_wait(a.run()), std::invalid_argument);
  EXPECT_EQ(hosts_.opened, hosts_.closed);
}

TEST_P(actions, a_low_limit_of_open_files_narrows_the_window_and_says_so) {
  context c;
  std::size_t open_now = 0;
  for (int fd = 0; fd < 1024; ++fd) open_now += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  lowered_limit limit(RLIMIT_NOFILE, open_now + 40);
  fake_action a(hosts_, 500);
  a.fanout(300);
  a.make_by(
      [this](detail::loop& on, const host& where) {
        return std::make_unique<fake_transport>(on, hosts_, where);
      },
      2);
  std::vector<std::string> notices;
  a.state().on_notice = [&](std::string_view text) { notices.emplace_back(text); };
  EXPECT_TRUE(sync_wait(c, a.run()).ok());
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_THAT(notices[0], HasSubstr("fanout reduced from 300 to "));
  EXPECT_LT(hosts_.most_open, 20);
  EXPECT_GE(hosts_.most_open, 1);
}

TEST_P(actions, side_by_side_do_not_both_count_on_all_descriptors) {
  context c;
  std::size_t open_now = 0;
  for (int fd = 0; fd < 1024; ++fd) open_now += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  lowered_limit limit(RLIMIT_NOFILE, open_now + 124);
  fake_action one(hosts_, 300);
  fake_action other(hosts_, 300);
  for (fake_action* a : {&one, &other}) a->fanout(80);
  auto work = [&]() -> task<> {
    auto both = co_await when_all(one.run(), other.run());
    EXPECT_TRUE(std::get<0>(both).ok());
    EXPECT_TRUE(std::get<1>(both).ok());
  };
  sync_wait(c, work());
  EXPECT_GT(hosts_.most_open, 80) << "the second one had a part";
  // Hosts that are played open nothing, and what the process has open counts as theirs.
  EXPECT_LE(hosts_.most_open, static_cast<int>(open_now) + 100);
}

TEST_P(actions, really_run_commands_through_the_local_transport) {
  fake_action a(hosts_, 40);
  a.fanout(8);
  a.state().commands.what = command("sh -c 'echo out; echo err >&2; exit 3'");
  a.make_by([](detail::loop& on, const host&) { return detail::make_local_transport(on); }, 5);
  auto r = sync_wait(a.run());
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.stats().bad_exits(), 40U);
  EXPECT_EQ(r.failed().size(), 40U);
  for (const host_result& one : r.all()) {
    EXPECT_EQ(one.out, "out\n");
    EXPECT_EQ(one.status().code(), 3);
  }
}

}  // namespace
}  // namespace execo::test
