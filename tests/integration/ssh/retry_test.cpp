// Connections that are lost before the end of the key exchange: made again, as long as there is
// time for it, and the end says what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "execo/remote.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/when_all.hpp"
#include "fake_peer.hpp"
#include "fleet_fixture.hpp"
#include "held_clock.hpp"
#include "recorded_run.hpp"
#include "slow_proxy.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// How a server, or what is before it, loses a connection.
struct loss {
  const char* name;
  const char* last_words;
  bool resets;
  failure_reason reason;
  const char* context;
};

constexpr loss losses[] = {
    {"reset", "", true, failure_reason::closed, ""},
    {"closed", "", false, failure_reason::closed, ""},
    {"max_startups", "Exceeded MaxStartups\r\n", false, failure_reason::max_startups,
     "; it said: Exceeded MaxStartups"},
    {"penalties", "Not allowed at this time\r\n", false, failure_reason::max_startups,
     "; it said: Not allowed at this time"},
    {"closed_after_banner", "SSH-2.0-OpenSSH_9.2\r\n", false, failure_reason::closed,
     "key exchange: "},
    {"reset_after_banner", "SSH-2.0-OpenSSH_9.2\r\n", true, failure_reason::closed, ""},
};

class lost_connection {
 public:
  loss how;
  ssh_client client;
};

std::vector<lost_connection> all_losses(ssh_client client) {
  std::vector<lost_connection> all;
  for (const loss& how : losses) all.push_back({how, client});
  return all;
}

std::string name_of_case(const testing::TestParamInfo<lost_connection>& one) {
  return std::string(one.param.how.name) +
         (one.param.client == ssh_client::openssh ? "_openssh" : "");
}

class lost_connections : public ::testing::TestWithParam<lost_connection> {
 protected:
  static void SetUpTestSuite() {
    fleet_ = std::make_unique<fleet_fixture>("127.0.0.1,127.1.0.[1-50]",
                                             std::vector<std::string>{"--exec", "canned"});
  }
  static void TearDownTestSuite() { fleet_.reset(); }

  static const loss& how_lost() { return GetParam().how; }
  static way losing(unsigned count) {
    const loss& how = how_lost();
    way to;
    to.lost_first = count;
    to.last_words = how.last_words;
    to.resets = how.resets;
    return to;
  }
  static ssh_options options() {
    ssh_options made;
    made.user = "test";
    made.identities.push_back(fleet_->identity());
    made.host_key_policy = host_keys::ignore;
    made.config_file = "none";
    made.via = GetParam().client;
    return made;
  }
  static host_result run(const ssh_options& how, int port) {
    std::vector<host> hosts{host("127.1.0.1:" + std::to_string(port))};
    action_result all =
        sync_wait(remote("echo hello from $FLEET_HOST", hosts).ssh(how).timeout(60s).run());
    return all.all()[0];
  }

  static inline std::unique_ptr<fleet_fixture> fleet_;
};

TEST_P(lost_connections, are_made_again) {
  slow_proxy proxy(fleet_->port(), losing(3));
  host_result r = run(options(), proxy.port());
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_EQ(r.reason(), failure_reason::none);
  EXPECT_EQ(proxy.accepted(), 4U);
}

TEST_P(lost_connections, end_as_the_last_try_did_when_the_tries_are_spent) {
  slow_proxy proxy(fleet_->port(), losing(1000));
  ssh_options how = options();
  how.max_retries = 2;
  host_result r = run(how, proxy.port());
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_EQ(r.reason(), how_lost().reason) << r.dump();
  // A reset may be there before the connection is seen.
  if (!how_lost().resets) {
    EXPECT_EQ(r.phase(), phase::kex);
  }
  EXPECT_THAT(r.error_context(), HasSubstr(how_lost().context));
  EXPECT_THAT(r.error_context(), HasSubstr("; tried 3 times"));
  EXPECT_EQ(r.started_command(), certainty::no);
  EXPECT_EQ(proxy.accepted(), 3U);
}

