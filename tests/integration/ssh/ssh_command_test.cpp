// Commands on a real OpenSSH server: what they write, read and end with.
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>

#include "random_bytes.hpp"
#include "recorded_run.hpp"

namespace execo::test {
namespace {

class ssh_command : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!sshd_fixture::available()) return;
    server_ = new sshd_fixture;
    // Its files and its process stay for the suite.
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << "no sshd";
    shared = detail::make_ssh_environment(loop, options_for(*server_));
  }

  static inline sshd_fixture* server_ = nullptr;
  driven_loop loop;
  std::shared_ptr<detail::ssh_environment> shared;
};

TEST_F(ssh_command, tells_both_streams_and_the_exit_code) {
  recorded_run r(loop, shared, "127.1.0.1", "echo out; echo err >&2; exit 3");
  r.run();
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
  EXPECT_EQ(r.status, exit_status::of_code(3));
  std::vector<phase> all{phase::resolve, phase::connect, phase::kex,
                         phase::auth,    phase::open,    phase::run};
  EXPECT_EQ(r.phases, all);
}

TEST_F(ssh_command, tells_the_signal_that_ended_a_command) {
  recorded_run r(loop, shared, "127.1.0.1", "kill -USR1 $$");
  EXPECT_EQ(r.run().status, exit_status::of_signal(SIGUSR1));
}

TEST_F(ssh_command, keeps_the_name_of_a_signal_that_ssh_has_none_for) {
  recorded_run r(loop, shared, "127.1.0.1", "kill -BUS $$");
  EXPECT_EQ(r.run().status.signal(), 0);
  EXPECT_EQ(r.status.signal_name(), "SIG@openssh.com");
}

TEST_F(ssh_command, resolves_names_off_the_loop) {
  recorded_run a(loop, shared, "localhost", "exit 4");
  recorded_run b(loop, shared, "localhost", "exit 5");
  a.open();
  b.open();
  EXPECT_EQ(a.run().status, exit_status::of_code(4));
  EXPECT_EQ(b.run().status, exit_status::of_code(5));
  recorded_run again(loop, shared, "localhost", "exit 6");
  EXPECT_EQ(again.run().status, exit_status::of_code(6));
}

TEST_F(ssh_command, has_no_input_unless_given_one) {
  recorded_run r(loop, shared, "127.1.0.1", "cat; echo end");
  EXPECT_EQ(r.run().out, "end\n");
}

TEST_F(ssh_command, passes_directory_and_environment) {
  recorded_run r(loop, shared, "127.1.0.1", "pwd; echo \"$A $B\"");
  r.what.directory = "/usr/share";
  r.what.environment.emplace_back("A", "it's");
  r.what.environment.emplace_back("B", "$HOME");
  EXPECT_EQ(r.run().out, "/usr/share\nit's $HOME\n");
}

TEST_F(ssh_command, has_the_attributes_that_a_login_shell_can_set) {
  recorded_run r(loop, shared, "127.1.0.1", "umask; echo ${LOGNAME-none}");
  r.what.attributes.umask = 027;
  r.what.remove_variable("LOGNAME");
  EXPECT_EQ(r.run().out, "0027\nnone\n");
}

TEST_F(ssh_command, has_a_terminal_of_the_size_that_is_asked_for) {
  recorded_run r(loop, shared, "127.1.0.1", "stty size; test -t 2 && echo all");
  r.what.attributes.pty = true;
  r.what.attributes.pty_rows = 33;
  r.what.attributes.pty_columns = 99;
  EXPECT_EQ(r.run().out, "33 99\r\nall\r\n");
}

TEST_F(ssh_command, refuses_attributes_that_the_protocol_has_not) {
  recorded_run r(loop, shared, "127.1.0.1", "echo ran");
  r.what.attributes.nice = 5;
  EXPECT_EQ(r.run().how, end_reason::unsupported);
  EXPECT_EQ(r.out, "");
  recorded_run scoped(loop, shared, "127.1.0.1", "echo ran");
  scoped.what.scope = kill_scope::cgroup;
  EXPECT_EQ(scoped.run().how, end_reason::unsupported);
}

TEST_F(ssh_command, does_not_run_in_another_directory_than_asked) {
  recorded_run r(loop, shared, "127.1.0.1", "echo ran");
  r.what.directory = "/does/not/exist";
  EXPECT_EQ(r.run().out, "");
  EXPECT_EQ(r.status, exit_status::of_code(1));
}

TEST_F(ssh_command, refuses_a_variable_that_would_be_code) {
  recorded_run r(loop, shared, "127.1.0.1", "true");
  r.what.environment.emplace_back("A;reboot", "1");
  r.run();
  EXPECT_EQ(r.how, end_reason::unsupported);
}

TEST_F(ssh_command, keeps_words_as_they_are) {
  recorded_run r(loop, shared, "127.1.0.1", "");
  r.what = command(std::vector<std::string>{"printf", "%s|", "a  b", "$HOME", "it's", "*", ""});
  EXPECT_EQ(r.run().out, "a  b|$HOME|it's|*||");
}

TEST_F(ssh_command, brings_a_megabyte_on_each_stream_from_many_hosts_byte_exact) {
  std::string file = server_->directory() + "/megabyte";
  std::string sent = random_bytes(7).take(1 << 20);
  FILE* f = ::fopen(file.c_str(), "wb");
  ASSERT_EQ(::fwrite(sent.data(), 1, sent.size(), f), sent.size());
  ::fclose(f);
  std::deque<recorded_run> runs;
  for (int i = 1; i <= 20; ++i)
    runs.emplace_back(loop, shared, "127.1.0." + std::to_string(i),
                      "cat " + file + " & cat " + file + " >&2; wait");
  for (recorded_run& r : runs) r.open();
  for (recorded_run& r : runs) {
    r.run();
    EXPECT_TRUE(r.out == sent) << r.out.size();
    EXPECT_TRUE(r.err == sent) << r.err.size();
    EXPECT_EQ(r.status, exit_status::of_code(0));
  }
}

