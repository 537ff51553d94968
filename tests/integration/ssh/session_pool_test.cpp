// Connections that are kept for the next command on the same host, against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "child_processes.hpp"
#include "execo/context.hpp"
#include "execo/remote.hpp"
#include "execo/resume_on.hpp"
#include "execo/sleep.hpp"
#include "execo/start.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/when_all.hpp"
#include "leak_check.hpp"
#include "long_count.hpp"
#include "recorded_run.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::vector<host> addresses(int count) {
  std::vector<host> hosts;
  for (int i = 0; i < count; ++i)
    hosts.emplace_back("127.3." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250));
  return hosts;
}

/// One action on these hosts.
task<action_result> run_on(const std::vector<host>& hosts, std::string text, ssh_options options) {
  remote r(command(text), hosts);
  r.ssh(std::move(options));
  action_result all = co_await r.run();
  co_return all;
}

class session_pool : public ::testing::Test {
 public:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    start();
  }
  void start(const std::string& more = {}) {
    server.reset();
    server = std::make_unique<sshd_fixture>(more);
    options = options_for(*server);
  }
  std::unique_ptr<sshd_fixture> server;
  ssh_options options;
};

TEST_F(session_pool, serves_the_second_action_with_the_connection_of_the_first) {
  sync_wait([](session_pool& t) -> task<> {
    for (int i = 0; i < 3; ++i) {
      action_result all = co_await run_on(addresses(1), "echo " + std::to_string(i), t.options);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
      EXPECT_EQ(all.all()[0].out, std::to_string(i) + "\n");
      EXPECT_EQ(all.all()[0].connection(), i == 0 ? connection_use::made : connection_use::reused);
      EXPECT_EQ(all.stats().connections_made, i == 0 ? 1U : 0U);
      EXPECT_EQ(all.stats().connections_reused, i == 0 ? 0U : 1U);
    }
  }(*this));
  EXPECT_EQ(logins(*server), 1U);
}

TEST_F(session_pool, keeps_each_address_its_own_connection) {
  const int count = static_cast<int>(long_count(500));
  sync_wait([](session_pool& t, int hosts) -> task<> {
    for (int i = 0; i < 2; ++i) {
      action_result all = co_await run_on(addresses(hosts), "true", t.options);
      EXPECT_TRUE(all.ok()) << all.stats().ok;
    }
  }(*this, count));
  EXPECT_EQ(logins(*server), static_cast<std::size_t>(count));
}