TEST_P(lost_connections, are_not_made_again_if_that_is_turned_off) {
  slow_proxy proxy(fleet_->port(), losing(1000));
  ssh_options how = options();
  how.max_retries = 0;
  host_result r = run(how, proxy.port());
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_EQ(r.reason(), how_lost().reason) << r.dump();
  EXPECT_THAT(r.error_context(), Not(HasSubstr("tried")));
  EXPECT_EQ(proxy.accepted(), 1U);
}

class lost_hops : public lost_connections {};

TEST_P(lost_hops, are_made_again_once_for_all_behind_it) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  slow_proxy proxy(server.port(), losing(3));
  ssh_options how = options_for(server);
  how.jump.push_back(server.user() + "@127.1.0.50:" + std::to_string(proxy.port()));
  action_result all =
      sync_wait(remote("true", host_set("127.1.0.[1-20]")).ssh(how).timeout(60s).run());
  EXPECT_TRUE(all.ok()) << all.all()[0].dump();
  EXPECT_EQ(proxy.accepted(), 4U);
}

INSTANTIATE_TEST_SUITE_P(server, lost_connections,
                         testing::ValuesIn(all_losses(ssh_client::built_in)), name_of_case);
INSTANTIATE_TEST_SUITE_P(program, lost_connections,
                         testing::ValuesIn(all_losses(ssh_client::openssh)), name_of_case);
INSTANTIATE_TEST_SUITE_P(server, lost_hops, testing::ValuesIn(all_losses(ssh_client::built_in)),
                         name_of_case);

class retried : public lost_connections {};
class retried_in_time : public lost_connections {};
INSTANTIATE_TEST_SUITE_P(server, retried_in_time,
                         testing::Values(lost_connection{losses[2], ssh_client::built_in}),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(server, retried,
                         testing::Values(lost_connection{losses[2], ssh_client::built_in},
                                         lost_connection{losses[2], ssh_client::openssh}),
                         name_of_case);

TEST_P(retried_in_time, hosts_end_at_their_deadline_as_the_last_try_did) {
  slow_proxy proxy(fleet_->port(), losing(1'000'000));
  context c;
  led_clock time(c);
  std::optional<host_result> r;
  auto once = [&]() -> task<> {
    std::vector<host> hosts{host("127.1.0.1:" + std::to_string(proxy.port()))};
    action_result all = co_await remote("true", hosts).ssh(options()).run();
    r = all.all()[0];
  };
  auto lead = [&]() -> task<> {
    // A millisecond each, so that the server can answer.
    for (int step = 0; step < 950; ++step) {
      time.hurry(20ms);
      co_await sleep(20ms);
    }
    EXPECT_FALSE(r);
    EXPECT_GE(proxy.accepted(), 6U);
    time.hurry(1s);
  };
  sync_wait(c, when_all(once(), lead()));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->elapsed(), 20s) << r->dump();
  EXPECT_EQ(r->how(), end_reason::connect_failed);
  EXPECT_EQ(r->reason(), failure_reason::max_startups);
  EXPECT_EQ(r->phase(), phase::kex);
  EXPECT_THAT(r->error_context(), HasSubstr("; it said: Exceeded MaxStartups; tried "));
}

TEST_P(retried_in_time, hops_end_at_the_deadline_of_who_waits_as_the_last_try_did) {
  slow_proxy proxy(fleet_->port(), losing(1'000'000));
  ssh_options how = options();
  how.jump.push_back("test@127.1.0.50:" + std::to_string(proxy.port()));
  how.port = fleet_->port();
  how.limits.establish = 2s;
  action_result all = sync_wait(remote("true", host_set("127.1.0.[1-3]")).ssh(how).run());
  for (const host_result& r : all.all()) {
    EXPECT_EQ(r.how(), end_reason::connect_failed) << r.dump();
    EXPECT_EQ(r.reason(), failure_reason::max_startups) << r.dump();
    EXPECT_EQ(r.phase(), phase::connect);
    EXPECT_THAT(r.error_context(), HasSubstr("127.1.0.50 (hop 1 of 1): key exchange: "));
    EXPECT_THAT(r.error_context(), HasSubstr("; it said: Exceeded MaxStartups; tried "));
  }
}

