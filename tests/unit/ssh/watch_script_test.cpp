// The script that watches over the commands of a connection, below a shell in the part of an ssh
// server that dies with its client.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>

#include "fleet_fixture.hpp"
#include "ssh/signal_helper.hpp"
#include "support/file_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

// Leaves one process in the background before the helper starts, and a second one before the line
// `idle`. Then a command starts; the helper reads the line `begins` before that (EARLY) or after
// it, and never `runs`. A clock tick passes between two steps.
constexpr const char* server =
    "tick() { awk '{print $22}' /proc/$1/stat; }; "
    "leave() { $LEADER sh -c 'sleep 1000 >/dev/null 2>&1 3>&- & echo $! >'$1; "
    "until [ $(tick self) -gt $(tick $(cat $1)) ]; do :; done; }; "
    "tell() { cat $1 >&3; until grep -q \"execo-begin $1\" said; do :; done; }; "
    "printf dropbear >/proc/$$/comm; SSH_CONNECTION=\"127.0.0.1 $$ 127.0.0.1 22\"; "
    "export SSH_CONNECTION; echo $$ >server; leave left; "
    "mkfifo to; { read -r l; eval \"$l\" <to >said; } <script & echo $! >helper; exec 3>to; "
    "until grep -q execo-here said; do :; done; tell 1; leave left_later; tell 2; "
    "t=$(tick self); until [ $(tick self) -gt $t ]; do :; done; [ -z \"$EARLY\" ] || tell 3; "
    "$LEADER sleep 1000 >/dev/null 2>&1 3>&- & echo $! >command; until [ -s command ]; do :; done; "
    "t=$(tick self); until [ $(tick self) -gt $t ]; do :; done; [ \"$EARLY\" ] || tell 3";

class watch_script : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  watch_script() {
    using detail::watch_line;
    write("script", detail::helper_script({}));
    write("1", detail::watch_setup() + watch_line(1, "beat", 1h));
    write("2", watch_line(2, "idle", 1h));
    write("3", watch_line(3, "begins", 1h));
  }
  ~watch_script() override {
    for (const char* name : {"left", "left_later", "command"}) (void)::kill(pid_in(name), SIGKILL);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() + "/" + name) << text << "\n";
  }
  pid_t pid_in(const std::string& name) const {
    pid_t pid = 0;
    std::ifstream(folder_.path() + "/" + name) >> pid;
    return pid > 1 ? pid : 1 << 30;
  }
  bool runs(const char* name) const {
    char state = process_state(pid_in(name));
    return state != '\0' && state != 'Z';
  }
  /// Of what has run below the server.
  int count_running() const {
    std::string connection = "SSH_CONNECTION=127.0.0.1 " + std::to_string(pid_in("server")) + " ";
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::string environment = file_bytes(entry.path() / "environ");
      if (environment.find(connection) != environment.npos) ++count;
    }
    return count;
  }
  void wait_for_the_end_of(const char* name) const { sync_wait(until_dead(pid_in(name))); }

  scratch_directory folder_;
};

TEST_P(watch_script, ends_a_command_that_it_was_not_told_to_run_and_leaves_what_was_left_before) {
  process p(server);
  p.shell()
      .cwd(folder_.path())
      .env("LEADER", std::get<0>(GetParam()))
      .env("EARLY", std::get<1>(GetParam()));
  p.timeout(20s);
  result r = sync_wait(std::move(p).run());
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  wait_for_the_end_of("helper");
  EXPECT_FALSE(runs("command"));
  EXPECT_TRUE(runs("left"));
  EXPECT_TRUE(runs("left_later"));
  // What the helper had begun ends behind it.
  EXPECT_TRUE(soon([this] { return count_running() == 2; }));
}

class watch_script_without_commands : public watch_script {};

// A beat ends the timer of the one before it, which may not have begun to sleep yet.
TEST_P(watch_script_without_commands, leaves_no_timer_of_beats_that_follow_each_other_at_once) {
  std::string beats;
  for (int i = 0; i < 1000; ++i) beats += detail::watch_line(0, "beat", 1h) + "\n";
  write("2", beats);
  process p(
      "printf dropbear >/proc/$$/comm; SSH_CONNECTION=\"127.0.0.1 $$ 127.0.0.1 22\"; "
      "export SSH_CONNECTION; echo $$ >server; { read -r l; cat 1 2 | $LEADER sh -c \"$l\"; "
      "} <script >said");
  p.shell().cwd(folder_.path()).env("LEADER", std::get<0>(GetParam())).timeout(60s);
  result r = sync_wait(std::move(p).run());
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_TRUE(soon([this] { return count_running() == 0; }));
}

INSTANTIATE_TEST_SUITE_P(of, watch_script,
                         testing::Combine(testing::Values("", "setsid"),
                                          testing::Values("early", "")));
INSTANTIATE_TEST_SUITE_P(of, watch_script_without_commands,
                         testing::Combine(testing::Values("", "setsid"), testing::Values("")));

}  // namespace
}  // namespace execo::test