TEST_F(session_pool, carries_input_output_and_a_terminal_on_a_connection_that_was_kept) {
  sync_wait([](session_pool& t) -> task<> {
    std::string big(300'000, 'x');
    for (int i = 0; i < 2; ++i) {
      remote copy("cat", addresses(1));
      copy.input(big).ssh(t.options);
      action_result all = co_await copy.run();
      EXPECT_EQ(all.all()[0].out.size(), big.size()) << all.all()[0].describe();
      action_result failed = co_await run_on(addresses(1), "echo no >&2; exit 7", t.options);
      EXPECT_EQ(failed.all()[0].status().code(), 7);
      EXPECT_EQ(failed.all()[0].err, "no\n");
      remote terminal("test -t 0 && stty size", addresses(1));
      terminal.pty(24, 80).ssh(t.options);
      action_result seen = co_await terminal.run();
      EXPECT_EQ(seen.all()[0].out, "24 80\r\n");
    }
  }(*this));
  EXPECT_EQ(logins(*server), 1U);
}

TEST_F(session_pool, does_not_share_what_other_options_made) {
  std::string other = server->directory() + "/other";
  std::filesystem::copy_file(server->identity(), other);
  std::vector<std::function<void(ssh_options&)>> changes{
      [](ssh_options&) {},
      [&](ssh_options& o) { o.identities = {other}; },
      [](ssh_options& o) { o.key_exchange = {"curve25519-sha256"}; },
      [](ssh_options& o) { o.tcp_keepalive = 7s; },
      [](ssh_options& o) { o.keepalive = 7s; },
      [](ssh_options& o) { o.reuse = false; },
      [this](ssh_options& o) { o.known_hosts = server->directory() + "/known"; },
      [](ssh_options& o) { o.limits.answer = 7s; },
  };
  sync_wait([](session_pool& t, auto& each) -> task<> {
    for (auto& change : each) {
      ssh_options o = t.options;
      change(o);
      action_result all = co_await run_on(addresses(1), "true", o);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
    }
  }(*this, changes));
  EXPECT_EQ(logins(*server), changes.size());
}

TEST_F(session_pool, knows_a_key_file_by_any_name_of_it) {
  std::filesystem::path before = std::filesystem::current_path();
  sync_wait([](session_pool& t) -> task<> {
    for (std::string folder : {t.server->directory(), std::string("/")}) {
      std::filesystem::current_path(folder);
      ssh_options o = t.options;
      o.identities = {folder == "/" ? t.server->identity() : "identity"};
      action_result all = co_await run_on(addresses(1), "true", o);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
    }
  }(*this));
  std::filesystem::current_path(before);
  EXPECT_EQ(logins(*server), 1U);
}

TEST_F(session_pool, shares_between_actions_whose_deadlines_differ) {
  sync_wait([](session_pool& t) -> task<> {
    for (int i = 1; i < 3; ++i) {
      ssh_options o = t.options;
      o.limits.establish = std::chrono::seconds(10 * i);
      action_result all = co_await run_on(addresses(1), "true", o);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
    }
  }(*this));
  EXPECT_EQ(logins(*server), 1U);
}

TEST_F(session_pool, of_another_user_of_the_same_host_is_another_one) {
  if (server->ordinary_user().empty()) GTEST_SKIP() << "no ordinary user";
  sync_wait([](session_pool& t) -> task<> {
    for (int i = 0; i < 4; ++i) {
      ssh_options o = t.options;
      if (i % 2 == 1) o.user = t.server->ordinary_user();
      action_result all = co_await run_on(addresses(1), "id -un", o);
      EXPECT_EQ(all.all()[0].out, o.user + "\n") << all.all()[0].describe();
    }
  }(*this));
  EXPECT_EQ(logins(*server), 2U);
}

TEST_F(session_pool, is_left_when_a_key_file_has_changed) {
  sync_wait([](session_pool& t) -> task<> {
    for (int i = 0; i < 2; ++i) {
      action_result all = co_await run_on(addresses(1), "true", t.options);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
      EXPECT_EQ(::chmod(t.server->identity().c_str(), 0400), 0);
    }
  }(*this));
  EXPECT_EQ(logins(*server), 2U);
}

TEST_F(session_pool, records_new_host_keys_and_serves_on) {
  options.host_key_policy = host_keys::accept_new;
  options.known_hosts = server->directory() + "/known_hosts_of_pool";
  sync_wait([](session_pool& t) -> task<> {
    for (int i = 0; i < 2; ++i) {
      action_result all = co_await run_on(addresses(5), "true", t.options);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
    }
  }(*this));
  EXPECT_EQ(logins(*server), 5U);
}

TEST_F(session_pool, reads_a_host_key_that_was_added_meanwhile) {
  options.host_key_policy = host_keys::strict;
  options.known_hosts = server->directory() + "/known_hosts_of_pool";
  auto add = [this](const std::string& name) {
    std::ofstream(options.known_hosts, std::ios::app)
        << "[" << name << "]:" << server->port() << " " << server->host_key() << "\n";
  };
  add("127.3.0.1");
  sync_wait([](session_pool& t, auto& more) -> task<> {
    action_result before = co_await run_on(addresses(2), "true", t.options);
    EXPECT_TRUE(before.all()[0].ok()) << before.all()[0].describe();
    EXPECT_EQ(before.all()[1].how(), end_reason::host_key_rejected);
    more("127.3.0.2");
    action_result after = co_await run_on(addresses(2), "true", t.options);
    EXPECT_TRUE(after.ok()) << after.all()[1].describe();
    EXPECT_EQ(after.all()[0].connection(), connection_use::reused);
  }(*this, add));
}

TEST_F(session_pool, uses_no_connection_whose_host_key_was_revoked_meanwhile) {
  options.host_key_policy = host_keys::strict;
  options.known_hosts = server->directory() + "/known_hosts_of_pool";
  auto add = [this](const std::string& mark) {
    std::ofstream(options.known_hosts, std::ios::app)
        << mark << "[127.3.0.1]:" << server->port() << " " << server->host_key() << "\n";
  };
  add("");
  sync_wait([](session_pool& t, auto& more) -> task<> {
    action_result before = co_await run_on(addresses(1), "true", t.options);
    EXPECT_TRUE(before.ok()) << before.all()[0].describe();
    more("@revoked ");
    action_result after = co_await run_on(addresses(1), "true", t.options);
    EXPECT_EQ(after.all()[0].how(), end_reason::host_key_rejected) << after.all()[0].describe();
  }(*this, add));
}

// The processes of the server that serve connections, whatever they are called.
void end_connections(const sshd_fixture& server, int signal) {
  for (pid_t pid : child_processes(server.pid())) (void)::kill(pid, signal);
}

TEST_F(session_pool, connects_once_more_to_a_host_whose_server_was_killed_meanwhile) {
  sync_wait([](session_pool& t) -> task<> {
    action_result before = co_await run_on(addresses(3), "true", t.options);
    EXPECT_TRUE(before.ok());
    end_connections(*t.server, SIGKILL);
    action_result after = co_await run_on(addresses(3), "echo on", t.options);
    EXPECT_TRUE(after.ok()) << after.all()[0].describe();
    EXPECT_EQ(after.all()[0].out, "on\n");
    EXPECT_EQ(after.stats().connections_made, 3U);
  }(*this));
  EXPECT_EQ(logins(*server), 6U);
}

// The loss is seen in the turn in which the command begins.
TEST_F(session_pool, connects_once_more_when_the_loss_is_seen_as_the_command_begins) {
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options);
  {
    recorded_run first(loop, shared, "127.3.0.1", "true");
    ASSERT_TRUE(first.run().exited) << first.context;
  }
  ASSERT_EQ(detail::kept_sessions(loop), 1U);
  end_connections(*server, SIGKILL);
  // A process that has ended has closed its socket.
  std::string children = "/proc/" + std::to_string(server->pid()) + "/task/" +
                         std::to_string(server->pid()) + "/children";
  for (std::string any = "any"; !any.empty();) {
    any.clear();
    std::ifstream(children) >> any;
  }
  recorded_run second(loop, shared, "127.3.0.1", "echo on");
  EXPECT_TRUE(second.run().exited) << second.context;
  EXPECT_EQ(second.out, "on\n");
  EXPECT_EQ(second.report.connection, connection_use::replaced);
}

