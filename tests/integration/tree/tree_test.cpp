// Hosts that reach each other: the root in this process, agents on this machine, a shell in place
// of ssh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "fleet_fixture.hpp"
#include "sshd_fixture.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

class trees : public testing::Test {
 protected:
  trees() {
    static int count = 0;
    tag_ = std::to_string(::getpid()) + "." + std::to_string(count++);
    (void)::setenv("EXECO_TEST_TREE", tag_.c_str(), 1);
    way_.connector = "local";
  }
  ~trees() override { (void)::unsetenv("EXECO_TEST_TREE"); }

  remote on(const std::string& text, const std::string& set, tree shape = tree()) {
    return std::move(remote(text, set).ssh(way_).via(shape)).timeout(60s);
  }
  /// Processes that this test has started and that have this name, wherever they are now.
  std::vector<pid_t> processes(std::string_view name) const {
    std::vector<pid_t> found;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      if (test::file_bytes(entry.path() / "comm") != std::string(name) + "\n") continue;
      std::string around = test::file_bytes(entry.path() / "environ");
      if (around.find("EXECO_TEST_TREE=" + tag_ + '\0') != around.npos) found.push_back(pid);
    }
    return found;
  }
  /// Their keepers have no descriptors.
  std::vector<pid_t> agents() const {
    std::vector<pid_t> found = processes("execo-agent");
    std::erase_if(found, [](pid_t pid) {
      std::error_code gone;
      return !fs::is_symlink(fs::symlink_status("/proc/" + std::to_string(pid) + "/fd/0", gone));
    });
    return found;
  }
  bool are_gone(std::string_view name) const {
    auto end = std::chrono::steady_clock::now() + 30s;
    while (!processes(name).empty()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
  void expect_nothing_left() const {
    EXPECT_TRUE(are_gone("execo-agent"));
    EXPECT_TRUE(are_gone("sleep"));
  }

  ssh_options way_;
  std::string tag_;
};

TEST_F(trees, run_a_command_on_each_host_as_its_login_would) {
  action_result all = sync_wait(on("echo $EXECO_HOST; echo to err >&2; exit 3", "n[1-120]").run());
  ASSERT_EQ(all.all().size(), 120U);
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.status().code(), 3) << one.describe();
    EXPECT_EQ(one.out, one.host.name() + "\n");
    EXPECT_EQ(one.err, "to err\n");
    EXPECT_EQ(one.transport(), transport_kind::tree);
  }
  expect_nothing_left();
}

TEST_F(trees, have_the_shape_that_is_asked_for) {
  // The agent of a host is the grandchild of the agent that started it, behind its keeper.
  const char* depth = R"(p=$PPID n=0
while read -r _ comm _ parent _ <"/proc/$p/stat"; do
  case $comm in *execo-agent*) n=$((n + 1)) ;; esac
  [ "$parent" -gt 1 ] || break
  p=$parent
done
echo $n)";
  auto levels = [&](const tree& shape) {
    std::set<std::string> found;
    action_result all = sync_wait(on(depth, "n[1-40]", shape).run());
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      found.insert(one.out);
    }
    return found.size();
  };
  EXPECT_EQ(levels(tree().depth(1)), 1U);
  EXPECT_GE(levels(tree().arity(2)), 3U);
}

TEST_F(trees, carry_input_and_output_of_any_size) {
  std::string text(3'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
  auto all = sync_wait(on("cat", "n[1-5]").input(text).max_output(text.size()).run());
  for (const host_result& one : all.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_TRUE(one.out == text) << one.host.name();
  }
  expect_nothing_left();
}

TEST_F(trees, carry_more_commands_than_have_room_on_their_way) {
  std::string text = "echo $EXECO_HOST #" + std::string(100'000, 'x');
  auto all = sync_wait(on(text, "n[1-100]", tree().arity(2)).run());
  for (const host_result& one : all.all())
    EXPECT_EQ(one.out, one.host.name() + "\n") << one.describe();
  auto refused = sync_wait(on("echo #" + std::string(2'100'000, 'x'), "n[1-2]").run());
  EXPECT_EQ(refused.hosts(end_reason::unsupported).size(), 2U);
  expect_nothing_left();
}

// Without a tree they would be 64.
TEST_F(trees, run_all_commands_at_a_time_and_end_them_when_they_are_stopped) {
  constexpr std::size_t count = 70;
  context at;
  remote running = on("echo here; sleep 1000", "n[1-" + std::to_string(count) + "]").on(at);
  std::size_t started = 0;
  running.on_line([&](const output_line&) {
    if (++started == count) running.kill();
  });
  action_result all = sync_wait(at, running.run());
  EXPECT_EQ(all.hosts(end_reason::signaled).size(), count) << all.describe();
  expect_nothing_left();
}

TEST_F(trees, run_no_more_commands_at_a_time_than_they_may) {
  constexpr std::size_t count = 12, together = 3;
  const test::temp_folder folder;
  context at;
  remote running =
      on("echo $EXECO_HOST; while [ ! -e " + (folder / "$EXECO_HOST") + " ]; do sleep 0.01; done",
         "n[1-12]", tree().arity(2))
          .fanout(together)
          .on(at);
  std::size_t started = 0, ended = 0, most = 0;
  std::vector<std::string> waiting;
  running.on_end([&](const ended_command&) { ++ended; });
  running.on_line([&](const output_line& line) {
    waiting.emplace_back(line.text);
    most = std::max(most, ++started - ended);
    if (started - ended < together && started < count) return;
    for (const std::string& host : waiting) (void)folder.write(host, "");
    waiting.clear();
  });
  action_result all = sync_wait(at, running.run());
  EXPECT_TRUE(all.ok()) << all.describe();
  EXPECT_EQ(started, count);
  EXPECT_EQ(most, together);
  expect_nothing_left();
}

TEST_F(trees, end_a_command_that_takes_too_long) {
  auto all = sync_wait(on("trap '' TERM; sleep 1000 & wait; wait", "n[1-20]")
                           .timeout(300ms)
                           .kill_timeout(200ms)
                           .run());
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.how(), end_reason::timed_out) << one.describe();
    EXPECT_FALSE(one.may_still_run()) << one.describe();
  }
  expect_nothing_left();
}

