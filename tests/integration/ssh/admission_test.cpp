// Servers that take few connections at a time, or none: the first fail no host, and the second are
// not tried for each of the hosts that need them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "fake_peer.hpp"
#include "fleet_fixture.hpp"
#include "held_clock.hpp"
#include "long_count.hpp"
#include "process/lifecycle.hpp"
#include "recorded_run.hpp"
#include "slow_proxy.hpp"
#include "ssh/admission.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// 500 of them in a long run.
host_set targets(int count) {
  std::string set;
  for (int i = 0; i < count; ++i)
    set += (i == 0 ? "127.10." : ",127.10.") + std::to_string(i / 250) + "." +
           std::to_string(i % 250 + 1);
  return host_set(set);
}

// All targets are names of one address.
void name_one_address(ssh_options& of, const std::string& directory) {
  of.config_file = directory + "/ssh_config";
  std::ofstream(of.config_file) << "Host 127.10.*\nHostName 127.0.0.1\n";
}

std::size_t turned_away(const sshd_fixture& server) {
  return count_of(server.log(), "past MaxStartups");
}

class max_startups : public ::testing::Test {
 protected:
  static constexpr const char* few = "MaxStartups 10:30:60\n";

  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  }
  static void run(const ssh_options& how) {
    action_result all =
        sync_wait(remote("true", targets(long_count(500))).ssh(how).fanout(64).timeout(120s).run());
    int failed = 0;
    for (const host_result& one : all.all())
      if (!one.ok() && failed++ < 3) ADD_FAILURE() << one.describe();
    EXPECT_EQ(failed, 0);
  }
  static ssh_options options(const sshd_fixture& server) {
    ssh_options made = options_for(server);
    made.reuse = false;
    // The machine may be slow: it is all about who is let in.
    made.limits.establish = 100s;
    return made;
  }
};

TEST_F(max_startups, fails_no_name_of_an_address) {
  sshd_fixture server(few);
  ssh_options how = options(server);
  name_one_address(how, server.directory());
  run(how);
  EXPECT_GT(turned_away(server), 0U);
}

TEST_F(max_startups, fails_no_address_of_a_server) {
  sshd_fixture server(few);
  run(options(server));
  EXPECT_GT(turned_away(server), 0U);
}

TEST_F(max_startups, fails_no_host_behind_a_bastion) {
  sshd_fixture server(few), bastion;
  ssh_options how = options(server);
  how.identities.push_back(bastion.identity());
  how.jump.push_back(bastion.user() + "@127.0.0.1:" + std::to_string(bastion.port()));
  run(how);
}

TEST_F(max_startups, of_a_bastion_fails_no_host_behind_it) {
  sshd_fixture server("MaxStartups 1000\n"), bastion(few);
  ssh_options how = options(server);
  how.identities.push_back(bastion.identity());
  how.jump.push_back(bastion.user() + "@127.0.0.1:" + std::to_string(bastion.port()));
  run(how);
}

// -- names that only the resolver leads to one address
// ---------------------------------------------------------------------------

// Whose server has turned one connection away, which is still on its way.
class names_of_one_address : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server.emplace();
    ssh_options how = options_for(*server);
    how.reuse = false;
    how.handshakes = 1;
    shared = detail::make_ssh_environment(loop, how);
    for (const char* name : {"n1", "n2", "n3"})
      shared->names.remember(name, {*detail::endpoint::of_literal("127.0.0.1")});
    book = &loop.get().service<detail::admission>();
    book->name(other, shared->way + "127.0.0.1:" + std::to_string(server->port()));
    EXPECT_TRUE(book->enter(other, detail::admission::turn::last));
    book->turned_away(other);
  }
  void nothing() {}
  unsigned in_handshakes() { return loop.get().service<detail::handshake_budget>().in_flight(); }

  std::optional<sshd_fixture> server;
  driven_loop loop;
  std::shared_ptr<detail::ssh_environment> shared;
  detail::admission* book = nullptr;
  detail::admission::ticket other{detail::delegate<>::to<&names_of_one_address::nothing>(this)};
};

TEST_F(names_of_one_address, wait_for_each_other_and_not_in_the_way_of_others) {
  std::deque<recorded_run> named;
  for (const char* name : {"n1", "n2", "n3"}) named.emplace_back(loop, shared, name, "true").open();
  ASSERT_TRUE(loop.until([&] { return named[0].waits + named[1].waits + named[2].waits == 3; }));
  EXPECT_EQ(in_handshakes(), 0U);
  recorded_run elsewhere(loop, shared, "127.0.0.2", "true");
  EXPECT_EQ(elsewhere.run().status, exit_status::of_code(0)) << elsewhere.context;
  for (recorded_run& one : named) EXPECT_EQ(one.phases, std::vector{phase::resolve});
  EXPECT_EQ(logins(*server), 1U);
  book->leave(other);
  for (recorded_run& one : named) {
    EXPECT_EQ(one.run().status, exit_status::of_code(0)) << one.context;
    EXPECT_EQ(one.phases, (std::vector{phase::resolve, phase::resolve, phase::connect, phase::kex,
                                       phase::auth, phase::open, phase::run}));
  }
  EXPECT_EQ(book->size(), 1U) << "none but the other one's";
}

