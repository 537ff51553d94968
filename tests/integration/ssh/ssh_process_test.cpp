// A command on a host as an object: the verbs and streams of a process, over ssh.
#include <execo/ssh_process.hpp>

#include <gmock/gmock.h>

#include <execo/execo.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "fleet_way.hpp"
#include "leak_check.hpp"
#include "sshd_fixture.hpp"
#include "temp_folder.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ssh_processes : public ::testing::Test {
 protected:
  ssh_options how() const { return way_to(fleet_); }
  template <class What>
  ssh_process on_host(What&& what) const {
    return ssh_process(std::forward<What>(what), "127.8.0.1").ssh(how());
  }

  fleet_fixture fleet_{"127.8.0.[1-4]"};
};

TEST_F(ssh_processes, run_to_their_end) {
  result r = sync_wait(on_host("echo $FLEET_HOST; echo oops >&2; exit 3").run());
  EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
  EXPECT_EQ(r.status().code(), 3);
  EXPECT_EQ(r.out, "127.8.0.1\n");
  EXPECT_EQ(r.err, "oops\n");
  EXPECT_EQ(r.transport(), transport_kind::ssh);
  result words = sync_wait(on_host(command("printf", "%s|", "a b", "$HOME", "*")).run());
  EXPECT_EQ(words.out, "a b|$HOME|*|");
}

TEST_F(ssh_processes, are_written_to_and_read_from) {
  auto talk = [this]() -> task<std::vector<std::string>> {
    ssh_process calc = on_host("while read a b; do echo $((a * b)); done; echo end");
    calc.in(pipe());
    reader answers = calc.out();
    calc.start();
    std::vector<std::string> lines;
    for (const char* question : {"6 7\n", "3 5\n"}) {
      (void)co_await calc.in().write(question);
      auto line = co_await answers.next_line();
      lines.push_back(line.value_or("none"));
    }
    calc.in().close();
    auto last = co_await answers.next_line();
    lines.push_back(last.value_or("none"));
    result end = co_await calc.wait();
    lines.push_back(end.status().to_string());
    co_return lines;
  };
  EXPECT_THAT(sync_wait(talk()), ElementsAre("42", "15", "end", "exit code 0"));
}

TEST_F(ssh_processes, hold_a_dialogue_on_a_terminal) {
  auto talk = [this]() -> task<result> {
    ssh_process login = on_host("printf 'name: '; read n; printf 'age: '; read a; echo $n is $a");
    login.in(pipe()).pty(24, 80).start();
    auto questions = expect(login.out()).on(": ");
    auto name = co_await questions.next();
    EXPECT_TRUE(name.matched());
    (void)co_await login.in().write("Ada\n");
    auto age = co_await questions.next();
    EXPECT_TRUE(age.matched());
    (void)co_await login.in().write("36\n");
    result end = co_await login.wait();
    co_return end;
  };
  result r = sync_wait(talk());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_THAT(r.out, HasSubstr("Ada is 36"));
}

TEST_F(ssh_processes, are_ended_with_their_handle_by_a_kill_and_by_a_deadline) {
  auto end_them = [this]() -> task<> {
    ssh_process killed = on_host("echo up; exec sleep 1000").start();
    auto line = co_await killed.out().next_line();
    EXPECT_EQ(line, "up");
    EXPECT_TRUE(killed.running());
    EXPECT_EQ(killed.pid(), 0);
    killed.kill();
    result end = co_await killed.wait();
    EXPECT_TRUE(end.killed()) << end.describe();
    ssh_process late = on_host("sleep 1000").timeout(200ms);
    result too_long = co_await late.run();
    EXPECT_EQ(too_long.how(), end_reason::timed_out);
    ssh_process dropped = on_host("echo up; exec sleep 1000").start();
    (void)co_await dropped.out().next_line();
  };
  sync_wait(end_them());
  EXPECT_TRUE(fleet_.no_commands_left());
}

TEST_F(ssh_processes, tell_their_handlers_the_host) {
  std::vector<std::string> heard;
  ssh_process p = on_host("echo one");
  p.on_start([&](const started_command& s) { heard.push_back("start " + s.host.name()); })
      .on_line([&](const output_line& l) {
        heard.push_back(l.host.name() + ": " + std::string(l.text));
      })
      .on_end([&](const ended_command& e) { heard.push_back("end " + e.host.name()); });
  EXPECT_TRUE(sync_wait(p.run()).ok());
  EXPECT_THAT(heard, ElementsAre("start 127.8.0.1", "127.8.0.1: one", "end 127.8.0.1"));
}

TEST_F(ssh_processes, of_many_hosts_run_side_by_side) {
  auto all = [this]() -> task<std::string> {
    auto a = ssh_process("echo $FLEET_HOST", "127.8.0.2").ssh(how());
    auto b = ssh_process("echo $FLEET_HOST", "127.8.0.3").ssh(how());
    auto [first, second] = co_await when_all(a.run(), b.run());
    co_return first.out + second.out;
  };
  EXPECT_EQ(sync_wait(all()), "127.8.0.2\n127.8.0.3\n");
}

TEST_F(ssh_processes, that_cannot_be_say_why_in_their_result) {
  ssh_options options = how();
  options.identities = {"/no/such/key"};
  result no_key = sync_wait(ssh_process("true", "127.8.0.1").ssh(options).run());
  EXPECT_FALSE(no_key.ok());
  EXPECT_THAT(no_key.describe(), HasSubstr("/no/such/key"));
  options = how();
  options.max_retries = 0;
  result nobody = sync_wait(ssh_process("true", "127.8.1.9").ssh(options).run());
  EXPECT_EQ(nobody.how(), end_reason::connect_failed) << nobody.describe();
  result local = sync_wait(on_host("true").nice(5).run());
  EXPECT_EQ(local.how(), end_reason::unsupported) << local.describe();
  EXPECT_THROW((void)sync_wait(on_host("").run()), std::invalid_argument);
}

// Its way is found once the command has answered, when what asked for it is gone.
TEST_F(ssh_processes, reach_hosts_whose_way_a_command_decides) {
  temp_folder folder;
  ssh_options options = how();
  options.config_file =
      folder.write("config",
                   "Match exec \"sleep 0.1; test %n = a-name-that-is-not-short-at-all\"\n"
                   "HostName 127.8.0.3\n");
  result r = sync_wait(
      ssh_process("echo $FLEET_HOST", "a-name-that-is-not-short-at-all").ssh(options).run());
  EXPECT_EQ(r.out, "127.8.0.3\n") << r.describe();
}

TEST_F(ssh_processes, go_over_the_program_ssh_and_connectors_as_well) {
  ssh_options options = how();
  options.via = ssh_client::openssh;
  result by_program = sync_wait(ssh_process("echo $FLEET_HOST", "127.8.0.1").ssh(options).run());
  EXPECT_EQ(by_program.out, "127.8.0.1\n") << by_program.describe();
  ssh_options connector;
  connector.connector = "argv:env HOST=%h";
  result by_connector = sync_wait(ssh_process("echo $HOST", "n7").ssh(connector).run());
  EXPECT_EQ(by_connector.out, "n7\n") << by_connector.describe();
}

TEST_F(ssh_processes, run_on_any_ring_and_are_dropped_on_another_thread) {
  context several(rings(2));
  for (int i = 0; i < 4; ++i) {
    ssh_process p = on_host("echo hi");
    p.on(several.ring(static_cast<unsigned>(i) % 2)).start();
    EXPECT_EQ(sync_wait(several, p.wait()).out, "hi\n");
    std::thread([dropped = std::move(p)] {}).join();
  }
}

}  // namespace
}  // namespace execo::test
