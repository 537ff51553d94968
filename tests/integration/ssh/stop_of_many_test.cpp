// Commands on many hosts at a time that are to end, and take neither HUP nor TERM: nothing is left
// of them.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "long_count.hpp"
#include "program.hpp"
#include "recorded_run.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* stubborn =
    "trap '' HUP TERM; echo up; sh -c 'trap \"\" HUP TERM PIPE; while :; do sleep 0.1; done' & "
    "while :; do sleep 0.1; done";

const int host_count = long_count(100);
std::string all_hosts() { return "127.1.0.[1-" + std::to_string(host_count) + "]"; }

class stop_of_many : public testing::TestWithParam<std::tuple<bool, bool, bool>> {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    server_ = std::make_unique<sshd_fixture>("MaxStartups 1000\n");
  }
  bool in_terminal() const { return std::get<0>(GetParam()); }
  bool input_closed() const { return std::get<1>(GetParam()); }
  bool on_kept_connections() const { return std::get<2>(GetParam()); }

  remote of(const std::string& text, context& in, const std::string& user) const {
    remote r(text, all_hosts());
    ssh_options options = options_for(*server_);
    options.user = user;
    options.reuse = on_kept_connections();
    r.on(in).ssh(options).fanout(static_cast<std::size_t>(host_count));
    r.kill_timeout(300ms);
    if (in_terminal()) r.pty(24, 80);
    if (!input_closed()) r.input("never read\n");
    return r;
  }
  /// Makes connections first, which are kept if they may be.
  task<action_result> run_second(remote& second, context& in, const std::string& user) const {
    action_result first = co_await of("true", in, user).run();
    EXPECT_TRUE(first.ok()) << first.describe();
    co_return co_await second.run();
  }
  void expect_end(const action_result& all, end_reason how, const std::string& user) const {
    for (const host_result& r : all.all()) {
      EXPECT_EQ(r.how(), how) << user << r.describe();
      // All hosts are one machine, and may need longer than execo waits for their end. Then the
      // result says so, and nothing is left soon after.
      if (r.may_still_run()) {
        EXPECT_EQ(r.leftover(), leftover_cause::no_answer) << user << r.describe();
      }
      auto expected = on_kept_connections() ? connection_use::reused : connection_use::made;
      EXPECT_EQ(r.connection(), expected) << user << r.describe();
    }
    EXPECT_TRUE(server_->no_commands_left()) << user;
  }

  std::unique_ptr<sshd_fixture> server_;
};

TEST_P(stop_of_many, ends_all_of_each_command) {
  for (const std::string& user : server_->login_users()) {
    context in;
    remote r = of(stubborn, in, user);
    int up = 0;
    r.on_line([&](const output_line& line) {
      if (line.text == "up" && ++up == host_count) r.request_stop();
    });
    expect_end(sync_wait(in, run_second(r, in, user)), end_reason::cancelled, user);
    EXPECT_EQ(up, host_count);
  }
}

TEST_P(stop_of_many, of_a_timeout_ends_all_of_each_command) {
  for (const std::string& user : server_->login_users()) {
    context in;
    remote r = of(stubborn, in, user);
    r.timeout(500ms);
    expect_end(sync_wait(in, run_second(r, in, user)), end_reason::timed_out, user);
  }
}

INSTANTIATE_TEST_SUITE_P(with, stop_of_many,
                         testing::Combine(testing::Bool(), testing::Bool(), testing::Bool()),
                         [](const auto& which) {
                           std::string name = std::get<0>(which.param) ? "terminal" : "no_terminal";
                           name += std::get<1>(which.param) ? "_input_closed" : "_input";
                           return name + (std::get<2>(which.param) ? "_kept" : "_new");
                         });

// As with `execo run ... <&-` in a script.
class interrupt_of_many : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(interrupt_of_many, ends_all_of_each_command) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
  sshd_fixture server("MaxStartups 1000\n");
  auto [terminal, input_closed] = GetParam();
  std::vector<std::string> words{"sh", "-c", input_closed ? "exec \"$@\" <&-" : "exec \"$@\"",
                                 "sh"};
  std::vector<std::string> run =
      execo_run(server, server.user(),
                {"-f", std::to_string(host_count), "--color", "never", "-w", all_hosts()});
  words.insert(words.end(), run.begin(), run.end());
  if (terminal) words.emplace_back("--pty");
  words.insert(words.end(), {"--", stubborn});
  program tool(words);
  for (int i = 1; i <= host_count; ++i)
    EXPECT_TRUE(tool.out_has("127.1.0." + std::to_string(i) + ": up"));
  tool.kill(SIGINT);
  outcome o = tool.finish();
  EXPECT_EQ(o.code, 130) << o.err;
  EXPECT_TRUE(server.no_commands_left());
}

INSTANTIATE_TEST_SUITE_P(with, interrupt_of_many,
                         testing::Combine(testing::Bool(), testing::Bool()), [](const auto& which) {
                           std::string name = std::get<0>(which.param) ? "terminal" : "no_terminal";
                           return name + (std::get<1>(which.param) ? "_input_closed" : "_input");
                         });

}  // namespace
}  // namespace execo::test
