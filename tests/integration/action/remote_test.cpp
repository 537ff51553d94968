// execo::remote over real ssh connections: what the public interface promises of many hosts.
#include <gtest/gtest.h>

#include <execo/execo.hpp>
#include <map>
#include <thread>

#include "fleet_way.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

task<std::size_t> count_exact(remote up) {
  std::size_t exact = 0;
  while (auto h = co_await up.next()) {
    EXPECT_TRUE(h->ok()) << h->describe();
    if (h->out.size() == 1'000'000 && h->out == h->err) ++exact;
  }
  co_return exact;
}

TEST(remote, a_megabyte_on_each_stream_of_a_hundred_hosts_comes_back_exact) {
  fleet_fixture fleet("127.4.0.[1-100]");
  auto up = remote("head -c 1000000 /dev/urandom | tee /dev/stderr", host_set("127.4.0.[1-100]"))
                .fanout(100)
                .drain_timeout(1min)
                .ssh(way_to(fleet));
  EXPECT_EQ(sync_wait(count_exact(std::move(up))), 100u);
}

TEST(remote, run_gives_all_results_in_the_order_of_the_hosts) {
  fleet_fixture fleet("127.4.0.[1-50]", {"--fault", "127.4.0.7:exit-3"});
  auto up = remote("echo $FLEET_HOST", host_set("127.4.0.[1-50]")).ssh(way_to(fleet));
  action_result all = sync_wait(up.run());
  ASSERT_EQ(all.all().size(), 50u);
  EXPECT_FALSE(all.ok());
  EXPECT_EQ(all.stats().ok, 49u);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(all.all()[i].index, i);
    EXPECT_EQ(all.all()[i].out, all.all()[i].host.name() + "\n");
  }
  ASSERT_EQ(all.failed().size(), 1u);
  EXPECT_EQ(all.failed()[0]->host.name(), "127.4.0.7");
  EXPECT_THROW(all.check(), process_error);
}

TEST(remote, hosts_are_spread_over_all_rings_and_lines_and_results_come_on_the_first) {
  fleet_fixture fleet("127.4.0.[1-60]", {"--fault", "127.4.0.7:exit-3"});
  context c(rings(4));
  const auto here = std::this_thread::get_id();
  std::map<std::string, int> lines;
  bool always_here = true;
  auto up = remote("for i in 1 2 3; do echo $FLEET_HOST $i; done", host_set("127.4.0.[1-60]"))
                .fanout(30)
                .ssh(way_to(fleet))
                .on_line([&](const output_line& l) {
                  always_here = always_here && std::this_thread::get_id() == here;
                  int& n = lines[std::string(l.host.name())];
                  EXPECT_EQ(l.text, std::string(l.host.name()) + " " + std::to_string(++n));
                });
  auto work = [](remote hosts, std::thread::id home) -> task<std::size_t> {
    std::size_t good = 0;
    while (auto h = co_await hosts.next()) {
      EXPECT_EQ(std::this_thread::get_id(), home);
      good += h->ok() ? 1u : 0u;
    }
    co_return good;
  };
  EXPECT_EQ(sync_wait(c, work(std::move(up), here)), 59u);
  EXPECT_TRUE(always_here);
  ASSERT_GE(lines.size(), 59u);
}

TEST(remote, hosts_on_every_ring_share_the_output_budget_of_the_context) {
  fleet_fixture fleet("127.4.0.[1-40]");
  constexpr std::size_t limit = 1'000'000;
  constexpr std::size_t always = 4096;
  constexpr std::size_t each = 100'000;
  context c(rings(3), output_budget(limit));
  auto flood = [&] {
    return remote("head -c 100000 /dev/zero | tee /dev/stderr", host_set("127.4.0.[1-40]"))
        .fanout(10)
        .ssh(way_to(fleet));
  };
  {
    action_result all = sync_wait(c, flood().run());
    EXPECT_TRUE(all.ok()) << all.describe();
    std::size_t kept = 0;
    for (const host_result& r : all.all()) {
      EXPECT_GE(std::min(r.out.size(), r.err.size()), always);
      EXPECT_EQ(r.out.size() + r.out_dropped(), each);
      EXPECT_EQ(r.err.size() + r.err_dropped(), each);
      kept += r.out.size() + r.err.size();
    }
    EXPECT_EQ(c.kept_output(), kept);
    EXPECT_LE(kept, limit + 80 * always);
    EXPECT_EQ(all.all().back().dropped_by(), output_limit::context);
  }
  EXPECT_EQ(c.kept_output(), 0u);
  // Ten at a time would not find room for all they write, but results are dropped as they come.
  auto drop = [](remote hosts) -> task<std::size_t> {
    std::size_t ok = 0;
    while (auto h = co_await hosts.next()) ok += h->ok() ? 1u : 0u;
    co_return ok;
  };
  EXPECT_EQ(sync_wait(c, drop(flood())), 40u);
  EXPECT_EQ(c.kept_output(), 0u);
}

