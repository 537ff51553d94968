// What a command wrote last, when the way to its server is long, broken or held: all of it, or an
// end that says that it is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <execo/execo.hpp>
#include <optional>

#include "hostile_server.hpp"
#include "program.hpp"
#include "slow_proxy.hpp"
#include "sshd_fixture.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// What libssh lets a server send before it has heard of the client again.
constexpr std::uint64_t first_window = 64'000;
// More than a server sends before a command's output, and less than that: what the client sends
// from then on opens the window.
constexpr std::uint64_t first_output = 10'000;

class rest_of_output : public on_each_backend {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server.emplace();
  }

  ssh_options reach(int port) const {
    ssh_options how;
    how.config_file = "none";  // not what the files of this machine say
    how.port = port;
    how.user = server->user();
    how.identities.push_back(server->identity());
    how.host_key_policy = host_keys::ignore;
    return how;
  }

  remote on(const slow_proxy& proxy, std::string_view text, duration answer = 20s) const {
    ssh_options how = reach(proxy.port());
    how.limits.answer = answer;
    return remote(text, host_set("127.6.0.1")).ssh(how);
  }

  static host_result only(remote r) {
    action_result all = sync_wait(r.run());
    EXPECT_EQ(all.all().size(), 1u);
    return all.all().at(0);
  }

  // `then` is called when the exit status has come and the output has not ended.
  static host_result after_the_exit(remote r, const std::function<void(remote&)>& then) {
    context c;
    auto work = [](context& on, remote action,
                   const std::function<void(remote&)>& call) -> task<host_result> {
      action.start();
      while (on.dump().find("waiting for the rest of its output") == std::string::npos)
        co_await sleep(1ms);
      call(action);
      std::optional<host_result> end = co_await action.next();
      co_return std::move(*end);
    };
    return sync_wait(c, work(c, std::move(r), then));
  }

  static constexpr const char* leftover = "sleep 30 & echo hi";

  // What the tests left behind would be waited for.
  void TearDown() override {
    if (!server) return;
    for (pid_t left : server->commands()) ::kill(left, SIGKILL);
  }

  static std::string bytes(std::size_t count) {
    return "head -c " + std::to_string(count) + " /dev/zero | tr '\\0' a";
  }

  std::optional<sshd_fixture> server;
};
EXECO_ON_EACH_BACKEND(rest_of_output);

TEST_P(rest_of_output, comes_whole_when_the_exit_status_overtakes_it_on_a_long_way) {
  way far;
  far.delay = 600ms;
  slow_proxy proxy(server->port(), far);
  host_result r = only(on(proxy, bytes(100'000)));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(r.out.size(), 100'000u);
}

TEST_P(rest_of_output, comes_whole_when_what_we_send_is_held_for_seconds) {
  way held;
  held.hold_after = first_output;
  held.hold = 3s;
  slow_proxy proxy(server->port(), held);
  for (std::size_t size : {66'000u, 90'000u, 120'000u}) {
    host_result r = only(on(proxy, bytes(size)));
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_TRUE(r.output_complete());
    EXPECT_EQ(r.out.size(), size);
  }
}

TEST_P(rest_of_output, comes_whole_from_a_server_that_answers_twice_before_it) {
  hostile_server busy;
  std::span<const hostile_kind> kinds = hostile_kinds();
  auto kind = std::ranges::find(kinds, std::string_view("answers_twice_before_the_rest"),
                                &hostile_kind::name);
  host there(hostile_server::address(static_cast<std::size_t>(kind - kinds.begin())));
  host_result r = only(remote("true", there).ssh(reach(busy.port())).drain_timeout(50ms));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out, "first, last");
  EXPECT_TRUE(r.output_complete());
}

TEST_P(rest_of_output, of_both_streams_comes_whole_over_a_long_way) {
  way far;
  far.delay = 400ms;
  slow_proxy proxy(server->port(), far);
  // The pipes are full when the command ends, and so is the window.
  host_result r =
      only(on(proxy, bytes(90'000) + "; " + bytes(50'000) + " >&2").drain_timeout(100ms));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out.size(), 90'000u);
  EXPECT_EQ(r.err.size(), 50'000u);
}

TEST_P(rest_of_output, that_a_leftover_holds_open_is_not_waited_for_and_the_result_says_so) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result r = only(on(proxy, leftover).drain_timeout(50ms));
  EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
  EXPECT_EQ(r.status().code(), 0);
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.out, "hi\n");
  EXPECT_FALSE(r.output_complete());
  EXPECT_THAT(r.describe(), HasSubstr("its output did not end"));
  EXPECT_NO_THROW(r.check());
}

TEST_P(rest_of_output, that_a_leftover_holds_open_fails_a_command_that_requires_it) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result r = only(on(proxy, leftover).drain_timeout(50ms).require_complete_output());
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_EQ(r.status(), exit_status::of_code(0));
  EXPECT_FALSE(r.ok());
  EXPECT_THROW(r.check(), process_error);
}