TEST_F(names_of_one_address, have_no_deadline_running_while_they_wait) {
  held_clock time(loop);
  deadlines limits;
  limits.establish = 5s;
  detail::intrusive_ptr<detail::lifecycle> run(
      new detail::lifecycle(loop, std::make_shared<const command>("true"), {},
                            detail::make_ssh_transport(shared, host("n1")), limits));
  run->start();
  ASSERT_TRUE(loop.until([&] { return in_handshakes() == 0; }));
  EXPECT_EQ(run->current_phase(), phase::resolve);
  time.pass(1h);
  EXPECT_FALSE(run->ended());
  EXPECT_EQ(logins(*server), 0U);
  book->leave(other);
  ASSERT_TRUE(loop.until([&] { return run->ended(); }));
  EXPECT_TRUE(run->final_result().ok()) << run->final_result().describe();
}

TEST_F(names_of_one_address, can_be_given_up_while_they_wait) {
  {
    recorded_run one(loop, shared, "n1", "true");
    one.open();
    ASSERT_TRUE(loop.until([&] { return one.waits == 1; }));
    one.close();
    ASSERT_TRUE(loop.until([&] { return one.closed; }));
    EXPECT_EQ(one.report.started, certainty::no);
  }
  book->leave(other);
  recorded_run next(loop, shared, "n2", "true");
  EXPECT_EQ(next.run().status, exit_status::of_code(0)) << next.context;
}

TEST_F(names_of_one_address, are_not_tried_where_others_have_failed) {
  detail::failure silent(end_reason::connect_failed, std::make_error_code(std::errc::timed_out),
                         "n0");
  silent.reason = failure_reason::no_banner;
  book->leave(other);
  book->failed(other, silent, 10s, detail::admission::max_weight);
  recorded_run one(loop, shared, "n1", "true");
  one.run();
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_THAT(one.context, HasSubstr("n1: not tried: 1 connection failed"));
  EXPECT_EQ(logins(*server), 0U);
}

// -- who does not answer
// ---------------------------------------------------------------------------

class dead_address : public ::testing::Test {
 protected:
  dead_address() : silent(1, way()) {
    silent.fall_silent();
    how.host_key_policy = host_keys::ignore;
    how.config_file = "none";
    how.agent = "none";
    how.limits.establish = 1500ms;
  }
  action_result run(int count) {
    return sync_wait(remote("true", targets(count)).ssh(how).fanout(16).run());
  }
  static int not_tried(const action_result& all) {
    int count = 0;
    for (const host_result& one : all.all())
      if (one.error_context().find("not tried: ") != std::string::npos) ++count;
    return count;
  }

  slow_proxy silent;
  ssh_options how;
};

TEST_F(dead_address, of_a_bastion_is_not_tried_for_each_host_behind_it) {
  how.jump.push_back("127.0.0.1:" + std::to_string(silent.port()));
  action_result all = run(400);
  EXPECT_LE(silent.accepted(), 4U);
  EXPECT_GE(not_tried(all), 300);
  const host_result& last = all.all()[399];
  EXPECT_EQ(last.how(), end_reason::connect_failed) << last.dump();
  EXPECT_EQ(last.reason(), failure_reason::no_banner) << last.dump();
  EXPECT_THAT(last.error_context(), HasSubstr("127.0.0.1 (hop 1 of 1): not tried: "));
}

TEST_F(dead_address, is_not_tried_for_each_of_its_names) {
  scratch_directory place;
  name_one_address(how, place.path());
  how.reuse = false;
  how.port = silent.port();
  action_result all = run(400);
  EXPECT_LE(silent.accepted(), 100U);
  EXPECT_GE(not_tried(all), 300);
  EXPECT_EQ(all.all()[399].reason(), failure_reason::no_banner) << all.all()[399].dump();
  EXPECT_THAT(all.all()[399].error_context(), HasSubstr(" connections in a row failed, the last"));
}

TEST_F(dead_address, is_tried_again_by_a_new_action) {
  how.jump.push_back("127.0.0.1:" + std::to_string(silent.port()));
  context c;
  for (unsigned i = 1; i <= 2; ++i) {
    action_result all = sync_wait(c, remote("true", targets(4)).ssh(how).run());
    EXPECT_EQ(silent.accepted(), i);
    EXPECT_EQ(not_tried(all), 0);
  }
}

TEST_F(dead_address, that_refuses_ends_all_hosts_behind_it_as_refused) {
  fake_peer nobody("127.0.0.1");
  nobody.stop_listening();
  how.jump.push_back("127.0.0.1:" + std::to_string(nobody.port()));
  action_result all = run(400);
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.how(), end_reason::connect_failed);
    EXPECT_EQ(one.reason(), failure_reason::refused) << one.dump();
  }
  EXPECT_GE(not_tried(all), 300);
}

}  // namespace
}  // namespace execo::test
