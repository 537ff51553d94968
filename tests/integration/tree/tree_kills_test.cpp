// What is left of a tree, and of its results, when parts of it are killed, stopped or do not
// listen.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "long_count.hpp"
#include "program.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;

bool is_long_run() { return test::long_count(10) == 10; }

class trees_with_victims : public testing::Test {
 protected:
  trees_with_victims() {
    static int count = 0;
    tag_ = "victims." + std::to_string(::getpid()) + "." + std::to_string(count++);
    (void)::setenv("EXECO_TEST_TREE", tag_.c_str(), 1);
    (void)::setenv("EXECO_TEST_FOLDER", (folder_ / ".").c_str(), 1);
    way_.connector = "local";
  }
  ~trees_with_victims() override {
    (void)::unsetenv("EXECO_TEST_TREE");
    (void)::unsetenv("EXECO_TEST_FOLDER");
  }

  /// All that this test has started and that lives on, wherever it is now.
  std::vector<pid_t> processes() const {
    std::vector<pid_t> found;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      std::string around = test::file_bytes(entry.path() / "environ");
      if (around.find("EXECO_TEST_TREE=" + tag_ + '\0') != around.npos) found.push_back(pid);
    }
    return found;
  }
  static bool is_agent(pid_t pid) {
    std::string folder = "/proc/" + std::to_string(pid);
    std::error_code gone;
    // A keeper has no descriptors.
    return test::file_bytes(folder + "/comm") == "execo-agent\n" &&
           fs::is_symlink(fs::symlink_status(folder + "/fd/0", gone));
  }
  static bool has_agents_below(pid_t pid) {
    std::string name = std::to_string(pid);
    std::ifstream children("/proc/" + name + "/task/" + name + "/children");
    for (pid_t child = 0; children >> child;)
      if (test::file_bytes("/proc/" + std::to_string(child) + "/comm") == "execo-agent\n")
        return true;
    return false;
  }
  std::vector<pid_t> inner_agents() const {
    std::vector<pid_t> found = processes();
    std::erase_if(found, [](pid_t pid) { return !is_agent(pid) || !has_agents_below(pid); });
    return found;
  }
  void expect_nothing_left() const {
    auto end = std::chrono::steady_clock::now() + 60s;
    while (!processes().empty() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(5ms);
    EXPECT_EQ(processes().size(), 0U);
  }
  std::vector<std::string> started() const {
    std::vector<std::string> names;
    std::ifstream log(folder_ / "log");
    for (std::string name; std::getline(log, name);) names.push_back(name);
    return names;
  }

  ssh_options way_;
  std::string tag_;
  test::temp_folder folder_;
};

TEST_F(trees_with_victims, end_every_host_and_start_none_twice) {
  const std::size_t count = is_long_run() ? 2'000 : 200;
  const unsigned seeds = is_long_run() ? 100 : 2;
  // Each command takes a line of it, once agents were killed.
  const std::string gate = folder_ / "gate";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  for (unsigned seed = 0; seed < seeds; ++seed) {
    std::ofstream(folder_ / "log", std::ios::trunc).close();
    const detail::unique_fd lines_of_gate(::open(gate.c_str(), O_RDWR | O_CLOEXEC));
    context at;
    remote running = remote(
                         "echo $EXECO_HOST >>$EXECO_TEST_FOLDER/log; echo here; "
                         "read line <$EXECO_TEST_FOLDER/gate",
                         "n[1-" + std::to_string(count) + "]")
                         .ssh(way_)
                         .via(tree().arity(6))
                         .on(at)
                         .timeout(300s);
    std::size_t lines = 0, killed = 0;
    running.on_line([&](const output_line&) {
      if (++lines != count / 2) return;
      std::vector<pid_t> victims = inner_agents();
      std::shuffle(victims.begin(), victims.end(), std::mt19937(seed));
      victims.resize((victims.size() + 9) / 10);
      for (pid_t victim : victims) killed += ::kill(victim, SIGKILL) == 0 ? 1 : 0;
      const std::string all_lines(count, '\n');
      EXPECT_EQ(::write(lines_of_gate.get(), all_lines.data(), count), std::ssize(all_lines));
    });
    action_result all = sync_wait(at, running.run());
    EXPECT_GE(killed, 1U);

    std::vector<std::string> names = started();
    std::multiset<std::string> starts(names.begin(), names.end());
    ASSERT_EQ(all.all().size(), count);
    std::size_t lost = 0;
    for (const host_result& one : all.all()) {
      EXPECT_LE(starts.count(one.host.name()), 1U) << one.describe();
      if (one.ok()) {
        EXPECT_EQ(starts.count(one.host.name()), 1U) << one.describe();
        continue;
      }
      ++lost;
      EXPECT_THAT(one.how(), AnyOf(end_reason::connection_lost, end_reason::connect_failed))
          << one.describe();
      EXPECT_THAT(one.describe(), AnyOf(HasSubstr(": the agent of n"), HasSubstr("through n"),
                                        HasSubstr(": the link to its agent")));
    }
    EXPECT_GE(lost, 1U);
    EXPECT_LT(lost, count);
    expect_nothing_left();
  }
}

