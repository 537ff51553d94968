#include "ssh/openssh_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

#include "ssh/openssh_words.hpp"

namespace execo::test {
namespace {

using detail::failure;
using detail::openssh_log;
using ::testing::HasSubstr;

openssh_log log_of(std::initializer_list<std::string_view> records) {
  openssh_log log("n1", 22, "me");
  for (std::string_view r : records) log.feed(std::string(r) + "\r\n");
  return log;
}

constexpr std::string_view connecting = "debug1: Connecting to n1 [10.0.0.1] port 22.";
constexpr std::string_view connected = "debug1: Connection established.";
constexpr std::string_view keys = "debug1: SSH2_MSG_NEWKEYS received";
constexpr std::string_view login = "Authenticated to n1 ([10.0.0.1]:22) using \"publickey\".";
constexpr std::string_view asked = "debug1: Sending command: true";
constexpr std::string_view accepted = "debug2: exec request accepted on channel 0";

TEST(openssh_log, follows_the_phases) {
  EXPECT_EQ(log_of({}).reached(), phase::resolve);
  EXPECT_EQ(log_of({connecting}).reached(), phase::connect);
  EXPECT_EQ(log_of({connecting, connected}).reached(), phase::kex);
  EXPECT_EQ(log_of({connecting, connected, keys}).reached(), phase::auth);
  EXPECT_EQ(log_of({connecting, connected, keys, login}).reached(), phase::open);
  openssh_log log = log_of({connecting, connected, keys, login, asked});
  EXPECT_TRUE(log.asked());
  EXPECT_EQ(log.reached(), phase::open);
  log.feed(std::string(accepted) + "\r\n");
  EXPECT_EQ(log.reached(), phase::run);
  // A second key exchange does not lead back.
  log.feed(std::string(keys) + "\r\n");
  EXPECT_EQ(log.reached(), phase::run);
}

TEST(openssh_log, takes_records_in_any_pieces) {
  openssh_log log("n1", 22, "me");
  std::string text = std::string(connecting) + "\r\n" + std::string(connected) + "\r\n";
  for (char c : text) log.feed(std::string_view(&c, 1));
  EXPECT_EQ(log.reached(), phase::kex);
}

TEST(openssh_log, follows_a_login) {
  openssh_log log = log_of({connecting, connected, "debug1: Authenticating to n1:22 as 'ops'", keys,
                            "debug1: Authentications that can continue: publickey,password"});
  EXPECT_EQ(log.authentication().user(), "ops");
  EXPECT_EQ(log.authentication().method(), "");
  EXPECT_EQ(log.authentication().refusals(), 1U);
  log.feed("debug1: Next authentication method: password\r\n");
  EXPECT_EQ(log.authentication().method(), "password");
  log.feed("Authenticated using \"password\" with partial success.\r\n");
  log.feed("debug1: Authentications that can continue: keyboard-interactive\r\n");
  EXPECT_EQ(log.authentication().partial_successes(), 1U);
  EXPECT_EQ(log.authentication().refusals(), 1U) << "that was none";
  log.feed("debug1: Next authentication method: keyboard-interactive\r\n");
  log.feed("debug2: input_userauth_info_req: num_prompts 2\r\n");
  EXPECT_EQ(log.authentication().prompts(), 2U);
  log.feed("debug1: Authentications that can continue: keyboard-interactive\r\n");
  EXPECT_EQ(log.authentication().refusals(), 2U);
  EXPECT_FALSE(log.took_new_key());
  log.feed("Warning: Permanently added 'n1' (ED25519) to the list of known hosts.\r\n");
  EXPECT_TRUE(log.took_new_key());
}

TEST(openssh_log, knows_the_commands_own_end) {
  openssh_log exited = log_of({connected, login, asked, accepted, "debug1: Exit status 255"});
  EXPECT_EQ(exited.status(), exit_status::of_code(255));
  openssh_log signaled =
      log_of({connected, login, asked, accepted,
              "debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0",
              "debug1: Exit status -1"});
  ASSERT_TRUE(signaled.status());
  EXPECT_TRUE(signaled.status()->signal());
  EXPECT_FALSE(log_of({connected, login, asked, accepted, "debug1: Exit status -1"}).status());
}

TEST(openssh_log, is_not_led_astray_by_the_text_of_the_command) {
  openssh_log log = log_of({connected, login,
                            "debug1: Sending command: echo a\n"
                            "debug2: exec request accepted on channel 0\ndebug1: Exit status 0"});
  EXPECT_EQ(log.reached(), phase::open);
  EXPECT_FALSE(log.status());
}

TEST(openssh_log, tells_the_failures_apart) {
  struct expected {
    std::initializer_list<std::string_view> records;
    end_reason how;
    std::string_view context;
  };
  const expected all[] = {
      {{"ssh: Could not resolve hostname n1: Name or service not known"},
       end_reason::connect_failed,
       "resolve n1: Name or service not known"},
      {{connecting, "ssh: connect to host n1 port 22: Connection refused"},
       end_reason::connect_failed,
       "connect n1:22"},
      {{connecting, connected, "kex_exchange_identification: Connection closed by remote host",
        "Connection closed by 10.0.0.1 port 22"},
       end_reason::connect_failed,
       "n1: key exchange: "},
      {{connecting, connected,
        "debug1: kex_exchange_identification: banner line 0: Exceeded MaxStartups",
        "kex_exchange_identification: Connection closed by remote host",
        "Connection closed by 10.0.0.1 port 22"},
       end_reason::connect_failed,
       "Connection closed by 10.0.0.1 port 22; it said: Exceeded MaxStartups"},
      {{connecting, connected,
        "Unable to negotiate with 10.0.0.1 port 22: no matching key exchange method found. Their "
        "offer: a,b"},
       end_reason::connect_failed,
       "n1: key exchange: no matching key exchange method found. Their offer: a,b"},
      {{connecting, connected,
        "No ED25519 host key is known for n1 and you have requested strict checking.",
        "Host key verification failed."},
       end_reason::host_key_rejected,
       "n1: the host key is not known"},
      {{connecting, connected, "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "Host key verification failed."},
       end_reason::host_key_rejected,
       "n1: the host key has changed"},
      {{connecting, connected, keys, "me@n1: Permission denied (publickey,password)."},
       end_reason::auth_failed,
       "me@n1: the server refused the identities; it takes (publickey,password)."},
      {{connecting, connected, keys,
        "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures",
        "Disconnected from 10.0.0.1 port 22"},
       end_reason::auth_failed,
       "n1: authentication of me: the server disconnected: Too many authentication failures"},
      {{connecting, connected, "Bad packet length 12345678."},
       end_reason::protocol_error,
       "n1: key exchange: Bad packet length"},
      {{connecting, connected, keys, login,
        "channel 0: open failed: administratively prohibited: open failed"},
       end_reason::connect_failed,
       "the command was not started"},
      {{connecting, connected, keys, login, asked, "exec request failed on channel 0"},
       end_reason::connect_failed,
       "n1: exec request failed on channel 0; the command was not started"},
      {{connecting, connected, keys, login, asked, accepted,
        "client_loop: send disconnect: Broken pipe"},
       end_reason::connection_lost,
       "n1: the connection was lost: client_loop: send disconnect: Broken pipe"},
      {{connecting, connected, keys, login, asked, accepted, "debug1: Exit status -1"},
       end_reason::status_lost,
       "n1: the server closed the channel without an exit status"},
  };
  for (const expected& e : all) {
    failure why = log_of(e.records).describe("");
    EXPECT_EQ(why.how, e.how) << e.context;
    EXPECT_THAT(why.context, HasSubstr(e.context));
  }
  EXPECT_EQ(
      log_of({connecting, "ssh: connect to host n1 port 22: Connection refused"}).describe("").why,
      std::errc::connection_refused);
}

TEST(openssh_log, shows_what_ssh_says_beside_its_log_when_there_is_none) {
  failure why = openssh_log("n1", 22, "me").describe("command-line: line 0: Bad option: x\r\n");
  EXPECT_EQ(why.how, end_reason::connect_failed);
  EXPECT_EQ(why.context, "n1: command-line: line 0: Bad option: x");
}

TEST(openssh_log, finds_the_words_that_ssh_adds_when_a_connection_is_lost) {
  auto own = [](std::string_view text) {
    return std::string(text.substr(openssh_log::find_last_words(text, "n1")));
  };
  EXPECT_EQ(own("err\nConnection to n1 closed by remote host.\r\n"),
            "Connection to n1 closed by remote host.\r\n");
  EXPECT_EQ(own("noRead from remote host n1: Connection reset by peer\r\n"),
            "Read from remote host n1: Connection reset by peer\r\n");
  EXPECT_EQ(own("err\r\n"), "");
  EXPECT_EQ(own("Read from remote host n1: a\nmore\r\n"), "");
  EXPECT_EQ(own("Connection to n2 closed by remote host.\r\n"), "");
}

openssh_log forward_of(std::initializer_list<std::string_view> more) {
  openssh_log log("n1", 22, "me", openssh_log::work::forward);
  for (std::string_view r : {connecting, connected, keys, login}) log.feed(std::string(r) + "\r\n");
  for (std::string_view r : more) log.feed(std::string(r) + "\r\n");
  return log;
}

TEST(openssh_log, tells_where_a_forward_is_listened_for) {
  EXPECT_FALSE(forward_of({}).listening().here());
  EXPECT_TRUE(forward_of({"debug1: Entering interactive session."}).listening().here());
  openssh_log there =
      forward_of({"debug1: remote forward success for: listen 127.0.0.1:0, connect db:80",
                  "Allocated port 43297 for remote forward to db:80"});
  EXPECT_EQ(there.listening().chosen_port(), 43297);
  EXPECT_FALSE(there.listening().there());
  there.feed("debug1: forwarding_success: all expected forwarding replies received\r\n");
  EXPECT_TRUE(there.listening().there());
}

TEST(openssh_log, tells_why_a_forward_is_not_listened_for) {
  openssh_log port = forward_of({"bind [127.0.0.1]:80: Permission denied",
                                 "channel_setup_fwd_listener_tcpip: cannot listen to port: 80",
                                 "Could not request local forwarding."});
  EXPECT_EQ(port.listening().problem(), "bind [127.0.0.1]:80: Permission denied");
  EXPECT_EQ(port.listen_error(), std::errc::permission_denied);
  openssh_log path = forward_of({"unix_listener: cannot bind to path /x: Address already in use"});
  EXPECT_EQ(path.listen_error(), std::errc::address_in_use);
  openssh_log there =
      forward_of({"Error: remote port forwarding failed for listen path /run/socket"});
  EXPECT_TRUE(there.listening().refused());
  EXPECT_EQ(there.listening().problem(), "");
}

TEST(openssh_log, does_not_speak_of_a_command_where_there_is_none) {
  failure lost = forward_of({"debug1: Entering interactive session."}).describe("");
  EXPECT_EQ(lost.how, end_reason::connection_lost);
  EXPECT_EQ(lost.context, "n1: the connection was lost");
}

TEST(openssh_log, follows_a_subsystem_as_a_command) {
  openssh_log log = log_of({connecting, connected, keys, login, "debug1: Sending subsystem: sftp"});
  EXPECT_TRUE(log.asked());
  openssh_log refused = log;
  log.feed("debug2: subsystem request accepted on channel 0\r\n");
  EXPECT_EQ(log.reached(), phase::run);
  refused.feed("subsystem request failed on channel 0\r\n");
  EXPECT_EQ(refused.describe("").how, end_reason::connect_failed);
  EXPECT_EQ(refused.describe("").why, std::errc::not_supported);
}

TEST(openssh_words, ask_for_a_subsystem_by_its_name) {
  detail::openssh_setup setup(ssh_options(), detail::ssh_caller::now(),
                              detail::surroundings::none());
  std::vector<std::string> words = setup.words_to_subsystem(host("n1"), "/log", "", "sftp");
  EXPECT_THAT(words, testing::Contains("-s"));
  std::vector<std::string> last(words.end() - 3, words.end());
  EXPECT_THAT(last, testing::ElementsAre("--", "n1", "sftp"));
}

TEST(openssh_words, end_their_options_before_the_host) {
  ssh_options options;
  options.user = "me";
  options.identities = {"/key with \"quotes\" and 100%"};
  options.known_hosts = "/known hosts";
  options.identities_only = true;
  options.host_key_policy = host_keys::strict;
  detail::openssh_setup setup(options, detail::ssh_caller::now(), detail::surroundings::none());
  std::vector<std::string> words = setup.words(host("you@n1:2222"), "/log", "", false, "a; b");
  EXPECT_THAT(words, testing::Contains("IdentityFile=\"/key with \\\"quotes\\\" and 100%%\""));
  EXPECT_THAT(words, testing::Contains("UserKnownHostsFile=\"/known hosts\""));
  EXPECT_THAT(words, testing::Contains("StrictHostKeyChecking=\"yes\""));
  EXPECT_THAT(words, testing::Contains("IdentitiesOnly=\"yes\""));
  std::vector<std::string> last(words.end() - 7, words.end());
  EXPECT_THAT(last, testing::ElementsAre("-p", "2222", "-l", "you", "--", "n1", "a; b"));
}

}  // namespace
}  // namespace execo::test
