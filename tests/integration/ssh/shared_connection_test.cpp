// Several commands at the same time on one connection, against a real server.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/fd.hpp"
#include "held_clock.hpp"
#include "process/lifecycle.hpp"
#include "recorded_run.hpp"
#include "ssh/session_pool.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

/// The processes that carry `mark` in their environment.
std::set<pid_t> bearers(const std::string& mark) {
  std::set<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    std::string text = file_bytes(entry.path() / "environ");
    if (('\0' + text).find('\0' + mark + '\0') != text.npos) found.insert(pid);
  }
  return found;
}

constexpr const char* takes_marks = "AcceptEnv LANG LC_*\n";

class shared_connection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  }
  void start(const std::string& more) {
    server = std::make_unique<sshd_fixture>(more + takes_marks);
    shared = detail::make_ssh_environment(loop, options_for(*server));
  }
  recorded_run& add(const std::string& text) {
    return runs.emplace_back(loop, shared, "127.1.0.1", text);
  }
  /// A variable of a command that no other test's has.
  std::string tag(int i) const {
    return "IT=" + std::to_string(server->port()) + "." + std::to_string(i);
  }
  void open_all() {
    for (recorded_run& r : runs) r.open();
  }
  /// Until each has written a line.
  void wait_for_lines() {
    for (recorded_run& r : runs)
      ASSERT_TRUE(loop.until([&r] { return r.failed || r.out.find('\n') != r.out.npos; }));
    for (recorded_run& r : runs) ASSERT_FALSE(r.failed) << r.context;
  }
  /// Of commands that `stays`.
  std::size_t connections() const {
    std::set<std::string> found;
    for (const recorded_run& r : runs) found.insert(r.out);
    return found.size();
  }
  void end_all() {
    for (recorded_run& r : runs) r.signal(SIGKILL);
    for (recorded_run& r : runs) r.run();
    EXPECT_TRUE(server->no_commands_left());
  }

  std::unique_ptr<sshd_fixture> server;
  driven_loop loop;
  std::shared_ptr<detail::ssh_environment> shared;
  std::deque<recorded_run> runs;
};

constexpr const char* stays = "echo $SSH_CONNECTION; exec sleep 600";

TEST_F(shared_connection, serves_sixteen_commands) {
  start("MaxSessions 20\n");
  for (int i = 0; i < 16; ++i) add(stays);
  open_all();
  wait_for_lines();
  EXPECT_EQ(connections(), 1U);
  EXPECT_EQ(logins(*server), 1U);
  end_all();
}

TEST_F(shared_connection, is_joined_while_it_serves) {
  start("");
  add(stays).open();
  wait_for_lines();
  for (int i = 0; i < 5; ++i) {
    recorded_run& r = add("echo $SSH_CONNECTION");
    EXPECT_EQ(r.run().out, runs.front().out);
    EXPECT_EQ(r.report.connection, connection_use::reused);
  }
  EXPECT_EQ(logins(*server), 1U);
  end_all();
}

TEST_F(shared_connection, has_a_second_one_beside_it_where_the_server_takes_ten) {
  start("");
  for (int i = 0; i < 16; ++i) add(stays);
  open_all();
  wait_for_lines();
  EXPECT_EQ(connections(), 2U);
  // Their ends know of the limit: the next sixteen do not ask again.
  end_all();
}

TEST_F(shared_connection, is_given_up_where_the_server_takes_no_mark) {
  server = std::make_unique<sshd_fixture>();
  shared = detail::make_ssh_environment(loop, options_for(*server));
  for (int i = 0; i < 4; ++i) add(stays);
  open_all();
  wait_for_lines();
  EXPECT_EQ(logins(*server), 4U);
  end_all();
}

