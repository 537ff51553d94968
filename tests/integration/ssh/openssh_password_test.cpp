// Logins of the program ssh with passwords, codes and passphrases, which it asks a program of ours
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "asked_user.hpp"
#include "base/shell_words.hpp"
#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "password_fleet.hpp"
#include "program.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using words = std::vector<std::string>;

ssh_options by_program(const password_fleet& fleet) {
  ssh_options how = fleet.options();
  how.via = ssh_client::openssh;
  how.limits.establish = 10s;
  return how;
}

ssh_options by_program(const password_fleet& fleet, asked_user& user) {
  ssh_options how = by_program(fleet);
  how.password = user.prompt();
  return how;
}

TEST(openssh_password, is_asked_for_once_and_lets_in_to_all_hosts) {
  for (const char* method : {"password", "keyboard-interactive"}) {
    password_fleet fleet("127.24.60.[1-12]", method);
    asked_user user({right_one});
    ssh_options how = by_program(fleet, user);
    action_result all = run_on("127.24.60.[1-8]", how);
    EXPECT_EQ(all.stats().ok, 8U) << text_of(all);
    how.via = ssh_client::built_in;
    EXPECT_EQ(run_on("127.24.60.[9-12]", how).stats().ok, 4U) << "the other client knows it";
    EXPECT_EQ(user.texts(), words{"Password for ops: "}) << method;
    EXPECT_EQ(fleet.secrets(), 12);
  }
}

TEST(openssh_password, that_is_wrong_is_sent_to_one_host_and_ends_all_of_them) {
  const std::vector<std::pair<const char*, words>> servers = {
      {"password", {}},
      {"keyboard-interactive", {}},
      {"password keyboard-interactive", {}},
      {"password", {"--fault", "127.24.61.[1-12]:disconnect-password"}},
  };
  for (const auto& [methods, more] : servers) {
    password_fleet fleet("127.24.61.[1-12]", methods, more);
    asked_user user({"incorrect horse"});
    action_result all = run_on("127.24.61.[1-12]", by_program(fleet, user));
    EXPECT_EQ(failed(all, failure_reason::wrong_password), 12U) << methods << text_of(all);
    std::size_t sent = 0;
    for (const host_result& r : all.all())
      sent += r.error_context().ends_with(": the server refused the password") ? 1 : 0;
    EXPECT_EQ(sent, 1U) << methods;
    EXPECT_EQ(user.texts().size(), 1U);
    EXPECT_EQ(fleet.secrets(), 1) << methods;
  }
}

TEST(openssh_password, is_never_sent_to_another_prompt) {
  const std::vector<words> unexpected = {
      {"--prompt", "Verification code: =correct horse"},
      {"--prompt", "Password: =correct horse|Code: =1"},
      {"--prompt", "One-time password: =correct horse"},
      {"--prompt", "Enter passphrase for key 'id': =correct horse"},
      {"--prompt", "(ops@n1 ) Password: =correct horse"},
  };
  for (const words& prompts : unexpected) {
    password_fleet fleet("127.24.62.1", "keyboard-interactive", prompts);
    asked_user user({right_one});
    ssh_options how = by_program(fleet, user);
    how.passphrase = how.password;
    EXPECT_THAT(text_of(run_on("127.24.62.1", how)),
                HasSubstr("auth_failed: ops@127.24.62.1: no one answers its prompt: "));
    EXPECT_EQ(fleet.secrets(), 0) << prompts[1];
    EXPECT_TRUE(user.texts().empty());
  }
}

