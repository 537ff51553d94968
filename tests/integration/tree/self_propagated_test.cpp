// Hosts of a real sshd, agents that go on from host to host over ssh, two levels of them: all
// answer, and nothing is left of them, whatever ends them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "child_processes.hpp"
#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "long_count.hpp"
#include "program.hpp"
#include "sshd_fixture.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;

std::string program_of(pid_t pid) {
  return test::file_bytes("/proc/" + std::to_string(pid) + "/comm");
}

class self_propagated_trees : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    // Where agents put what they need for a moment, before any other folder.
    fs::create_directory(temporary());
    server_ = std::make_unique<test::sshd_fixture>(
        "MaxStartups 3000\nKexAlgorithms curve25519-sha256\nSetEnv XDG_RUNTIME_DIR=" + temporary() +
        "\n");
    std::ofstream(known_hosts()) << "[127.4.*]:" << server_->port() << ' ' << server_->host_key()
                                 << '\n';
    gate_ = folder_ / "gate";
    ASSERT_EQ(::mkfifo(gate_.c_str(), 0600), 0);
    lines_of_gate_.reset(::open(gate_.c_str(), O_RDWR | O_CLOEXEC));
  }

  std::string temporary() const { return folder_ / "temporary"; }
  std::string known_hosts() const { return folder_ / "known"; }
  /// So many in long runs.
  void take_hosts(int in_everyday_runs) {
    each_ = test::long_count(10) == 10 ? 150 : in_everyday_runs / 2;
    // As many as two levels of them have room for.
    for (arity_ = 1; arity_ * (arity_ + 1) < count(); ++arity_) continue;
  }
  std::size_t count() const { return 2 * static_cast<std::size_t>(each_); }
  std::string hosts() const { return "127.4.[1-2].[1-" + std::to_string(each_) + "]"; }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const char* net : {"127.4.1.", "127.4.2."})
      for (int i = 1; i <= each_; ++i) all.push_back(net + std::to_string(i));
    return all;
  }

  remote on_hosts(const std::string& text) const {
    ssh_options way;
    way.port = server_->port();
    way.user = server_->user();
    way.identities = {server_->identity()};
    way.agent = "none";
    way.known_hosts = known_hosts();
    way.config_file = "none";
    tree shape;
    shape.depth(2).arity(arity_).orphan_grace(500ms);
    return std::move(remote(text, hosts()).ssh(way).via(shape)).timeout(300s);
  }
  void open_gate() {
    const std::string lines(count(), '\n');
    EXPECT_EQ(::write(lines_of_gate_.get(), lines.data(), lines.size()), std::ssize(lines));
  }

  std::string files_left() const {
    std::string found;
    for (const auto& entry : fs::directory_iterator(temporary()))
      found += entry.path().filename().string() + ' ';
    return found;
  }
  /// Unix sockets that were named below our folder, and connections of our server.
  std::string sockets_left() const {
    std::string found, line;
    std::istringstream named(test::file_bytes("/proc/net/unix"));
    while (std::getline(named, line))
      if (line.find(temporary()) != line.npos) found += line + '\n';
    std::array<char, 8> port{};
    (void)std::snprintf(port.data(), port.size(), ":%04X", server_->port());
    std::istringstream connected(test::file_bytes("/proc/net/tcp"));
    while (std::getline(connected, line))
      if (line.find(port.data() + std::string(" ")) != line.npos && is_open(line))
        found += line + '\n';
    return found;
  }
  // What listens is the server; what waits for late packets belongs to nobody.
  static bool is_open(const std::string& line) {
    std::istringstream words(line);
    std::string number, local, remote_end, state;
    words >> number >> local >> remote_end >> state;
    return state != "0A" && state != "06";
  }
  void expect_nothing_left() const {
    const auto end = std::chrono::steady_clock::now() + 90s;
    auto is_clean = [&] {
      return server_->commands().empty() && test::child_processes(server_->pid()).empty() &&
             files_left().empty() && sockets_left().empty();
    };
    while (!is_clean() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
    std::string processes;
    for (pid_t one : server_->commands()) processes += program_of(one);
    EXPECT_EQ(processes, "");
    EXPECT_EQ(test::child_processes(server_->pid()).size(), 0U);
    EXPECT_EQ(files_left(), "");
    EXPECT_EQ(sockets_left(), "");
  }

  /// Agents that have started the ssh of others, or those ssh.
  std::vector<pid_t> inner(bool wants_ssh) const {
    std::vector<pid_t> found;
    for (pid_t one : server_->commands()) {
      if (program_of(one) != "execo-agent\n") continue;
      for (pid_t child : test::child_processes(one)) {
        if (program_of(child) != "ssh\n") continue;
        found.push_back(wants_ssh ? child : one);
        break;
      }
    }
    return found;
  }
  /// The commands wait until the deed is done, those of the hosts that it costs are lost.
  void expect_that_it_costs_only_what_is_behind(const std::function<void()>& deed) {
    context at;
    remote running = on_hosts("echo here; read line <" + gate_).on(at);
    std::size_t here = 0;
    running.on_line([&](const output_line&) {
      if (++here != count()) return;
      deed();
      open_gate();
    });
    action_result all = sync_wait(at, running.run());
    EXPECT_EQ(here, count());
    std::size_t lost = 0;
    for (const host_result& one : all.all()) {
      if (one.ok()) continue;
      ++lost;
      EXPECT_EQ(one.how(), end_reason::connection_lost) << one.describe();
      EXPECT_THAT(one.describe(),
                  AnyOf(HasSubstr(": the agent of 127.4."), HasSubstr(": the link to its agent")));
    }
    EXPECT_GE(lost, 1U);
    EXPECT_LT(lost, count());
    std::printf("%zu of %zu hosts lost\n", lost, count());
    expect_nothing_left();
  }

  test::temp_folder folder_;
  std::unique_ptr<test::sshd_fixture> server_;
  std::string gate_;
  detail::unique_fd lines_of_gate_;
  int each_ = 0;
  std::size_t arity_ = 0;
};