TEST_F(shared_connection, leaves_text_arguments_and_exit_codes_as_they_are) {
  start("");
  add(stays).open();
  wait_for_lines();
  recorded_run& words = add("printf '%s|' \"$0\" a\\ b \"$#\"; exit 3");
  EXPECT_EQ(words.run().status, exit_status::of_code(3));
  recorded_run& copy = add("cat");
  copy.what.input = std::string(300'000, 'x');
  copy.what.has_input = true;
  EXPECT_EQ(copy.run().out.size(), 300'000U);
  recorded_run& terminal = add("test -t 0 && stty size");
  terminal.what.attributes.pty = true;
  terminal.what.attributes.pty_columns = 80;
  terminal.what.attributes.pty_rows = 24;
  EXPECT_EQ(terminal.run().out, "24 80\r\n");
  EXPECT_EQ(logins(*server), 1U);
  end_all();
}

struct victim_case {
  int signal;
  bool ordinary;
  bool terminal;
  std::size_t place;  // of the sixteen
};

class one_of_sixteen : public shared_connection,
                       public ::testing::WithParamInterface<victim_case> {};

// Those that get KILL have children that ignore what can be ignored.
TEST_P(one_of_sixteen, gets_its_signal_alone) {
  start("MaxSessions 20\n");
  const int number = GetParam().signal;
  const bool ordinary = GetParam().ordinary;
  const bool terminal = GetParam().terminal;
  const std::size_t place = GetParam().place;
  ssh_options options = options_for(*server);
  if (ordinary) options.user = server->ordinary_user();
  if (options.user.empty()) GTEST_SKIP() << "no ordinary user";
  shared = detail::make_ssh_environment(loop, options);
  std::string text = "; sh -c 'echo up; sleep 601; :'";
  if (number == SIGKILL)
    text = "; sleep 600 & sh -c 'trap \"\" TERM INT; echo up; sleep 602; sleep 603'";
  std::size_t children = number == SIGKILL ? 3 : 2;
  for (int i = 0; i < 16; ++i) add("export " + tag(i) + text).what.attributes.pty = terminal;
  open_all();
  wait_for_lines();
  EXPECT_EQ(logins(*server), 1U);
  // All but the shell, which has set the variable itself.
  std::vector<std::set<pid_t>> before(16);
  for (int i = 0; i < 16; ++i)
    ASSERT_TRUE(loop.until([&] {
      before[i] = bearers(tag(i));
      return before[i].size() == children;
    })) << i;
  recorded_run& victim = runs[place];
  if (number != SIGKILL) victim.end_scope(std::chrono::seconds(20));
  victim.signal(number);
  ASSERT_TRUE(loop.until([&victim] { return victim.exited || victim.failed; }));
  victim.close();
  ASSERT_TRUE(loop.until([&victim] { return victim.closed; }));
  // The helper has a second for KILL, however busy the machine is.
  if (number != SIGKILL) {
    EXPECT_EQ(victim.report.leftover, leftover_cause::none);
  }
  EXPECT_TRUE(loop.until([&] { return bearers(tag(static_cast<int>(place))).empty(); }));
  for (int i = 0; i < 16; ++i) {
    bool is_victim = i == static_cast<int>(place);
    EXPECT_EQ(bearers(tag(i)), is_victim ? std::set<pid_t>() : before[i]) << i;
    EXPECT_EQ(runs[i].exited || runs[i].failed, is_victim) << i;
  }
  end_all();
}

std::vector<victim_case> victims() {
  std::vector<victim_case> all;
  for (int number : {SIGTERM, SIGINT, SIGKILL})
    for (bool ordinary : {false, true})
      for (bool terminal : {false, true})
        for (std::size_t place : {std::size_t(0), std::size_t(7)}) {
          victim_case c{};
          c.signal = number;
          c.ordinary = ordinary;
          c.terminal = terminal;
          c.place = place;
          all.push_back(c);
        }
  return all;
}

INSTANTIATE_TEST_SUITE_P(with, one_of_sixteen, ::testing::ValuesIn(victims()), [](const auto& i) {
  const victim_case& c = i.param;
  return std::string(::sigabbrev_np(c.signal)) + (c.ordinary ? "_ordinary" : "_caller") +
         (c.terminal ? "_terminal" : "") + (c.place == 0 ? "_without_mark" : "_with_mark");
});

class shells_of_sixteen : public shared_connection,
                          public ::testing::WithParamInterface<const char*> {};

TEST_P(shells_of_sixteen, tell_their_commands_apart) {
  start("MaxSessions 20\n");
  ssh_options options = options_for(*server);
  options.user = server->user_with_shell(GetParam());
  if (options.user.empty()) GTEST_SKIP() << "no " << GetParam();
  shared = detail::make_ssh_environment(loop, options);
  for (int i = 0; i < 16; ++i) {
    std::string one = "env " + tag(i) + " sleep 60";
    add(one + "0 & " + one + "1 & echo up; " + one + "2");
  }
  open_all();
  wait_for_lines();
  EXPECT_EQ(logins(*server), 1U);
  std::vector<std::set<pid_t>> before(16);
  for (int i = 0; i < 16; ++i)
    ASSERT_TRUE(loop.until([&] {
      before[i] = bearers(tag(static_cast<int>(i)));
      return before[i].size() == 3;
    })) << i;
  std::set<std::size_t> victims{5, 0, 15};
  for (std::size_t place : victims) {
    runs[place].end_scope(std::chrono::seconds(20));
    runs[place].signal(SIGTERM);
  }
  for (std::size_t place : victims) {
    ASSERT_TRUE(loop.until([&] { return runs[place].exited || runs[place].failed; }));
    runs[place].close();
    ASSERT_TRUE(loop.until([&] { return runs[place].closed; }));
    EXPECT_EQ(runs[place].report.leftover, leftover_cause::none) << place;
  }
  for (std::size_t i = 0; i < 16; ++i) {
    bool is_victim = victims.count(i) > 0;
    EXPECT_EQ(runs[i].exited || runs[i].failed, is_victim) << i;
    EXPECT_EQ(bearers(tag(static_cast<int>(i))), is_victim ? std::set<pid_t>() : before[i]) << i;
  }
  end_all();
}

INSTANTIATE_TEST_SUITE_P(of, shells_of_sixteen,
                         ::testing::Values("bash", "dash", "csh", "tcsh", "fish", "zsh", "ksh93"),
                         [](const auto& i) { return std::string(i.param); });

TEST_F(shared_connection, of_a_reader_that_does_not_read_leaves_the_others_at_full_speed) {
  start("MaxSessions 20\n");
  std::string go = server->directory() + "/go";
  for (int i = 0; i < 15; ++i)
    add("echo up; while [ -d " + server->directory() + " ] && [ ! -e " + go +
        " ]; do sleep 0.05; done; head -c 4000000 /dev/zero");
  open_all();
  wait_for_lines();
  recorded_run& stalled = add("cat /dev/zero");
  stalled.open();
  stalled.pause(stream::out, true);
  // What comes of it until its window is closed.
  std::size_t kept = 0;
  ASSERT_TRUE(loop.until([&] {
    bool still = kept > 1'000'000 && kept == shared->held_back;
    kept = shared->held_back;
    return still;
  }));
  EXPECT_EQ(logins(*server), 1U);
  std::ofstream(go).close();
  for (std::size_t i = 0; i < 15; ++i)
    ASSERT_TRUE(loop.until([&] { return runs[i].out.size() == 4'000'003; }))
        << i << ": " << runs[i].out.size() << ", held back " << shared->held_back;
  EXPECT_EQ(stalled.out.size(), 0U);
  EXPECT_LE(shared->held_back, 1'408U * 1024);
  stalled.pause(stream::out, false);
  ASSERT_TRUE(loop.until([&] { return stalled.out.size() > 4'000'000; }));
  end_all();
  EXPECT_EQ(shared->held_back, 0U);
}

TEST_F(shared_connection, is_not_read_for_a_reader_that_is_alone_on_it) {
  start("");
  recorded_run& stalled = add("echo up; cat /dev/zero");
  stalled.open();
  wait_for_lines();
  stalled.pause(stream::out, true);
  ASSERT_TRUE(loop.until([&] { return shared->held_back >= 64U * 1024; }));
  loop.idle(std::chrono::milliseconds(100));
  EXPECT_LE(shared->held_back, 128U * 1024);
  // Another command on it is served all the same.
  recorded_run& other = add("echo on");
  EXPECT_EQ(other.run().out, "on\n");
  EXPECT_EQ(logins(*server), 1U);
  stalled.pause(stream::out, false);
  end_all();
}

// As if others of the environment had kept so much: then each keeps little.
class crowded_connection : public shared_connection {
 protected:
  void start_without_limits() {
    server = std::make_unique<sshd_fixture>(takes_marks);
    ssh_options options = options_for(*server);
    options.idle_close = duration(0);
    shared = detail::make_ssh_environment(loop, options);
  }
  void crowd() { shared->held_back += crowd_size; }
  void clear() { shared->held_back -= crowd_size; }

  static constexpr std::size_t crowd_size = 65U * 1024 * 1024;
};

TEST_F(crowded_connection, that_is_not_read_for_one_command_makes_no_other_one_silent) {
  using namespace std::chrono_literals;
  held_clock time(loop);
  start_without_limits();
  std::string go = server->directory() + "/go";
  std::string begun = server->directory() + "/begun";
  command what("echo up; : >" + begun + "; while [ -d " + server->directory() + " ] && [ ! -e " +
               go + " ]; do echo up; sleep 0.05; done; echo last; exec sleep 600");
  what.idle_timeout = 5s;
  std::unique_ptr<detail::transport> way = detail::make_ssh_transport(shared, host("127.1.0.1"));
  const detail::transport& seen = *way;
  detail::intrusive_ptr<detail::lifecycle> run(new detail::lifecycle(
      loop, std::make_shared<const command>(what), {}, std::move(way), deadlines()));
  run->start();
  ASSERT_TRUE(loop.until([&] { return std::filesystem::exists(begun); }));
  recorded_run& stalled = add("cat /dev/zero");
  stalled.open();
  stalled.pause(stream::out, true);
  crowd();
  ASSERT_TRUE(loop.until([&] {
    time.pass(1ms);
    return seen.unread_time() > 0s;
  }));
  for (int i = 0; i < 100; ++i) time.pass(1s);
  EXPECT_EQ(run->state(), detail::run_state::running) << "was ended for its silence";
  EXPECT_GE(seen.unread_time(), 100s);
  std::ofstream(go).close();
  clear();
  stalled.signal(SIGKILL);
  stalled.close();
  ASSERT_TRUE(loop.until([&] {
    time.pass(10ms);
    return run->ended() && stalled.closed;
  }));
  const result& end = run->final_result();
  EXPECT_EQ(end.how(), end_reason::timed_out) << end.describe();
  EXPECT_EQ(end.phase(), phase::idle);
  EXPECT_TRUE(end.out.ends_with("up\nlast\n")) << end.out.size();
  EXPECT_TRUE(server->no_commands_left());
  EXPECT_EQ(shared->held_back, 0U);
  // No timer outlives the clock.
  detail::join_members(loop);
}

TEST_F(shared_connection, that_is_lost_ends_all_its_commands) {
  start("");
  for (int i = 0; i < 5; ++i) add("echo $PPID; exec sleep 600");
  open_all();
  wait_for_lines();
  ASSERT_EQ(::kill(std::atoi(runs[0].out.c_str()), SIGKILL), 0);
  for (recorded_run& r : runs) {
    r.run();
    EXPECT_TRUE(r.failed);
    EXPECT_EQ(r.how, end_reason::connection_lost) << r.context;
    EXPECT_EQ(r.report.leftover, leftover_cause::connection_lost);
  }
  for (pid_t left : server->commands()) (void)::kill(left, SIGKILL);
}

// A signal that the server may have delivered is followed up by the helper only after a while: it
// is not there yet when the connection is lost.
TEST_F(shared_connection, that_is_lost_takes_no_signal_for_those_not_notified_yet) {
  start("");
  ssh_options options = options_for(*server);
  options.user = server->ordinary_user();
  if (options.user.empty()) GTEST_SKIP() << "no ordinary user";
  shared = detail::make_ssh_environment(loop, options);
  for (int i = 0; i < 3; ++i) add("trap '' USR1; echo $PPID; sleep 600");
  open_all();
  wait_for_lines();
  for (recorded_run& r : runs) r.signal(SIGUSR1);
  for (recorded_run& r : runs)
    r.tap = [this, &r] {
      if (!r.failed) return;
      for (recorded_run& other : runs)
        if (!other.failed) other.signal(SIGKILL);
    };
  ASSERT_EQ(::kill(std::atoi(runs[0].out.c_str()), SIGKILL), 0);
  for (recorded_run& r : runs) EXPECT_EQ(r.run().how, end_reason::connection_lost) << r.context;
  for (pid_t left : server->commands()) (void)::kill(left, SIGKILL);
}

TEST_F(shared_connection, goes_on_when_the_command_that_made_it_is_given_up_while_it_connects) {
  start("");
  for (int i = 0; i < 3; ++i) add("echo " + std::to_string(i));
  open_all();
  runs[0].close();
  EXPECT_EQ(runs[1].run().out, "1\n");
  EXPECT_EQ(runs[2].run().out, "2\n");
  EXPECT_EQ(logins(*server), 1U);
}

TEST_F(shared_connection, that_cannot_be_made_fails_all_who_wait_for_it) {
  // A bound port that does not listen refuses connections, and no other process gets it.
  detail::unique_fd closed(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(closed.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(closed.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ssh_options options;
  options.port = ntohs(address.sin_port);
  options.user = "nobody";
  options.host_key_policy = host_keys::ignore;
  shared = detail::make_ssh_environment(loop, options);
  for (int i = 0; i < 3; ++i) add("true");
  open_all();
  for (recorded_run& r : runs) {
    r.run();
    EXPECT_EQ(r.how, end_reason::connect_failed) << r.context;
    EXPECT_EQ(r.why, std::errc::connection_refused) << r.context;
  }
}

TEST_F(shared_connection, takes_no_further_command_after_a_signal) {
  start("");
  add("echo up; exec sleep 600");
  add("echo up; exec sleep 600");
  open_all();
  wait_for_lines();
  runs[0].signal(SIGUSR1);
  recorded_run& r = add("true");
  r.run();
  EXPECT_EQ(r.report.connection, connection_use::made);
  end_all();
}

TEST_F(shared_connection, is_kept_for_the_next_command_when_all_have_ended) {
  start("");
  for (int i = 0; i < 6; ++i) add("read x");
  for (recorded_run& r : runs) r.what.has_input = true;
  open_all();
  for (recorded_run& r : runs) {
    EXPECT_EQ(r.run().status, exit_status::of_code(1)) << r.context;
  }
  EXPECT_TRUE(loop.until([&] { return detail::kept_sessions(loop) == 1U; }));
  recorded_run& next = add("true");
  EXPECT_EQ(next.run().report.connection, connection_use::reused);
  EXPECT_EQ(logins(*server), 1U);
}

}  // namespace
}  // namespace execo::test