TEST_F(trees_with_victims, go_on_beside_hosts_that_do_not_read_and_do_not_end) {
  context at;
  std::string input(1'000'000, 'i');
  remote running = remote(
                       "case $EXECO_HOST in n1) exec yes ;; n2) exec sleep 1000 ;; esac; "
                       "wc -c; echo done",
                       "n[1-40]")
                       .ssh(way_)
                       .via(tree().arity(3))
                       .on(at)
                       .input(input)
                       .max_output(65'536)
                       .timeout(60s);
  std::size_t done = 0;
  running.on_line([&](const output_line& line) {
    if (line.text == "done" && ++done == 38) running.kill();
  });
  action_result all = sync_wait(at, running.run());
  for (const host_result& one : all.all()) {
    bool is_odd = one.host.name() == "n1" || one.host.name() == "n2";
    EXPECT_EQ(one.ok(), !is_odd) << one.describe();
    if (is_odd) continue;
    EXPECT_EQ(one.out, "1000000\ndone\n");
  }
  expect_nothing_left();
}

// It costs the silence after which an agent is taken for dead.
TEST_F(trees_with_victims, go_on_beside_a_host_that_is_stopped) {
  if (!is_long_run()) GTEST_SKIP() << "15 s of silence: with EXECO_LONG=1";
  const std::string set = "n[1-1000]";
  action_result all =
      sync_wait(remote("[ $EXECO_HOST != n500 ] || kill -STOP $PPID; echo $EXECO_HOST", set)
                    .ssh(way_)
                    .via(tree())
                    .timeout(120s)
                    .run());
  for (const host_result& one : all.all()) {
    if (one.ok() || one.host.name() == "n500") continue;
    // It is behind the other.
    EXPECT_THAT(one.describe(), HasSubstr("silent"));
  }
  EXPECT_EQ(all.all().at(499).how(), end_reason::connection_lost) << all.describe();
  expect_nothing_left();
}

TEST_F(trees_with_victims, leave_nothing_when_the_tool_is_interrupted_or_killed) {
  for (int signal : {SIGINT, SIGKILL}) {
    test::program tool({EXECO_TOOL, "run", "-w", "n[1-30]", "--connector", "local", "--via", "tree",
                        "--arity", "4", "--", "echo here; sleep 1000"});
    for (int i = 1; i <= 30; ++i)
      ASSERT_TRUE(tool.out_has("n" + std::to_string(i) + ": here")) << tool.out();
    tool.kill(signal);
    test::outcome end = tool.finish();
    EXPECT_FALSE(end.too_late);
    expect_nothing_left();
  }
}

TEST_F(trees_with_victims, leave_nothing_when_what_leads_to_an_agent_is_killed) {
  context at;
  remote running =
      remote("echo here; sleep 1000", "n[1-20]").ssh(way_).via(tree().arity(2)).on(at).timeout(60s);
  std::size_t lines = 0;
  running.on_line([&](const output_line&) {
    if (++lines != 20) return;
    // The keepers of the root's children are what its connectors have become.
    for (pid_t pid : processes())
      if (test::file_bytes("/proc/" + std::to_string(pid) + "/comm") == "execo-agent\n" &&
          !is_agent(pid)) {
        (void)::kill(pid, SIGKILL);
        break;
      }
    running.kill();
  });
  action_result all = sync_wait(at, running.run());
  EXPECT_EQ(all.failed().size(), 20U);
  expect_nothing_left();
}

TEST_F(trees_with_victims, take_names_and_words_as_they_are) {
  const char* words[] = {"$(touch pwn)", "`id`", "; id", "it's",         "\"q\"",
                         "a b",          "-rf",  "%h",   "\xc3\xa9\xff", "a\nb",
                         "\x01\x02\x7f", "*",    "{{",   "\\",           "&& true"};
  std::vector<std::string> all_words = {"printf", "%s|"};
  std::string expected;
  for (const char* word : words) {
    all_words.emplace_back(word);
    expected += word + std::string("|");
  }
  action_result all =
      sync_wait(remote(command(all_words), "n[1-12]").ssh(way_).via(tree().arity(1)).run());
  for (const host_result& one : all.all()) EXPECT_EQ(one.out, expected) << one.describe();
}

}  // namespace
}  // namespace execo
