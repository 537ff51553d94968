// Signals on a real OpenSSH server: for root, whose signal requests it ignores, and for others.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <deque>

#include "ssh/openssh_transport.hpp"
#include "sshd_suite.hpp"

namespace execo::test {
namespace {

constexpr const char* ignores_term = "trap '' TERM; echo up; while :; do sleep 1; done";

class ssh_signal : public sshd_suite<ssh_signal, ::testing::TestWithParam<bool>> {
 protected:
  void SetUp() override {
    sshd_suite::SetUp();
    if (IsSkipped()) return;
    if (GetParam()) options.user = server_->ordinary_user();
    if (options.user.empty()) GTEST_SKIP() << "no other user";
    shared = detail::make_ssh_environment(loop, options);
  }

  /// Runs until the command has written a line.
  void start(recorded_run& r) {
    r.open();
    ASSERT_TRUE(loop.until([&r] { return r.out.starts_with("up\n"); })) << r.context;
  }

  std::shared_ptr<detail::ssh_environment> shared;
};

TEST_P(ssh_signal, reaches_a_command_and_all_it_started) {
  recorded_run r(loop, shared, "127.1.0.1", "sleep 600 & sleep 600 & echo up; wait; echo never");
  start(r);
  EXPECT_EQ(server_->commands().size(), 3U);
  r.signal(SIGTERM);
  EXPECT_EQ(r.run().status, exit_status::of_signal(SIGTERM));
  EXPECT_EQ(r.out, "up\n");
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(ssh_signal, is_told_to_a_handler) {
  recorded_run r(loop, shared, "127.1.0.1",
                 "trap 'echo told; exit 9' INT; echo up; while :; do sleep 0.05; done");
  start(r);
  r.signal(SIGINT);
  EXPECT_EQ(r.run().status, exit_status::of_code(9));
  EXPECT_EQ(r.out, "up\ntold\n");
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(ssh_signal, is_told_once_to_a_handler_that_goes_on) {
  recorded_run r(loop, shared, "127.1.0.1",
                 "trap 'echo told' TERM; echo up; i=0; while [ $i -lt 20 ]; do i=$((i+1)); "
                 "sleep 0.05; done");
  start(r);
  r.signal(SIGTERM);
  EXPECT_EQ(r.run().out, "up\ntold\n");
}

TEST_P(ssh_signal, kill_ends_a_command_that_ignores_term) {
  recorded_run r(loop, shared, "127.1.0.1", ignores_term);
  start(r);
  r.signal(SIGTERM);
  loop.idle(std::chrono::milliseconds(600));
  EXPECT_FALSE(r.exited);
  r.signal(SIGKILL);
  EXPECT_EQ(r.run().status, exit_status::of_signal(SIGKILL));
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(ssh_signal, kill_follows_at_once) {
  recorded_run r(loop, shared, "127.1.0.1", ignores_term);
  start(r);
  r.signal(SIGTERM);
  r.signal(SIGKILL);
  EXPECT_EQ(r.run().status, exit_status::of_signal(SIGKILL));
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(ssh_signal, works_when_the_input_was_closed_and_output_is_paused) {
  recorded_run r(loop, shared, "127.1.0.1", "echo up; exec cat /dev/zero");
  start(r);
  r.pause(stream::out, true);
  loop.idle(std::chrono::milliseconds(200));
  r.signal(SIGTERM);
  r.pause(stream::out, false);
  ASSERT_TRUE(loop.until([&r] { return r.exited; }));
  EXPECT_EQ(r.status, exit_status::of_signal(SIGTERM));
  r.run();
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(ssh_signal, that_ssh_has_no_name_for_goes_the_other_way) {
  recorded_run r(loop, shared, "127.1.0.1",
                 "trap 'echo told; exit 0' WINCH; echo up; while :; do sleep 0.05; done");
  start(r);
  r.signal(SIGWINCH);
  EXPECT_EQ(r.run().out, "up\ntold\n");
}

// sshd does not know all names that the protocol has.
TEST_P(ssh_signal, that_sshd_has_no_name_for_goes_the_other_way) {
  for (int number : {SIGABRT, SIGALRM, SIGFPE, SIGILL, SIGPIPE, SIGSEGV}) {
    recorded_run r(loop, shared, "127.1.0.1",
                   "trap 'echo told; exit 9' " + std::to_string(number) +
                       "; echo up; while :; do sleep 0.05; done");
    start(r);
    r.signal(number);
    EXPECT_EQ(r.run().out, "up\ntold\n") << number;
  }
}

TEST_P(ssh_signal, reaches_many_commands_at_once) {
  std::deque<recorded_run> runs;
  for (int i = 1; i <= 40; ++i)
    runs.emplace_back(loop, shared, "127.1.0." + std::to_string(i), "echo up; exec sleep 600");
  for (recorded_run& r : runs) r.open();
  for (recorded_run& r : runs) ASSERT_TRUE(loop.until([&r] { return r.out == "up\n"; }));
  for (recorded_run& r : runs) r.signal(SIGTERM);
  for (recorded_run& r : runs) EXPECT_EQ(r.run().status, exit_status::of_signal(SIGTERM));
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(ssh_signal, leaves_other_sessions_alone) {
  recorded_run other(loop, shared, "127.1.0.2", "echo up; sleep 1; echo lived");
  recorded_run r(loop, shared, "127.1.0.1", "echo up; sleep 600");
  start(other);
  start(r);
  r.signal(SIGTERM);
  r.run();
  EXPECT_EQ(other.run().out, "up\nlived\n");
  EXPECT_EQ(other.status, exit_status::of_code(0));
}

TEST_P(ssh_signal, does_nothing_before_the_command_runs) {
  recorded_run r(loop, shared, "127.1.0.1", "echo lived");
  r.tap = [&r] {
    if (!r.in(phase::run)) r.signal(SIGKILL);
  };
  r.open();
  r.signal(SIGTERM);
  EXPECT_EQ(r.run().out, "lived\n");
}

INSTANTIATE_TEST_SUITE_P(as, ssh_signal, ::testing::Values(false, true),
                         [](const auto& i) { return i.param ? "ordinary_user" : "caller"; });

// One that is given up between its request and the server's answer, by the library and by the
// program, with a terminal and without.
class unanswered_command
    : public sshd_suite<unanswered_command, ::testing::TestWithParam<std::tuple<bool, bool>>> {
 protected:
  std::unique_ptr<recorded_run> make() {
    auto [by_program, with_terminal] = GetParam();
    constexpr const char* text = "exec sleep 600";
    auto made = by_program
                    ? std::make_unique<recorded_run>(
                          loop,
                          detail::make_openssh_transport(
                              loop,
                              std::make_shared<detail::openssh_setup>(
                                  options, detail::ssh_caller::now(), detail::surroundings::none()),
                              host("127.1.0.1"), ""),
                          text)
                    : std::make_unique<recorded_run>(
                          loop, detail::make_ssh_environment(loop, options), "127.1.0.1", text);
    made->what.attributes.pty = with_terminal;
    return made;
  }

  void give_up(recorded_run& r) {
    if (r.in(phase::run)) {
      r.signal(SIGKILL);
    } else {
      r.close();
    }
    EXPECT_TRUE(loop.until([&r] { return r.closed; }));
  }
};

TEST_P(unanswered_command, that_runs_is_ended) {
  bool met = false;
  for (int attempt = 0; attempt < 50 && !met; ++attempt) {
    std::unique_ptr<recorded_run> r = make();
    r->open();
    // Between turns nothing is read: a command that is there by then has not been answered for.
    auto begun = [&] {
      if (!r->in(phase::open)) return r->in(phase::run);
      for (int i = 0; i < 100 && server_->commands().empty(); ++i) (void)::poll(nullptr, 0, 3);
      return !server_->commands().empty();
    };
    ASSERT_TRUE(loop.until(begun)) << r->context;
    met = r->in(phase::open);
    give_up(*r);
    ASSERT_TRUE(server_->no_commands_left());
  }
  EXPECT_TRUE(met);
}

// Whether the request has been sent by then varies from one attempt to the next.
TEST_P(unanswered_command, leaves_nothing_when_it_is_given_up_at_once) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::unique_ptr<recorded_run> r = make();
    r->open();
    ASSERT_TRUE(loop.until([&r] { return r->in(phase::open) || r->in(phase::run); }));
    give_up(*r);
    // Without an answer in time the command may still begin.
    if (r->report.leftover == leftover_cause::no_answer) return;
    EXPECT_TRUE(server_->no_commands_left());
  }
}

INSTANTIATE_TEST_SUITE_P(of, unanswered_command,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()),
                         [](const auto& i) {
                           return std::string(std::get<0>(i.param) ? "openssh" : "libssh") +
                                  (std::get<1>(i.param) ? "_with_terminal" : "");
                         });

TEST(ssh_signal_with_one_session_per_connection, that_cannot_be_sent_leaves_the_command_alone) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server("MaxSessions 1\n");
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options_for(server));
  recorded_run r(loop, shared, "127.1.0.1", "echo up; sleep 1; echo lived");
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.out == "up\n"; }));
  r.signal(SIGTERM);
  r.run();
  if (server.user() == "root") {
    EXPECT_EQ(r.out, "up\nlived\n");
    EXPECT_EQ(r.status, exit_status::of_code(0));
  }
}

}  // namespace
}  // namespace execo::test