TEST_F(trees, lose_the_hosts_of_an_agent_that_is_killed_and_no_others) {
  context at;
  remote running = on("echo here; sleep 1000", "n[1-60]", tree().arity(4)).on(at);
  std::size_t started = 0;
  bool is_killed = false;
  running.on_line([&](const output_line&) {
    if (++started != 60) return;
    // Not the first one: that may be the child of this process.
    std::vector<pid_t> all = agents();
    ASSERT_EQ(all.size(), 60U);
    (void)::kill(all[all.size() / 2], SIGKILL);
    is_killed = true;
  });
  running.timeout(10s);
  action_result all = sync_wait(at, running.run());
  EXPECT_TRUE(is_killed);
  std::size_t lost = all.hosts(end_reason::connection_lost).size();
  EXPECT_GE(lost, 1U) << all.describe();
  EXPECT_LT(lost, 60U) << all.describe();
  EXPECT_EQ(lost + all.hosts(end_reason::timed_out).size(), 60U) << all.describe();
  for (const host_result* one : all.failed()) {
    if (one->how() != end_reason::connection_lost) continue;
    EXPECT_FALSE(one->error_context().empty()) << one->describe();
  }
  expect_nothing_left();
}

TEST_F(trees, say_which_hosts_could_not_be_reached) {
  way_.connector = "/nonexistent/way %h";
  auto all = sync_wait(on("true", "n[1-60]").run());
  EXPECT_EQ(all.failed().size(), 60U);
  for (const host_result* one : all.failed()) {
    EXPECT_NE(one->how(), end_reason::exited) << one->describe();
    EXPECT_THAT(one->describe(), HasSubstr(one->host.name()));
    EXPECT_EQ(one->started_command(), certainty::no);
  }
}

// The ssh of the hosts is real; what stands before it gives it the configuration of this test.
TEST_F(trees, reach_hosts_of_a_trusted_site_by_the_ssh_of_their_hosts) {
  if (!test::sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
  test::scratch_directory folder;
  test::sshd_fixture server("MaxStartups 1000\nSetEnv PATH=" + folder.path() + ":/usr/bin:/bin\n");
  std::ofstream(folder.path() + "/known")
      << "[127.3.0.*]:" << server.port() << ' ' << server.host_key() << '\n';
  std::ofstream(folder.path() + "/config")
      << "IdentityFile " << server.identity() << "\nIdentityAgent none\nStrictHostKeyChecking yes\n"
      << "UserKnownHostsFile " << folder.path() << "/known\n";
  std::ofstream(folder.path() + "/ssh")
      << "#!/bin/sh\necho >>" << folder.path() << "/starts\nexec /usr/bin/ssh -F " << folder.path()
      << "/config \"$@\"\n";
  fs::permissions(folder.path() + "/ssh", fs::perms(0755));

  ssh_options way;
  way.port = server.port();
  way.user = server.user();
  way.identities = {server.identity()};
  way.agent = "none";
  way.known_hosts = folder.path() + "/known";
  way.config_file = "none";
  auto run = [&](const tree& shape) {
    action_result all =
        sync_wait(remote("echo $SSH_CONNECTION", "127.3.0.[1-40]").ssh(way).via(shape).run());
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_THAT(one.out, HasSubstr(" " + one.host.name() + " "));
    }
    return std::ranges::count(test::file_bytes(folder.path() + "/starts"), '\n');
  };
  EXPECT_EQ(run(tree().depth(1)), 0);
  EXPECT_GE(run(tree().site_trust().arity(3)), 20);
  EXPECT_TRUE(server.no_commands_left());
}

TEST_F(trees, are_refused_with_what_they_cannot_do) {
  EXPECT_THROW((void)tree().arity(5000), std::invalid_argument);
  EXPECT_THROW((void)tree().orphan_grace(-1s), std::invalid_argument);
}

}  // namespace
}  // namespace execo
