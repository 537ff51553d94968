// Hosts of a tree that hinder: one is stopped, one never reads its input, one prints without end.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "execo/execo.hpp"
#include "sanitizers.hpp"
#include "tree_victims.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;

/// Kilobytes of that line of its status; 0 once it is gone.
long kilobytes(pid_t of, const std::string& line) {
  std::istringstream status(test::file_bytes("/proc/" + std::to_string(of) + "/status"));
  for (std::string text; std::getline(status, text);)
    if (text.starts_with(line + ":")) return std::atol(text.c_str() + line.size() + 1);
  return 0;
}

class hindered_trees : public test::tree_victims {
 protected:
  void expect_little_memory(long root_before) const {
    long most = 0, all = 0;
    const std::vector<pid_t> found = agents();
    for (pid_t one : found) {
      const long kb = kilobytes(one, "RssAnon");
      most = std::max(most, kb);
      all += kb;
    }
    const long root = kilobytes(::getpid(), "VmHWM") - root_before;
    std::printf("%zu agents: %ld KB in all, the largest %ld KB; the root %ld KB more\n",
                found.size(), all, most, root);
    if (test::address_sanitizer || test::thread_sanitizer) return;
    EXPECT_LT(most, 8 * 1024);
    EXPECT_LT(root, 96 * 1024);
  }
  /// That has none below it, and is none of these.
  pid_t leaf_agent(const std::vector<std::string>& but) const {
    for (pid_t one : agents())
      if (!has_agents_below(one) && std::ranges::find(but, host_of(one)) == but.end()) return one;
    return 0;
  }
};

TEST_F(hindered_trees, end_the_commands_of_all_other_hosts) {
  const std::size_t count = test::is_long_run() ? 1'000 : 60;
  const std::string gate = folder_ / "gate";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const detail::unique_fd lines_of_gate(::open(gate.c_str(), O_RDWR | O_CLOEXEC));
  // More than a window and a pipe hold.
  const std::string input(300'000, 'i');
  const long before = kilobytes(::getpid(), "VmRSS");
  context at;
  remote running = remote(
                       "echo here; read line <$EXECO_TEST_FOLDER/gate; case $EXECO_HOST in "
                       "n1) exec sleep 1000 ;; n2) exec yes ;; esac; wc -c; echo done",
                       "n[1-" + std::to_string(count) + "]")
                       .ssh(way_)
                       .via(tree())
                       .on(at)
                       .input(input)
                       .max_output(65'536)
                       .timeout(300s);
  std::size_t here = 0;
  pid_t stopped = 0;
  std::string its_host;
  running.on_line([&](const output_line& line) {
    if (line.text != "here" || ++here != count) return;
    stopped = leaf_agent({"n1", "n2"});
    its_host = host_of(stopped);
    ASSERT_GT(stopped, 0);
    EXPECT_EQ(::kill(stopped, SIGSTOP), 0);
    const std::string lines(count, '\n');
    EXPECT_EQ(::write(lines_of_gate.get(), lines.data(), count), std::ssize(lines));
  });
  auto end_when_the_others_have = [&]() -> task<action_result> {
    std::size_t ended = 0;
    while (auto one = co_await running.next()) {
      if (++ended != count - 3) continue;
      expect_little_memory(before);
      // Its agent hears of the end then, without waiting for the silence to be found.
      (void)::kill(stopped, SIGCONT);
      running.kill();
    }
    co_return co_await running.run();
  };
  action_result all = sync_wait(at, end_when_the_others_have());
  EXPECT_EQ(here, count);
  for (const host_result& one : all.all()) {
    if (one.host.name() == its_host) continue;
    const bool hinders = one.host.name() == "n1" || one.host.name() == "n2";
    EXPECT_EQ(one.ok(), !hinders) << one.describe();
    if (!hinders) {
      EXPECT_EQ(one.out, "here\n300000\ndone\n") << one.describe();
    }
  }
  expect_nothing_left();
}

}  // namespace
}  // namespace execo