TEST_P(rest_of_output, that_a_cap_leaves_out_fails_a_command_that_requires_it) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result kept = only(on(proxy, bytes(100'000)).max_output(10));
  EXPECT_TRUE(kept.ok());
  EXPECT_FALSE(kept.output_complete());
  EXPECT_EQ(kept.out_dropped(), 99'990u);
  host_result all = only(on(proxy, bytes(100'000)).max_output(10).require_complete_output());
  EXPECT_EQ(all.how(), end_reason::output_failed) << all.describe();
  EXPECT_EQ(all.status(), exit_status::of_code(0));
}

TEST_P(rest_of_output, of_a_server_that_no_longer_hears_us_is_missing_and_that_is_a_failure) {
  way deaf;
  deaf.hold_after = first_output;
  deaf.loses = true;
  slow_proxy proxy(server->port(), deaf);
  host_result r = only(on(proxy, bytes(100'000), 300ms).drain_timeout(50ms));
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_EQ(r.status(), exit_status::of_code(0));
  EXPECT_EQ(r.phase(), phase::drain);
  EXPECT_EQ(r.error(), std::make_error_code(std::errc::timed_out));
  EXPECT_FALSE(r.ok());
  EXPECT_FALSE(r.output_complete());
  EXPECT_EQ(r.out.size(), first_window);
  EXPECT_THAT(r.describe(), HasSubstr("the end of its output is missing"));
}

TEST_P(rest_of_output, of_a_server_that_falls_silent_after_the_exit_status_is_missing) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result r = after_the_exit(on(proxy, leftover, 300ms).drain_timeout(200ms),
                                 [&](remote&) { proxy.fall_silent(); });
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_EQ(r.error(), std::make_error_code(std::errc::timed_out));
  EXPECT_EQ(r.status(), exit_status::of_code(0));
}

TEST_P(rest_of_output, is_missing_when_the_connection_breaks_after_the_exit_status) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result r =
      after_the_exit(on(proxy, leftover).drain_timeout(1h), [&](remote&) { proxy.reset(); });
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_EQ(r.status(), exit_status::of_code(0));
  EXPECT_FALSE(r.output_complete());
  EXPECT_THAT(r.describe(), HasSubstr("the end of its output is missing"));
}

TEST_P(rest_of_output, is_not_waited_for_after_a_stop) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result r = after_the_exit(on(proxy, leftover).drain_timeout(1h),
                                 [&](remote& action) { action.request_stop(); });
  EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
  EXPECT_FALSE(r.output_complete());
}

TEST_P(rest_of_output, is_not_waited_for_after_a_stop_while_the_server_is_asked) {
  way deaf;
  deaf.hold_after = first_output;
  deaf.loses = true;
  slow_proxy proxy(server->port(), deaf);
  host_result r = after_the_exit(on(proxy, bytes(100'000), 1h).drain_timeout(1ns),
                                 [&](remote& action) { action.request_stop(); });
  EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
  EXPECT_FALSE(r.output_complete());
}

// It sends the status behind the data.
TEST_P(rest_of_output, of_dropbear_comes_whole_over_a_long_way_and_past_a_hold) {
  if (!sshd_fixture::available(ssh_server::dropbear)) GTEST_SKIP() << "no dropbear, or not root";
  sshd_fixture dropbear({}, ssh_server::dropbear);
  way far;
  far.delay = 300ms;
  way held;
  held.hold_after = first_output;
  held.hold = 2s;
  for (const way& how : {far, held}) {
    slow_proxy proxy(dropbear.port(), how);
    ssh_options options = reach(proxy.port());
    options.identities = {dropbear.identity()};
    host_result r = only(remote(bytes(100'000), host_set("127.6.0.1")).ssh(options));
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_TRUE(r.output_complete());
    EXPECT_EQ(r.out.size(), 100'000u);
  }
}

TEST_P(rest_of_output, that_drips_from_a_leftover_for_ever_is_given_up) {
  way near;
  slow_proxy proxy(server->port(), near);
  host_result r = only(
      on(proxy, "(while :; do sleep .05; echo late; done) & echo now", 500ms).drain_timeout(2s));
  EXPECT_EQ(r.how(), end_reason::exited) << r.describe();
  EXPECT_THAT(r.out, HasSubstr("now\n"));
  EXPECT_THAT(r.out, HasSubstr("late\n"));
  EXPECT_FALSE(r.output_complete());
}

}  // namespace
}  // namespace execo::test