TEST_P(retried, refusals_are_final_unless_tries_are_asked_for) {
  fake_peer nobody("127.0.0.1");
  nobody.stop_listening();
  host_result r = run(options(), nobody.port());
  EXPECT_EQ(r.reason(), failure_reason::refused);
  EXPECT_THAT(r.error_context(), Not(HasSubstr("tried")));
  ssh_options how = options();
  how.max_retries = 2;
  r = run(how, nobody.port());
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_EQ(r.reason(), failure_reason::refused);
  EXPECT_EQ(r.phase(), phase::connect);
  EXPECT_THAT(r.error_context(), HasSubstr("; tried 3 times"));
}

// What follows the tries is an end of its own.
TEST_P(retried, hosts_whose_login_fails_then_are_told_so) {
  fleet_fixture refusing("127.0.0.1", {"--exec", "canned", "--fault", "127.0.0.1:reject-auth"});
  slow_proxy proxy(refusing.port(), losing(2));
  ssh_options how = options();
  how.identities.assign(1, refusing.identity());
  host_result r = run(how, proxy.port());
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.dump();
  EXPECT_EQ(r.reason(), failure_reason::wrong_key);
  EXPECT_THAT(r.error_context(), Not(HasSubstr("tried")));
  EXPECT_EQ(proxy.accepted(), 3U);
}

TEST_P(retried, hosts_whose_command_takes_too_long_then_are_timed_out) {
  slow_proxy proxy(fleet_->port(), losing(4));
  std::vector<host> hosts{host("127.1.0.1:" + std::to_string(proxy.port()))};
  action_result all = sync_wait(remote("sleep 30s", hosts).ssh(options()).timeout(1ms).run());
  const host_result& r = all.all()[0];
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.dump();
  EXPECT_EQ(r.reason(), failure_reason::none);
  EXPECT_EQ(r.error_context(), "");
}

TEST_P(retried, what_is_no_ssh_server_is_final) {
  way http = losing(1000);
  http.last_words = "HTTP/1.1 400 Bad Request\r\n\r\n";
  slow_proxy proxy(fleet_->port(), http);
  host_result r = run(options(), proxy.port());
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_EQ(r.reason(), failure_reason::no_banner);
  EXPECT_EQ(proxy.accepted(), 1U);
}

TEST_P(retried, proxy_commands_that_fail_are_final_unless_they_were_turned_away) {
  scratch_directory folder;
  std::string seen = folder.path() + "/seen";
  auto tries_of = [&](const std::string& words) {
    ssh_options how = options();
    how.limits.establish = 1s;
    how.proxy_command = "sh -c 'echo " + words + " >&2; echo >>" + seen + "; exit 1'";
    host_result r = run(how, 22);
    EXPECT_EQ(r.how(), end_reason::connect_failed) << r.dump();
    auto lines = std::ranges::count(file_bytes(seen), '\n');
    std::filesystem::remove(seen);
    return lines;
  };
  EXPECT_EQ(tries_of("no way"), 1);
  EXPECT_GT(tries_of("Exceeded MaxStartups"), 1);
}

// A server that has stopped to answer is told from one that turns connections away.
TEST_P(retried, hosts_that_fall_silent_are_timed_out) {
  slow_proxy proxy(fleet_->port(), losing(1));
  proxy.fall_silent();
  ssh_options how = options();
  how.limits.establish = 1s;
  host_result r = run(how, proxy.port());
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_EQ(r.reason(), failure_reason::no_banner) << r.dump();
  EXPECT_EQ(proxy.accepted(), 2U);
}

}  // namespace
}  // namespace execo::test