// Stopped, not ended: nothing says that it is gone.
TEST_F(session_pool, connects_once_more_to_a_host_whose_server_is_silent) {
  std::vector<pid_t> stopped;
  sync_wait([](session_pool& t) -> task<> {
    action_result before = co_await run_on(addresses(1), "true", t.options);
    EXPECT_TRUE(before.ok());
    end_connections(*t.server, SIGSTOP);
    action_result after = co_await run_on(addresses(1), "echo on", t.options);
    EXPECT_EQ(after.all()[0].out, "on\n") << after.all()[0].describe();
    EXPECT_EQ(after.all()[0].connection(), connection_use::replaced);
    EXPECT_EQ(after.stats().connections_lost, 1U);
    end_connections(*t.server, SIGCONT);
  }(*this));
  EXPECT_EQ(logins(*server), 2U);
}

TEST_F(session_pool, closes_what_was_idle_for_its_time) {
  options.idle_close = 50ms;
  sync_wait([](session_pool& t) -> task<> {
    action_result first = co_await run_on(addresses(1), "true", t.options);
    EXPECT_TRUE(first.ok());
    for (int i = 0; i < 1000 && count_of(t.server->log(), "Received disconnect") == 0; ++i)
      co_await sleep(10ms);
    EXPECT_EQ(count_of(t.server->log(), "Received disconnect"), 1U) << t.server->log();
    action_result second = co_await run_on(addresses(1), "true", t.options);
    EXPECT_EQ(second.all()[0].connection(), connection_use::made);
  }(*this));
}

TEST_F(session_pool, closes_what_nothing_uses_when_asked_to) {
  context c;
  sync_wait(c, [](session_pool& t, context& in) -> task<> {
    action_result first = co_await run_on(addresses(2), "true", t.options);
    EXPECT_TRUE(first.ok());
    EXPECT_THAT(in.dump(), HasSubstr("kept, idle for"));
    close_idle_connections(in);
    co_await sleep(1ms);
    action_result second = co_await run_on(addresses(2), "true", t.options);
    EXPECT_EQ(second.stats().connections_made, 2U);
  }(*this, c));
  EXPECT_THAT(c.dump(), testing::Not(HasSubstr("kept")));
}

TEST_F(session_pool, keeps_no_more_than_it_may) {
  options.max_idle = 3;
  sync_wait([](session_pool& t) -> task<> {
    action_result first = co_await run_on(addresses(10), "true", t.options);
    EXPECT_TRUE(first.ok());
    action_result second = co_await run_on(addresses(10), "true", t.options);
    EXPECT_TRUE(second.ok());
    EXPECT_LE(second.stats().connections_reused, 3U);
    EXPECT_GE(second.stats().connections_made, 7U);
  }(*this));
}

// It may have left something behind that a signal for the next command would reach.
TEST_F(session_pool, does_not_keep_the_connection_of_a_command_that_was_ended) {
  sync_wait([](session_pool& t) -> task<> {
    remote r(command("echo up; sleep 1000"), addresses(1));
    r.timeout(200ms).ssh(t.options);
    action_result ended = co_await r.run();
    EXPECT_EQ(ended.all()[0].how(), end_reason::timed_out) << ended.all()[0].describe();
    action_result next = co_await run_on(addresses(1), "true", t.options);
    EXPECT_EQ(next.all()[0].connection(), connection_use::made);
  }(*this));
  EXPECT_TRUE(server->no_commands_left());
}

