// Handles of single hosts while their action runs.
#include <gmock/gmock.h>

#include <stdexcept>
#include <thread>

#include "execo/composite.hpp"
#include "execo/sleep.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class live_hosts : public on_each_backend {
 protected:
  live_hosts() { hosts_.all_take(1h); }
  /// Hosts whose commands run: a signal ends those, where others are only given up.
  task<> until_running(const action& a, std::size_t count) {
    while (a.stats().running < count) co_await sleep(1ms);
    co_await sleep(2ms);
  }
  fake_hosts hosts_;
};
EXECO_ON_EACH_BACKEND(live_hosts);

TEST_P(live_hosts, say_where_they_are_and_end_one_by_one) {
  fake_action a(hosts_, 4);
  a.fanout(2);
  host_handle first = a.of("h0");
  host_handle last = a.of(host("h3"));
  EXPECT_EQ(last.index(), 3U);
  EXPECT_EQ(first.state(), host_state::waiting);
  first.kill();
  EXPECT_EQ(first.state(), host_state::waiting) << "it was not started";
  auto work = [&]() -> task<> {
    a.start();
    co_await until_running(a, 2);
    EXPECT_EQ(first.state(), host_state::running);
    EXPECT_EQ(last.state(), host_state::waiting);
    first.kill();
    while (first.state() != host_state::ended) co_await sleep(1ms);
    EXPECT_EQ(a.of("h2").state(), host_state::running) << "the next one has its place";
    last.kill();
    EXPECT_EQ(last.state(), host_state::ended);
    last.kill();
    auto end = co_await a.next();
    EXPECT_TRUE(end && end->host.name() == "h0" && end->how() == end_reason::signaled);
    end = co_await a.next();
    EXPECT_TRUE(end && end->host.name() == "h3" && end->how() == end_reason::not_started);
    a.kill();
    for (int i = 0; i < 2; ++i) {
      end = co_await a.next();
      EXPECT_TRUE(end && end->how() == end_reason::signaled);
    }
    end = co_await a.next();
    EXPECT_FALSE(end);
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.opened, 3);
  EXPECT_EQ(last.state(), host_state::ended);
  first.kill();
  EXPECT_EQ(to_string(host_state::waiting), "waiting");
  EXPECT_EQ(to_string(first.state()), "ended");
}

TEST_P(live_hosts, that_are_all_ended_before_their_turn_end_the_action) {
  fake_action a(hosts_, 3);
  a.fanout(1);
  auto work = [&]() -> task<action_result> {
    a.start();
    co_await until_running(a, 1);
    for (const char* name : {"h1", "h2", "h0"}) a.of(name).kill();
    co_return co_await a.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.hosts(end_reason::not_started), host_set("h[1-2]"));
  EXPECT_EQ(r["h0"].how(), end_reason::signaled);
  EXPECT_EQ(hosts_.opened, 1);
}

TEST_P(live_hosts, ended_before_a_stop_have_one_result) {
  fake_action a(hosts_, 5);
  a.fanout(1);
  auto work = [&]() -> task<action_result> {
    a.start();
    co_await until_running(a, 1);
    a.of("h3").kill();
    a.request_stop();
    co_return co_await a.wait();
  };
  auto r = sync_wait(work());
  EXPECT_EQ(r.all().size(), 5U);
  EXPECT_EQ(r.hosts(end_reason::not_started), host_set("h[1-4]"));
}

TEST_P(live_hosts, of_a_member_whose_turn_has_not_come_are_left_out) {
  fake_action a(hosts_, 1);
  fake_action b(hosts_, 2);
  b.state().hosts = {host("b0"), host("b1")};
  sequential all(std::move(a), parallel(std::move(b)));
  auto work = [&]() -> task<> {
    all.start();
    co_await until_running(all, 1);
    all.of("b0").kill();
    auto left_out = co_await all.next();
    EXPECT_TRUE(left_out && left_out->host.name() == "b0" && left_out->index == 1);
    EXPECT_EQ(all.of("b0").state(), host_state::ended);
    EXPECT_EQ(all.of("b1").state(), host_state::waiting);
    all.of("h0").kill();
    while (all.of("b1").state() != host_state::running) co_await sleep(1ms);
    co_await sleep(2ms);
    all.of("b1").kill();
    auto r = co_await all.wait();
    EXPECT_EQ(r.hosts(end_reason::signaled), host_set("h0,b1"));
    EXPECT_EQ(r.parts()[1].stats().count(end_reason::not_started), 1U);
    EXPECT_LT(r.parts()[1].stats().elapsed, 1h);
  };
  sync_wait(work());
}

TEST_P(live_hosts, are_found_by_what_the_action_calls_them) {
  fake_action a(hosts_, 3);
  a.state().hosts = {host("a@n1"), host("n1"), host("n2:22")};
  EXPECT_EQ(a.of("n1").index(), 1U);
  EXPECT_EQ(a.of("a@n1").index(), 0U);
  EXPECT_EQ(a.of("n2").index(), 2U);
  EXPECT_THROW((void)a.of("b@n1"), std::out_of_range);
  EXPECT_THROW((void)a.of("n3"), std::out_of_range);
  EXPECT_THROW((void)a.of("no host"), std::invalid_argument);
}

TEST_P(live_hosts, keep_the_action_and_take_signals_from_any_thread) {
  std::optional<host_handle> kept;
  auto work = [&]() -> task<> {
    auto a = std::make_unique<fake_action>(hosts_, 2);
    a->start();
    co_await until_running(*a, 2);
    kept = a->of("h1");
    a.reset();
    co_await sleep(2ms);
    EXPECT_EQ(kept->state(), host_state::running) << "it is a handle of the action";
    std::thread([&] { kept->kill(); }).join();
    while (kept->state() == host_state::running) co_await sleep(1ms);
    kept.reset();
  };
  sync_wait(work());
  EXPECT_EQ(hosts_.closed, 2);
}

}  // namespace
}  // namespace execo::test