TEST(openssh_password, is_not_sent_twice_to_a_server_that_asks_again) {
  password_fleet fleet("127.24.63.1", "keyboard-interactive",
                       {"--prompt", "Password: =correct horse", "--prompt", "Password: =x"});
  asked_user user({right_one});
  action_result all = run_on("127.24.63.1", by_program(fleet, user));
  EXPECT_EQ(failed(all, failure_reason::wrong_password), 1U) << text_of(all);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(openssh_password, that_is_to_be_changed_is_said_so) {
  password_fleet fleet("127.24.64.1", "keyboard-interactive",
                       {"--prompt", "Password: =correct horse", "--prompt",
                        "New password: =x|Retype new password: =x"});
  asked_user user({right_one});
  action_result all = run_on("127.24.64.1", by_program(fleet, user));
  EXPECT_EQ(failed(all, failure_reason::password_change), 1U);
  EXPECT_EQ(text_of(all), "auth_failed: ops@127.24.64.1: the server asks for a new password");
}

TEST(openssh_password, is_sent_to_no_host_whose_key_is_not_checked) {
  password_fleet fleet("127.24.65.1", "password");
  asked_user user({right_one});
  ssh_options how = by_program(fleet, user);
  how.host_key_policy = host_keys::ignore;
  EXPECT_EQ(text_of(run_on("127.24.65.1", how)),
            "auth_failed: ops@127.24.65.1: the password is not sent to a host whose key is not "
            "checked (host keys: ignore)");
  how = by_program(fleet, user);
  scratch_directory folder;
  how.known_hosts = folder.path() + "/no";
  how.config_lines = {"StrictHostKeyChecking no"};
  EXPECT_THAT(text_of(run_on("127.24.65.1", how)),
              HasSubstr("a host whose key is not checked (StrictHostKeyChecking of ssh_config"));
  how.config_lines = {"StrictHostKeyChecking ask"};
  how.known_hosts = folder.path() + "/ask";
  EXPECT_THAT(text_of(run_on("127.24.65.1", how)), HasSubstr("host_key_rejected"));
  EXPECT_TRUE(user.texts().empty());
  how.config_lines.clear();
  how.known_hosts = folder.path() + "/new";
  how.host_key_policy = host_keys::accept_new;
  EXPECT_EQ(run_on("127.24.65.1", how).stats().ok, 1U);
  EXPECT_EQ(fleet.secrets(), 1);
}

TEST(openssh_password, is_sent_to_no_host_that_is_exempt_since_its_name_leads_here) {
  password_fleet fleet("127.0.0.1", "password");
  asked_user user({right_one});
  ssh_options how = by_program(fleet, user);
  how.config_lines = {"NoHostAuthenticationForLocalhost yes"};
  EXPECT_EQ(text_of(run_on("localhost", how)),
            "auth_failed: ops@localhost: the password is not sent to a host whose key is not "
            "checked (NoHostAuthenticationForLocalhost yes)");
  EXPECT_TRUE(user.texts().empty());
}

TEST(openssh_password, that_is_not_given_is_not_asked_for_again) {
  password_fleet fleet("127.24.66.[1-4]", "password");
  asked_user user({});
  action_result all = run_on("127.24.66.[1-4]", by_program(fleet, user));
  EXPECT_EQ(text_of(all), "auth_failed: ops@127.24.66.1: the password was not given");
  EXPECT_EQ(failed(all, failure_reason::wrong_key), 4U);
  EXPECT_EQ(user.texts().size(), 1U);
  EXPECT_EQ(fleet.secrets(), 0);
}

TEST(openssh_password, that_ssh_would_cut_is_not_sent) {
  password_fleet fleet("127.24.66.11", "password");
  for (const std::string& odd : {std::string(1023, 'x'), std::string("two\nlines")}) {
    asked_user user({odd});
    EXPECT_THAT(text_of(run_on("127.24.66.11", by_program(fleet, user))),
                HasSubstr("takes no answer of several lines or of more than 1022 bytes"));
  }
  EXPECT_EQ(fleet.secrets(), 0);
}

TEST(openssh_password, comes_behind_a_key_where_a_server_wants_both) {
  for (const char* methods : {"publickey,password", "password,publickey",
                              "publickey,keyboard-interactive", "keyboard-interactive,publickey"}) {
    password_fleet fleet("127.24.67.[1-2]", methods);
    asked_user user({right_one});
    action_result all = run_on("127.24.67.[1-2]", by_program(fleet, user));
    EXPECT_EQ(all.stats().ok, 2U) << methods << text_of(all);
    EXPECT_EQ(fleet.secrets(), 2);
  }
}

TEST(openssh_password, is_forbidden_by_ssh_config) {
  password_fleet fleet("127.24.68.1", "password");
  asked_user user({right_one});
  ssh_options how = by_program(fleet, user);
  for (const char* line : {"PasswordAuthentication no", "NumberOfPasswordPrompts 0",
                           "BatchMode yes", "PreferredAuthentications publickey"}) {
    how.config_lines = {line};
    EXPECT_THAT(text_of(run_on("127.24.68.1", how)), HasSubstr("the server refused the identities"))
        << line;
  }
  EXPECT_TRUE(user.texts().empty());
}

TEST(openssh_password, is_given_to_ssh_where_libssh_cannot_log_in) {
  password_fleet fleet("127.24.69.[1-2]", "password");
  asked_user user({right_one});
  ssh_options how = by_program(fleet, user);
  how.via = ssh_client::automatic;
  how.config_lines = {"ForwardAgent yes"};
  action_result all = run_on("127.24.69.[1-2]", how);
  EXPECT_EQ(all.stats().ok, 2U) << text_of(all);
  EXPECT_EQ(all.all()[0].transport(), transport_kind::openssh);
  EXPECT_EQ(fleet.secrets(), 2);
}

// What leads to a host has the means to ask, and gets no answer.
TEST(openssh_password, is_not_for_a_program_on_the_way) {
  password_fleet fleet("127.24.70.1", "password");
  asked_user user({right_one});
  scratch_directory folder;
  ssh_options how = by_program(fleet, user);
  const std::string got = folder.path() + "/got";
  auto asks = [&got](const std::string& prompt) {
    return "sh -c '\"$SSH_ASKPASS\" \"" + prompt + "\" > " + got + "; echo gave $? >&2; exit 1'";
  };
  how.proxy_command = asks("Password: ");
  EXPECT_EQ(text_of(run_on("127.24.70.1", how)),
            "connect_failed: 127.24.70.1: no one answers a program that leads to it: Password:");
  EXPECT_EQ(file_bytes(got), "");
  // It does without a key.
  how.proxy_command = asks("Enter passphrase for key: ");
  EXPECT_THAT(text_of(run_on("127.24.70.1", how)), HasSubstr("gave 1"));
  EXPECT_EQ(file_bytes(got), "");
  // Without the token nobody is heard.
  how.proxy_command = "EXECO_ASKPASS=$(printf %%.16s \"$EXECO_ASKPASS\")$(printf %%032d 0); " +
                      std::string("export EXECO_ASKPASS; ") + asks("Password: ");
  how.proxy_command = "sh -c " + detail::quote_word(how.proxy_command);
  EXPECT_THAT(text_of(run_on("127.24.70.1", how)), HasSubstr("gave 1"));
  EXPECT_EQ(file_bytes(got), "");
  EXPECT_TRUE(user.texts().empty());
}

TEST(openssh_code, is_asked_for_each_host_and_each_prompt) {
  password_fleet fleet("127.24.71.[1-2]", "publickey,keyboard-interactive",
                       {"--prompt", "Verification code: =123456"});
  asked_user user({"123456", "123456"});
  ssh_options how = by_program(fleet);
  how.one_time_code = user.prompt();
  action_result all = run_on("127.24.71.[1-2]", how);
  EXPECT_EQ(all.stats().ok, 2U) << text_of(all);
  words texts = user.texts();
  std::ranges::sort(texts);
  EXPECT_EQ(texts, (words{"(ops@127.24.71.1) Verification code: ",
                          "(ops@127.24.71.2) Verification code: "}));
}

TEST(openssh_code, comes_behind_the_password) {
  const std::vector<std::pair<const char*, words>> servers = {
      {"password,keyboard-interactive", {"--prompt", "Code: =1"}},
      {"keyboard-interactive", {"--prompt", "Password: =correct horse", "--prompt", "Code: =1"}},
      {"publickey,keyboard-interactive",
       {"--prompt", "Password: =correct horse", "--prompt", "Code: =1|Again: =1"}},
  };
  for (const auto& [methods, prompts] : servers) {
    password_fleet fleet("127.24.72.[1-2]", methods, prompts);
    asked_user passwords({right_one});
    asked_user codes({"1", "1", "1", "1"});
    ssh_options how = by_program(fleet, passwords);
    how.one_time_code = codes.prompt();
    action_result all = run_on("127.24.72.[1-2]", how);
    EXPECT_EQ(all.stats().ok, 2U) << methods << text_of(all);
    EXPECT_EQ(passwords.texts().size(), 1U);
  }
}

TEST(openssh_code, that_is_wrong_or_missing_ends_one_host) {
  password_fleet fleet("127.24.73.[1-3]", "keyboard-interactive", {"--prompt", "Code: =1"});
  asked_user user({"1", "2"});
  ssh_options how = by_program(fleet);
  how.one_time_code = user.prompt();
  action_result all = run_on("127.24.73.[1-3]", how);
  EXPECT_EQ(all.stats().ok, 1U) << text_of(all);
  std::string texts;
  for (const host_result& r : all.all()) texts += r.error_context() + "\n";
  EXPECT_THAT(texts, HasSubstr("the server refused an answer to its prompts"));
  EXPECT_THAT(texts, HasSubstr("its prompt was not answered: Code:"));
}

TEST(openssh_passphrase, is_asked_for_once_per_key_file) {
  password_fleet fleet("127.24.74.[1-4]", "publickey");
  scratch_directory folder;
  std::string key = folder.path() + "/key";
  ASSERT_EQ(run_program({"sh", "-c",
                         "cp " + fleet.fleet().identity() + " " + key +
                             " && ssh-keygen -q -p -P '' -N rosebud -f " + key})
                .code,
            0);
  ssh_options how = by_program(fleet);
  how.identities = {key};
  asked_user user({"rosebud"});
  how.passphrase = user.prompt();
  action_result all = run_on("127.24.74.[1-4]", how);
  EXPECT_EQ(all.stats().ok, 4U) << text_of(all);
  EXPECT_EQ(user.texts(), words{"Enter passphrase for key '" + key + "': "});
  asked_user another({"rose"});
  how.passphrase = another.prompt();
  EXPECT_THAT(text_of(run_on("127.24.74.1", how)), HasSubstr("the server refused the identities"));
  EXPECT_EQ(another.texts().size(), 1U);
}

class wrong_password : public ::testing::TestWithParam<ssh_client> {};

// Its deadline is not reached: auth_failed would be timed_out.
TEST_P(wrong_password, ends_the_login_once_in_less_than_five_seconds) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  // correct horse
  const std::string hash =
      "$6$execo$C5zpTWchJ37ksbc68stOVlrwKPY76kBGKtIwHXXs7SeBSPxGjXPYdjlR5xYrzSkM."
      "54HgBjfJ7MU8ORPzA4xy1";
  sshd_fixture server("PasswordAuthentication yes\nPubkeyAuthentication no\n", ssh_server::openssh,
                      {{"shadow", "root:*:19000::::::\nexeco-test:" + hash + ":19000::::::\n"}});
  if (server.ordinary_user().empty()) GTEST_SKIP() << "no namespace for users with a password";
  scratch_directory folder;
  std::ofstream(folder.path() + "/known_hosts") << "* " << server.host_key() << "\n";
  ssh_options how;
  how.via = GetParam();
  how.config_file = "none";
  how.agent = "none";
  how.port = server.port();
  how.user = server.ordinary_user();
  how.identities = {server.identity()};
  how.known_hosts = folder.path() + "/known_hosts";
  how.max_retries = 0;
  how.limits.establish = 5s;
  asked_user user({"incorrect horse"});
  how.password = user.prompt();
  action_result all = run_on("127.24.75.[1-4]", how);
  EXPECT_EQ(failed(all, failure_reason::wrong_password), 4U) << text_of(all);
  const std::string log = server.log();
  const std::string refusal = "Failed password for ";
  const std::size_t first = log.find(refusal);
  EXPECT_NE(first, log.npos);
  EXPECT_EQ(log.find(refusal, first + 1), log.npos) << log;
}

INSTANTIATE_TEST_SUITE_P(over, wrong_password,
                         ::testing::Values(ssh_client::built_in, ssh_client::openssh),
                         [](const auto& which) {
                           return which.param == ssh_client::openssh ? "openssh" : "libssh";
                         });

}  // namespace
}  // namespace execo::test