TEST_F(ssh_command, carries_fifty_megabytes_of_input_and_back) {
  recorded_run r(loop, shared, "127.1.0.1", "cat");
  r.what.has_input = true;
  r.what.input = random_bytes(11).take(std::size_t{50} << 20);
  r.run();
  EXPECT_EQ(r.written, r.what.input.size());
  EXPECT_TRUE(r.out == r.what.input) << r.out.size();
}

TEST_F(ssh_command, survives_a_command_that_does_not_read_its_input) {
  recorded_run r(loop, shared, "127.1.0.1", "exec 0<&-; echo done");
  r.what.has_input = true;
  r.what.input.assign(std::size_t{5} << 20, 'x');
  EXPECT_EQ(r.run().out, "done\n");
  EXPECT_EQ(r.status, exit_status::of_code(0));
}

TEST_F(ssh_command, stops_taking_output_while_paused) {
  recorded_run r(loop, shared, "127.1.0.1", "head -c 20000000 /dev/zero");
  r.tap = [&r] {
    if (r.in(phase::run) && r.out.empty()) r.pause(stream::out, true);
  };
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.in(phase::run); }));
  loop.idle(std::chrono::milliseconds(300));
  EXPECT_EQ(r.out.size(), 0U);
  EXPECT_FALSE(r.exited);
  r.tap = nullptr;
  r.pause(stream::out, false);
  EXPECT_EQ(r.run().out.size(), 20000000U);
}

TEST_F(ssh_command, goes_on_with_the_other_stream_while_one_is_paused) {
  recorded_run r(loop, shared, "127.1.0.1", "echo out; echo err >&2; read x; echo $x");
  r.tap = [&r] {
    if (r.in(phase::run)) r.pause(stream::out, true);
  };
  r.what.has_input = false;
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.err == "err\n" && r.exited; }));
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(r.eofs, 0);
  r.tap = nullptr;
  r.pause(stream::out, false);
  EXPECT_EQ(r.run().out, "out\n\n");
}

TEST_F(ssh_command, tells_the_end_before_a_grandchild_lets_go_of_the_output) {
  recorded_run r(loop, shared, "127.1.0.1", "sleep 60 & echo $!; exit 2");
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.exited && r.out.ends_with('\n'); }));
  EXPECT_EQ(r.eofs, 0);
  EXPECT_EQ(r.status, exit_status::of_code(2));
  (void)::kill(std::stoi(r.out), SIGKILL);
  r.run();
}

TEST_F(ssh_command, can_be_closed_in_every_phase) {
  for (phase last : {phase::resolve, phase::connect, phase::kex, phase::auth, phase::open}) {
    recorded_run r(loop, shared, "127.1.0.1", "true");
    r.tap = [&r, last] {
      if (r.in(last)) r.close();
    };
    r.run();
    EXPECT_EQ(r.last_phase(), last);
    EXPECT_FALSE(r.exited || r.failed);
  }
  recorded_run waiting(loop, shared, "localhost", "true");
  waiting.open();
  waiting.close();
  waiting.run();
  EXPECT_TRUE(waiting.phases.empty());
}

TEST_F(ssh_command, can_be_closed_from_any_event) {
  for (int last = 1; last < 12; ++last) {
    recorded_run r(loop, shared, "127.1.0.1", "echo a; echo b >&2");
    int events = 0;
    r.tap = [&] {
      if (++events == last) r.close();
    };
    r.run();
    EXPECT_TRUE(r.closed) << "after event " << last;
    EXPECT_FALSE(r.failed) << r.context;
    EXPECT_TRUE(std::string_view("a\n").starts_with(r.out)) << r.out;
    // A phase is reported before anything of the command.
    const int phases = static_cast<int>(r.phases.size());
    EXPECT_FALSE(r.exited && last <= phases) << "after event " << last;
  }
}

// A server that hands what is asked for to another shell, as a login shell would read it.
class ssh_login_shell : public ::testing::TestWithParam<const char*> {};

TEST_P(ssh_login_shell, gets_words_values_and_a_directory_as_they_are) {
  std::string shell = std::string("/usr/bin/") + GetParam();
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  if (::access(shell.c_str(), X_OK) != 0) GTEST_SKIP() << shell << " is not there";
  sshd_fixture server("ForceCommand SHELL=" + shell + " exec " + shell +
                      " -c \"$SSH_ORIGINAL_COMMAND\"\n");
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options_for(server));
  const std::string word = "a\\';echo INJECTED;echo \\'b!x\n\t$HOME `id` \\";
  recorded_run words(loop, shared, "127.1.0.1", "");
  words.what = command(std::vector<std::string>{"/usr/bin/printf", "[%s]", word});
  words.run();
  EXPECT_EQ(words.out, "[" + word + "]") << words.err;

  recorded_run value(loop, shared, "127.1.0.1", "");
  value.what = command(std::vector<std::string>{"/usr/bin/printenv", "-0", "V"});
  value.what.set_variable("V", word);
  value.what.directory = "/";
  value.run();
  EXPECT_EQ(value.out, word + '\0') << value.err;
}

INSTANTIATE_TEST_SUITE_P(each, ssh_login_shell, testing::Values("tcsh", "fish", "zsh"),
                         [](const auto& shell) { return std::string(shell.param); });

}  // namespace
}  // namespace execo::test
