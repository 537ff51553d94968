// Logins with passwords and codes, against a fleet that counts what comes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <map>

#include "asked_user.hpp"
#include "execo/execo.hpp"
#include "password_fleet.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using words = std::vector<std::string>;

ssh_options asking(asked_user& user, const password_fleet& fleet) {
  ssh_options how = fleet.options();
  how.password = user.prompt();
  return how;
}

TEST(password, is_asked_for_once_and_lets_in_to_all_hosts) {
  password_fleet fleet("127.24.1.[1-100]", "password");
  ssh_options options = fleet.options();
  words asked;
  auto read_without_echo = [&](const std::string& text) {
    asked.push_back(text);
    return std::string(right_one);
  };
  options.password = secret_prompt([&](const std::string& text) -> std::optional<secret> {
    return secret(read_without_echo(text));
  });
  EXPECT_EQ(run_on("127.24.1.[1-60]", options).stats().ok, 60U);
  EXPECT_EQ(run_on("127.24.1.[61-100]", options).stats().ok, 40U) << "in another context";
  EXPECT_EQ(asked, words{"Password for ops: "});
  EXPECT_EQ(fleet.secrets(), 100);
}

TEST(password, that_is_wrong_is_sent_to_one_host_and_ends_all_of_them) {
  password_fleet fleet("127.24.2.[1-200]", "password");
  asked_user user({"incorrect horse"});
  ssh_options how = asking(user, fleet);
  action_result all = run_on("127.24.2.[1-200]", how);
  EXPECT_EQ(failed(all, failure_reason::wrong_password), 200U);
  EXPECT_EQ(failed(run_on("127.24.2.7", how), failure_reason::wrong_password), 1U);
  std::size_t quoted = 0;
  for (const host_result& r : all.all()) {
    bool sent = r.error_context().ends_with(": the server refused the password");
    EXPECT_TRUE(sent || r.error_context().find(" refused it for ops") != std::string::npos)
        << r.error_context();
    quoted += sent ? 1 : 0;
  }
  EXPECT_EQ(quoted, 1U);
  EXPECT_EQ(user.texts().size(), 1U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, that_is_wrong_is_sent_once_by_all_rings_of_a_context) {
  password_fleet fleet("127.24.3.[1-100]", "password");
  asked_user user({"incorrect horse"});
  ssh_options how = asking(user, fleet);
  context several(rings(2));
  EXPECT_EQ(failed(run_on("127.24.3.[1-100]", how, several), failure_reason::wrong_password), 100U);
  EXPECT_EQ(user.texts().size(), 1U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, that_costs_the_connection_is_sent_once) {
  password_fleet fleet("127.24.4.[1-50]", "password",
                       {"--fault", "127.24.4.[1-50]:disconnect-password"});
  asked_user user({"incorrect horse"});
  ssh_options how = asking(user, fleet);
  EXPECT_EQ(failed(run_on("127.24.4.[1-50]", how), failure_reason::wrong_password), 50U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, goes_on_to_the_next_host_if_the_first_does_not_answer) {
  // Its deadline ends it, or it is not waited for any longer.
  for (duration limit : {duration(700ms), duration(60s)}) {
    password_fleet fleet("127.24.5.[1-20]", "password", {"--fault", "127.24.5.1:stall-password"});
    asked_user user({right_one});
    ssh_options how = asking(user, fleet);
    context here;
    sync_wait(here, [](ssh_options options, duration first_limit, asked_user& asked) -> task<> {
      remote first("true", host_set("127.24.5.1"));
      remote others("true", host_set("127.24.5.[2-20]"));
      others.ssh(options);
      options.limits.establish = first_limit;
      first.ssh(options);
      first.start();
      while (asked.texts().empty()) co_await sleep(1ms);
      action_result all = co_await others.run();
      EXPECT_EQ(all.stats().ok, 19U);
      first.request_stop();
      std::optional<host_result> end = co_await first.next();
      EXPECT_FALSE(end->ok());
    }(how, limit, user));
    EXPECT_EQ(fleet.secrets(), 20);
  }
}

TEST(password, is_not_asked_for_if_keys_are_enough) {
  password_fleet fleet("127.24.6.[1-5]", "publickey password");
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  EXPECT_EQ(run_on("127.24.6.[1-5]", how).stats().ok, 5U);
  EXPECT_TRUE(user.texts().empty());
}

TEST(password, answers_the_one_prompt_that_is_for_it) {
  password_fleet fleet("127.24.7.[1-20]", "keyboard-interactive");
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  EXPECT_EQ(run_on("127.24.7.[1-20]", how).stats().ok, 20U);
  EXPECT_EQ(user.texts().size(), 1U);
  EXPECT_EQ(fleet.secrets(), 20);
}

TEST(password, that_is_wrong_at_a_prompt_is_sent_once) {
  password_fleet fleet("127.24.8.[1-50]", "keyboard-interactive");
  asked_user user({"incorrect horse"});
  ssh_options how = asking(user, fleet);
  EXPECT_EQ(failed(run_on("127.24.8.[1-50]", how), failure_reason::wrong_password), 50U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, is_never_sent_to_another_prompt) {
  const std::vector<words> unexpected = {
      {"--prompt", "Verification code: =correct horse"},
      {"--prompt", "+Password: =correct horse"},
      {"--prompt", "Password: =correct horse|Code: =1"},
      {"--prompt", "One-time password: =correct horse"},
  };
  for (const words& prompts : unexpected) {
    password_fleet fleet("127.24.9.1", "keyboard-interactive", prompts);
    asked_user user({right_one});
    ssh_options how = asking(user, fleet);
    std::string text = text_of(run_on("127.24.9.1", how));
    EXPECT_THAT(text, HasSubstr("auth_failed: ops@127.24.9.1: no one answers its prompt: "));
    EXPECT_EQ(fleet.secrets(), 0) << prompts[1];
  }
}

TEST(password, is_not_sent_twice_to_a_server_that_asks_again) {
  password_fleet fleet("127.24.10.1", "keyboard-interactive",
                       {"--prompt", "Password: =correct horse", "--prompt", "Password: =x"});
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  EXPECT_EQ(failed(run_on("127.24.10.1", how), failure_reason::wrong_password), 1U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, that_is_to_be_changed_is_said_so) {
  password_fleet fleet("127.24.11.1", "keyboard-interactive",
                       {"--prompt", "Password: =correct horse", "--prompt",
                        "New password: =x|Retype new password: =x"});
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  action_result all = run_on("127.24.11.1", how);
  EXPECT_EQ(failed(all, failure_reason::password_change), 1U);
  EXPECT_EQ(text_of(all), "auth_failed: ops@127.24.11.1: the server asks for a new password");
}

constexpr const char* changing_server = R"(
import asyncio, asyncssh

class server(asyncssh.SSHServer):
    def begin_auth(self, user):
        return True
    def password_auth_supported(self):
        return True
    def validate_password(self, user, password):
        raise asyncssh.PasswordChangeRequired('Your password has expired')

async def serve():
    key = asyncssh.generate_private_key('ssh-ed25519')
    at = await asyncssh.listen('127.24.22.1', 0, server_host_keys=[key], server_factory=server)
    print(at.sockets[0].getsockname()[1], key.export_public_key().decode(), flush=True)
    await at.wait_closed()

asyncio.run(serve())
)";

// SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, which OpenSSH does not send.
TEST(password, that_is_to_be_changed_is_said_so_without_a_prompt) {
  if (::access("/usr/bin/python3", X_OK) != 0 ||
      run_program({"/usr/bin/python3", "-c", "import asyncssh"}).code != 0)
    GTEST_SKIP() << "no asyncssh";
  program server({"/usr/bin/python3", "-c", changing_server});
  ASSERT_TRUE(server.out_has("\n"));
  std::string port = server.out().substr(0, server.out().find(' '));
  scratch_directory folder;
  std::ofstream(folder.path() + "/known_hosts")
      << "[127.24.22.1]:" << port << server.out().substr(port.size());
  asked_user user({right_one});
  ssh_options how;
  how.config_file = "none";
  how.agent = "none";
  how.user = "ops";
  how.port = std::stoi(port);
  how.config_lines = {"PubkeyAuthentication no"};
  how.known_hosts = folder.path() + "/known_hosts";
  how.password = user.prompt();
  action_result all = run_on("127.24.22.1", how);
  EXPECT_EQ(failed(all, failure_reason::password_change), 1U);
  EXPECT_EQ(text_of(all), "auth_failed: ops@127.24.22.1: the server asks for a new password");
}

TEST(password, is_sent_to_no_host_whose_key_is_not_checked) {
  password_fleet fleet("127.24.12.1", "password");
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  how.host_key_policy = host_keys::ignore;
  EXPECT_EQ(text_of(run_on("127.24.12.1", how)),
            "auth_failed: ops@127.24.12.1: the password is not sent to a host whose key is not "
            "checked (host keys: ignore)");
  EXPECT_TRUE(user.texts().empty());
  how.host_key_policy = host_keys::accept_new;
  EXPECT_EQ(run_on("127.24.12.1", how).stats().ok, 1U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, is_sent_to_no_host_that_is_exempt_since_its_name_leads_here) {
  password_fleet fleet("127.0.0.1", "password");
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  how.config_lines = {"NoHostAuthenticationForLocalhost yes"};
  EXPECT_EQ(text_of(run_on("localhost", how)),
            "auth_failed: ops@localhost: the password is not sent to a host whose key is not "
            "checked (NoHostAuthenticationForLocalhost yes)");
  EXPECT_TRUE(user.texts().empty());
  how.config_lines.emplace_back("HostKeyAlias here");
  how.host_key_policy = host_keys::accept_new;
  action_result named = run_on("localhost", how);
  EXPECT_EQ(named.stats().ok, 1U) << text_of(named);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(password, that_is_not_given_is_not_asked_for_again) {
  password_fleet fleet("127.24.13.[1-9]", "password");
  asked_user user({});
  ssh_options how = asking(user, fleet);
  action_result all = run_on("127.24.13.[1-9]", how);
  EXPECT_EQ(all.stats().ok, 0U);
  EXPECT_EQ(text_of(all), "auth_failed: ops@127.24.13.1: the password was not given");
  EXPECT_EQ(user.texts().size(), 1U);
  EXPECT_EQ(fleet.secrets(), 0);
}

TEST(password, takes_the_users_time_and_not_the_hosts) {
  password_fleet fleet("127.24.14.[1-5]", "password");
  ssh_options how = fleet.options();
  how.limits.establish = 1500ms;
  how.password = secret_prompt([](const std::string&) -> std::optional<secret> {
    (void)::poll(nullptr, 0, 3000);  // a slow typist
    return secret(right_one);
  });
  EXPECT_EQ(run_on("127.24.14.[1-5]", how).stats().ok, 5U);
}

TEST(password, is_one_for_each_user) {
  password_fleet fleet("127.24.15.[1-2]", "password");
  asked_user user({right_one, "incorrect horse"});
  ssh_options how = asking(user, fleet);
  EXPECT_EQ(run_on("127.24.15.[1-2]", how).stats().ok, 2U);
  how.user = "dev";
  EXPECT_EQ(failed(run_on("127.24.15.[1-2]", how), failure_reason::wrong_password), 2U);
  EXPECT_EQ(user.texts(), (words{"Password for ops: ", "Password for dev: "}));
}

TEST(password, comes_behind_a_key_where_a_server_wants_both) {
  for (const char* methods : {"publickey,password", "password,publickey",
                              "publickey,keyboard-interactive", "keyboard-interactive,publickey"}) {
    password_fleet fleet("127.24.16.[1-3]", methods);
    asked_user user({right_one});
    ssh_options how = asking(user, fleet);
    EXPECT_EQ(run_on("127.24.16.[1-3]", how).stats().ok, 3U) << methods;
  }
}

TEST(password, is_forbidden_by_ssh_config) {
  password_fleet fleet("127.24.17.1", "password");
  asked_user user({right_one});
  ssh_options how = asking(user, fleet);
  for (const char* line : {"PasswordAuthentication no", "NumberOfPasswordPrompts 0",
                           "BatchMode yes", "PreferredAuthentications publickey"}) {
    how.config_lines = {line};
    EXPECT_THAT(text_of(run_on("127.24.17.1", how)), HasSubstr("the server refused the identities"))
        << line;
  }
  EXPECT_TRUE(user.texts().empty());
  for (const char* line : {"KbdInteractiveAuthentication no", "PubkeyAuthentication no",
                           "PreferredAuthentications password"}) {
    how.config_lines = {line};
    EXPECT_EQ(run_on("127.24.17.1", how).stats().ok, 1U) << line;
  }
  how.password = secret_prompt();
  how.config_lines = {"PubkeyAuthentication no"};
  EXPECT_EQ(text_of(run_on("127.24.17.1", how)),
            "auth_failed: ops@127.24.17.1: ssh_config allows no key");
}

class password_of_openssh : public ::testing::Test {
 protected:
  void serve(const std::string& config) {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    // correct horse
    std::string hash =
        "$6$execo$C5zpTWchJ37ksbc68stOVlrwKPY76kBGKtIwHXXs7SeBSPxGjXPYdjlR5xYrzSkM."
        "54HgBjfJ7MU8ORPzA4xy1";
    server = std::make_unique<sshd_fixture>(
        config, ssh_server::openssh,
        std::map<std::string, std::string>{
            {"shadow", "root:*:19000::::::\nexeco-test:" + hash + ":19000::::::\n"}});
    if (server->ordinary_user().empty()) GTEST_SKIP() << "no namespace for users with a password";
    std::ofstream(folder.path() + "/known_hosts") << "* " << server->host_key() << "\n";
    options.config_file = "none";
    options.agent = "none";
    options.port = server->port();
    options.user = server->ordinary_user();
    options.identities = {server->identity()};
    options.known_hosts = folder.path() + "/known_hosts";
  }
  /// How many passwords sshd has refused.
  std::size_t refused() const {
    std::string log = server->log(), words = "Failed password for ";
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find(words, at)) != log.npos; at += words.size()) ++count;
    return count;
  }

  scratch_directory folder;
  std::unique_ptr<sshd_fixture> server;
  ssh_options options;
};

TEST_F(password_of_openssh, lets_in_alone_behind_a_key_and_through_a_hop) {
  for (const char* methods : {"password", "publickey,password", "password,publickey"}) {
    serve("PasswordAuthentication yes\nAuthenticationMethods " + std::string(methods) + "\n");
    if (IsSkipped()) return;
    asked_user user({right_one});
    options.password = user.prompt();
    EXPECT_EQ(run_on("127.24.50.[1-5]", options).stats().ok, 5U) << methods;
    ssh_options behind = options;
    behind.jump = {options.user + "@127.24.51.1:" + std::to_string(server->port())};
    EXPECT_EQ(run_on("127.24.50.[1-5]", behind).stats().ok, 5U) << methods;
    EXPECT_EQ(user.texts().size(), 1U);
  }
}

TEST_F(password_of_openssh, that_is_wrong_is_refused_once) {
  // Once so that it says so, once so that it disconnects.
  for (const char* more : {"", "MaxAuthTries 1\n"}) {
    serve("PasswordAuthentication yes\nPubkeyAuthentication no\n" + std::string(more));
    if (IsSkipped()) return;
    asked_user user({"incorrect horse"});
    options.password = user.prompt();
    options.config_lines = {"PubkeyAuthentication no"};
    action_result all = run_on("127.24.52.[1-20]", options);
    EXPECT_EQ(failed(all, failure_reason::wrong_password), 20U) << text_of(all);
    EXPECT_EQ(refused(), 1U) << more;
  }
}

TEST(one_time_code, is_asked_for_each_host_and_each_prompt) {
  password_fleet fleet("127.24.18.[1-3]", "publickey,keyboard-interactive",
                       {"--prompt", "Verification code: =123456"});
  asked_user user({"123456", "123456", "123456"});
  ssh_options how = fleet.options();
  how.one_time_code = user.prompt();
  EXPECT_EQ(run_on("127.24.18.[1-3]", how).stats().ok, 3U);
  words texts = user.texts();
  std::ranges::sort(texts);
  EXPECT_EQ(texts,
            (words{"(ops@127.24.18.1) Verification code: ", "(ops@127.24.18.2) Verification code: ",
                   "(ops@127.24.18.3) Verification code: "}));
}

TEST(one_time_code, comes_behind_the_password) {
  const std::vector<std::pair<const char*, words>> servers = {
      {"password,keyboard-interactive", {"--prompt", "Code: =1"}},
      {"keyboard-interactive", {"--prompt", "Password: =correct horse", "--prompt", "Code: =1"}},
      {"publickey,keyboard-interactive",
       {"--prompt", "Password: =correct horse", "--prompt", "+Code: =1|Again: =1"}},
  };
  for (const auto& [methods, prompts] : servers) {
    password_fleet fleet("127.24.19.[1-2]", methods, prompts);
    asked_user passwords({right_one});
    asked_user codes({"1", "1", "1", "1"});
    ssh_options how = fleet.options();
    how.password = passwords.prompt();
    how.one_time_code = codes.prompt();
    EXPECT_EQ(run_on("127.24.19.[1-2]", how).stats().ok, 2U) << methods;
    EXPECT_EQ(passwords.texts().size(), 1U);
  }
}

TEST(one_time_code, that_is_wrong_or_missing_ends_one_host) {
  password_fleet fleet("127.24.20.[1-3]", "keyboard-interactive", {"--prompt", "Code\x1b[2J: =1"});
  asked_user user({"1", "2"});
  ssh_options how = fleet.options();
  how.one_time_code = user.prompt();
  action_result all = run_on("127.24.20.[1-3]", how);
  EXPECT_EQ(all.stats().ok, 1U);
  EXPECT_EQ(all.stats().failed(end_reason::auth_failed), 2U);
  EXPECT_THAT(user.texts()[0], HasSubstr(") Code^[[2J: ")) << "nothing steers the terminal";
  std::string texts;
  for (const host_result& r : all.all()) texts += r.error_context() + "\n";
  EXPECT_THAT(texts, HasSubstr("the server refused an answer to its prompts"));
  EXPECT_THAT(texts, HasSubstr("its prompt was not answered: Code^[[2J:"));
}

TEST(one_time_code, is_no_way_to_ask_for_a_password) {
  password_fleet fleet("127.24.21.1", "keyboard-interactive");
  ssh_options options = fleet.options();
  std::atomic<int> count = 0;
  auto ask_user = [&count](const std::string&) -> std::optional<secret> {
    ++count;
    return secret(right_one);
  };
  options.one_time_code = secret_prompt(ask_user);
  EXPECT_THAT(text_of(run_on("127.24.21.1", options)),
              HasSubstr("no one answers its prompt: Password"));
  EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace execo::test