TEST(remote, a_stop_reaches_the_hosts_on_every_ring) {
  fleet_fixture fleet("127.4.0.[1-40]");
  context c(rings(3));
  std::stop_source stop;
  std::size_t lines = 0;
  auto up = remote("echo up; sleep 60", host_set("127.4.0.[1-40]"))
                .fanout(10)
                .ssh(way_to(fleet))
                .on_line([&](const output_line&) {
                  if (++lines == 10) stop.request_stop();
                });
  auto all = sync_wait(c, with_stop(std::move(up).run(), stop.get_token()));
  EXPECT_EQ(all.stats().count(end_reason::cancelled), 10u);
  EXPECT_EQ(all.stats().count(end_reason::not_started), 30u);
}

// Lines between two rings are not kept without bound.
TEST(remote, a_slow_handler_slows_hosts_on_other_rings_and_misses_nothing) {
  fleet_fixture fleet("127.4.0.[1-4]");
  context c(rings(2));
  std::size_t bytes = 0;
  auto up = remote("seq 1 400000", host_set("127.4.0.[1-4]"))
                .max_output(1000)
                .ssh(way_to(fleet))
                .on_line([&](const output_line& l) { bytes += l.text.size() + 1; });
  auto all = sync_wait(c, std::move(up).run());
  EXPECT_TRUE(all.ok());
  EXPECT_EQ(bytes, 4 * 2'688'895u);
}

TEST(remote, a_stop_ends_what_runs_and_starts_nothing_more) {
  fleet_fixture fleet("127.4.0.[1-20]");
  auto up = remote("echo up; sleep 60", host_set("127.4.0.[1-20]")).fanout(5).ssh(way_to(fleet));
  std::size_t lines = 0;
  std::stop_source stop;
  auto watched = std::move(up).kill_timeout(500ms).on_line([&](const output_line&) {
    if (++lines == 5) stop.request_stop();
  });
  action_result all = sync_wait(with_stop(watched.run(), stop.get_token()));
  EXPECT_EQ(all.stats().count(end_reason::cancelled), 5u);
  EXPECT_EQ(all.stats().count(end_reason::not_started), 15u);
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(remote, a_deadline_does_not_begin_while_a_host_waits_for_its_turn) {
  fleet_fixture fleet("127.4.0.[1-40]");
  ssh_options how = way_to(fleet);
  how.handshakes = 1;
  how.limits.establish = 5s;
  auto up = remote("true", host_set("127.4.0.[1-40]")).fanout(40).timeout(5s).ssh(how);
  EXPECT_TRUE(sync_wait(up.run()).ok());
}

TEST(remote, a_key_file_that_cannot_be_read_is_misuse) {
  ssh_options how;
  how.identities.emplace_back("/does/not/exist");
  auto up = remote("true", host_set("127.4.0.1")).ssh(how);
  EXPECT_THROW((void)sync_wait(up.run()), std::invalid_argument);
}

TEST(remote, words_arrive_as_they_are_and_text_is_for_the_shell) {
  fleet_fixture fleet("127.4.0.1");
  std::vector<std::string> words{"printf", "%s|", "a b", "$HOME", "'", "*"};
  std::vector<host> hosts{host("127.4.0.1")};
  auto quoted = remote(command(words), hosts).ssh(way_to(fleet));
  EXPECT_EQ(sync_wait(quoted.run()).all().at(0).out, "a b|$HOME|'|*|");
  auto text = remote("echo $((6 * 7))", hosts).ssh(way_to(fleet));
  EXPECT_EQ(sync_wait(text.run()).all().at(0).out, "42\n");
}

}  // namespace
}  // namespace execo::test