TEST_F(self_propagated_trees, have_a_program_for_messages_that_nobody_has_installed) {
  take_hosts(6);
  remote work = on_hosts("command -v execo-msg; $EXECO_MSG reduce sum $EXECO_RANK");
  tree_messages talk(work);
  const action_result all = sync_wait(work.run());
  const std::string sum = std::to_string(count() * (count() + 1) / 2) + "\n";
  for (const host_result& one : all.all()) EXPECT_EQ(one.out + one.err, sum) << one.describe();
  EXPECT_EQ(files_left(), "");
}

TEST_F(self_propagated_trees, answer_on_all_hosts_and_leave_nothing) {
  take_hosts(30);
  context at;
  remote running =
      on_hosts("echo here; read line <" + gate_ + "; echo ${SSH_CONNECTION#* * }").on(at);
  std::size_t here = 0;
  running.on_line([&](const output_line& line) {
    if (line.text != "here" || ++here != count()) return;
    // What they were started from is gone before they serve.
    EXPECT_EQ(files_left(), "");
    EXPECT_GE(inner(false).size(), 1U);
    open_gate();
  });
  action_result all = sync_wait(at, running.run());
  ASSERT_EQ(all.all().size(), count());
  std::size_t behind_others = 0;
  for (const host_result& one : all.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_THAT(one.out, HasSubstr("\n" + one.host.name() + " ")) << one.describe();
    behind_others += one.error_context().starts_with("reached through ") ? 1 : 0;
  }
  EXPECT_GE(behind_others, count() - arity_);
  expect_nothing_left();
}

TEST_F(self_propagated_trees, leave_nothing_when_the_tool_is_interrupted) {
  take_hosts(12);
  test::program tool({EXECO_TOOL, "run", "-p", std::to_string(server_->port()), "-l",
                      server_->user(), "-i", server_->identity(), "--known-hosts", known_hosts(),
                      "--via", "tree", "--arity", std::to_string(arity_), "-w", hosts(), "--",
                      "echo here; sleep 1000"});
  for (const std::string& name : names())
    ASSERT_TRUE(tool.out_has(name + ": here", 120s)) << tool.out();
  EXPECT_GE(inner(false).size(), 1U);
  tool.kill(SIGINT);
  test::outcome end = tool.finish();
  EXPECT_FALSE(end.too_late);
  EXPECT_EQ(end.code, 130);
  expect_nothing_left();
}

TEST_F(self_propagated_trees, leave_nothing_when_the_root_is_killed) {
  take_hosts(12);
  std::array<int, 2> lines{};
  ASSERT_EQ(::pipe2(lines.data(), O_CLOEXEC), 0);
  const detail::unique_fd to_read(lines[0]);
  detail::unique_fd to_write(lines[1]);
  const pid_t root = ::fork();
  ASSERT_GE(root, 0);
  if (root == 0) {
    context at;
    remote running = on_hosts("echo here; sleep 1000").on(at);
    running.on_line([&](const output_line&) { (void)!::write(to_write.get(), "x", 1); });
    (void)sync_wait(at, running.run());
    ::_exit(0);
  }
  to_write.reset();
  char byte = 0;
  std::size_t here = 0;
  while (here < count() && ::read(to_read.get(), &byte, 1) == 1) ++here;
  EXPECT_EQ(here, count());
  EXPECT_GE(inner(false).size(), 1U);
  (void)::kill(root, SIGKILL);
  EXPECT_EQ(::waitpid(root, nullptr, 0), root);
  expect_nothing_left();
}

TEST_F(self_propagated_trees, leave_nothing_when_an_inner_agent_is_killed) {
  take_hosts(12);
  expect_that_it_costs_only_what_is_behind([this] {
    const std::vector<pid_t> victims = inner(false);
    ASSERT_GE(victims.size(), 1U);
    EXPECT_EQ(::kill(victims.front(), SIGKILL), 0);
  });
}

TEST_F(self_propagated_trees, leave_nothing_when_the_ssh_of_an_inner_agent_is_killed) {
  take_hosts(12);
  expect_that_it_costs_only_what_is_behind([this] {
    const std::vector<pid_t> victims = inner(true);
    ASSERT_GE(victims.size(), 1U);
    EXPECT_EQ(::kill(victims.front(), SIGKILL), 0);
  });
}

}  // namespace
}  // namespace execo