TEST_F(session_pool, leaves_alone_what_an_earlier_command_left_behind) {
  std::string mark = server->directory() + "/left";
  sync_wait([](session_pool& t, const std::string& file) -> task<> {
    action_result first = co_await run_on(
        addresses(1), "(sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >" + file + ")", t.options);
    EXPECT_TRUE(first.ok()) << first.all()[0].describe();
    remote r(command("echo up; sleep 1000"), addresses(1));
    r.timeout(200ms).ssh(t.options);
    action_result ended = co_await r.run();
    EXPECT_EQ(ended.all()[0].how(), end_reason::timed_out) << ended.all()[0].describe();
    EXPECT_EQ(ended.all()[0].connection(), connection_use::reused);
  }(*this, mark));
  pid_t left = 0;
  std::ifstream(mark) >> left;
  ASSERT_GT(left, 0);
  EXPECT_EQ(::kill(left, SIGKILL), 0) << "it was ended with the command after it";
}

class sessions_of_a_server : public session_pool, public ::testing::WithParamInterface<int> {};

TEST_P(sessions_of_a_server, suffice_for_forty_commands_at_once_and_again) {
  start("MaxSessions " + std::to_string(GetParam()) + "\nMaxStartups 100\n");
  std::vector<host> same(40, host("127.3.0.1"));
  sync_wait([](session_pool& t, const std::vector<host>& hosts) -> task<> {
    for (int i = 0; i < 2; ++i) {
      action_result all = co_await run_on(hosts, "echo $PPID", t.options);
      EXPECT_EQ(all.stats().ok, 40U);
      for (const host_result& r : all.all()) EXPECT_TRUE(r.ok()) << r.describe();
    }
  }(*this, same));
}

INSTANTIATE_TEST_SUITE_P(of, sessions_of_a_server, ::testing::Values(1, 2, 10));

TEST_F(session_pool, with_one_session_a_connection_runs_many_commands_in_turn) {
  start("MaxSessions 1\n");
  sync_wait([](session_pool& t) -> task<> {
    for (int i = 0; i < 20; ++i) {
      action_result all = co_await run_on(addresses(1), "true", t.options);
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
    }
  }(*this));
  // A new one is made when the server has not cleared the last channel away, which is up to it.
  EXPECT_LT(logins(*server), 20U);
}

// A context of several rings.
TEST_F(session_pool, serves_a_host_on_the_ring_that_has_its_connection) {
  context c(rings(3));
  sync_wait(c, [](session_pool& t) -> task<> {
    for (int i = 0; i < 3; ++i) {
      action_result all = co_await run_on(addresses(20), "true", t.options);
      EXPECT_TRUE(all.ok());
    }
  }(*this));
  EXPECT_EQ(logins(*server), 20U);
}

// Whoever needs a descriptor gets that of a connection which nothing uses.
TEST_F(session_pool, gives_way_when_descriptors_are_short) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  context c;
  std::size_t open = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
    ++open;
  rlimit narrow{open + 40, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
  sync_wait(c, [](session_pool& t) -> task<> {
    for (int i = 0; i < 3; ++i) {
      action_result all = co_await run_on(addresses(60), "true", t.options);
      EXPECT_TRUE(all.ok()) << all.stats().ok;
    }
  }(*this));
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

// 600 hosts each below a limit of 1,024, or a tenth of both.
TEST_F(session_pool, lets_two_actions_at_once_complete_with_few_descriptors) {
  const int count = long_count(600);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  context c;
  std::size_t open = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
    ++open;
  rlimit narrow{count == 600 ? 1024 : open + 80, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
  std::vector<host> all = addresses(2 * count);
  std::vector<host> half(all.begin(), all.begin() + count);
  std::vector<host> rest(all.begin() + count, all.end());
  auto action_on = [](session_pool& t, const std::vector<host>& hosts) -> task<action_result> {
    remote r("true", hosts);
    r.fanout(hosts.size()).ssh(t.options);
    action_result done = co_await r.run();
    co_return done;
  };
  auto both = sync_wait(c, when_all(action_on(*this, half), action_on(*this, rest)));
  EXPECT_EQ(std::get<0>(both).stats().ok, half.size());
  EXPECT_EQ(std::get<1>(both).stats().ok, rest.size());
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(session_pool_of_a_context, goes_with_it_while_another_thread_drives_it) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  accept_default_context();
  {
    context c;
    std::thread driver([&c] { c.run(); });
    action_result all = as_future(on(c, run_on(addresses(3), "true", options_for(server)))).get();
    EXPECT_TRUE(all.ok());
    c.stop();
    driver.join();
  }
  EXPECT_TRUE(server.no_commands_left());
}

}  // namespace
}  // namespace execo::test
