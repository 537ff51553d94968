// Logins with key files that a passphrase encrypts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "execo/execo.hpp"
#include "ssh/environment.hpp"
#include "ssh_agents.hpp"
#include "sshd_suite.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ssh_passphrase : public sshd_suite<ssh_passphrase> {
 protected:
  void SetUp() override {
    sshd_suite::SetUp();
    if (IsSkipped()) return;
    std::string pattern = (fs::temp_directory_path() / "execo-pass-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    options.reuse = false;
    key = encrypted_copy("key", server_->identity());
    options.identities = {key};
    options.passphrase = asking({"rosebud"});
  }
  void TearDown() override {
    std::error_code gone;
    fs::remove_all(folder, gone);
  }

  std::string encrypted_copy(const std::string& name, const std::string& of,
                             const std::string& format = {}) const {
    std::string made = folder + "/" + name;
    std::string line = "cp " + of + " " + made + " && ssh-keygen -q -p " + format +
                       " -P '' -N rosebud -f " + made + " >/dev/null";
    EXPECT_EQ(::system(line.c_str()), 0);
    return made;
  }
  /// Answers these, then none.
  secret_prompt asking(std::vector<std::string> answers) {
    return secret_prompt([this, answers](const std::string& text) -> std::optional<secret> {
      std::size_t turn = asked++;
      last_text = text;
      if (turn >= answers.size()) return std::nullopt;
      return secret(std::string(answers[turn]));
    });
  }

  std::string folder, key, last_text;
  std::atomic<std::size_t> asked{0};
};

TEST_F(ssh_passphrase, is_asked_for_once_per_key_file) {
  auto read_without_echo = [this](const std::string& text) {
    ++asked;
    last_text = text;
    return std::string("rosebud");
  };
  options.passphrase = secret_prompt([&](const std::string& text) -> std::optional<secret> {
    return secret(read_without_echo(text));
  });
  auto shared = detail::make_ssh_environment(loop, options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(login_error(shared), "in");
  EXPECT_EQ(login_error(), "in") << "in another environment";
  EXPECT_EQ(asked, 1U);
  EXPECT_EQ(last_text, "Enter passphrase for key '" + key + "': ");
}

TEST_F(ssh_passphrase, opens_key_files_of_each_format_with_their_certificates) {
  std::string ca = folder + "/ca";
  std::string line = "ssh-keygen -q -t ed25519 -N '' -f " + ca;
  ASSERT_EQ(::system(line.c_str()), 0);
  fs::permissions(folder, fs::perms(0755));
  sshd_fixture server("TrustedUserCAKeys " + ca + ".pub\n");
  options.port = server.port();
  for (const char* format : {"", "-m PEM", "-m PKCS8"}) {
    std::string plain = folder + "/plain";
    line = "rm -f " + plain + "*; ssh-keygen -q -t rsa -b 2048 -N '' -f " + plain +
           " && ssh-keygen -q -s " + ca + " -I id -n " + server.user() + " " + plain + ".pub";
    ASSERT_EQ(::system(line.c_str()), 0);
    std::string copy = encrypted_copy("copy", plain, format);
    fs::copy_file(plain + "-cert.pub", copy + "-cert.pub", fs::copy_options::overwrite_existing);
    fs::copy_file(plain + ".pub", copy + ".pub", fs::copy_options::overwrite_existing);
    options.identities = {copy};
    asked = 0;
    options.passphrase = asking({"rosebud"});
    EXPECT_EQ(login_error(), "in") << format;
    EXPECT_EQ(asked, 1U);
  }
}

TEST_F(ssh_passphrase, that_is_wrong_three_times_leaves_the_key_out) {
  options.passphrase = asking({"rosebu", "Rosebud", ""});
  EXPECT_EQ(login_error(), "auth_failed: " + server_->user() +
                               "@127.1.0.1: no identity to log in with: none (left out: " + key +
                               ": is encrypted, and its passphrase was not given)");
  EXPECT_EQ(asked, 3U);
  EXPECT_THAT(login_error(), HasSubstr("auth_failed"));
  EXPECT_EQ(asked, 3U) << "not asked again";
  asked = 0;
  options.passphrase = asking({"rosebu", "rosebud"});
  EXPECT_EQ(login_error(), "in");
}

TEST_F(ssh_passphrase, that_is_not_given_leaves_the_key_out_for_the_others) {
  options.passphrase = asking({});
  std::string other = encrypted_copy("other", server_->directory() + "/host_key");
  options.identities = {other, server_->identity()};
  EXPECT_EQ(login_error(), "in");
  EXPECT_EQ(asked, 1U);
}

TEST_F(ssh_passphrase, is_not_needed_for_what_the_agent_holds) {
  if (!ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent";
  ssh_agent_fixture agent;
  agent.add(server_->identity());
  options.agent = agent.path();
  EXPECT_EQ(login_error(), "in");
  EXPECT_EQ(asked, 0U);
}

TEST_F(ssh_passphrase, of_a_usual_file_is_asked_for_only_if_there_is_no_other) {
  std::string home = folder + "/home";
  fs::create_directories(home + "/.ssh");
  fs::rename(key, home + "/.ssh/id_rsa");
  fs::copy_file(server_->identity(), home + "/.ssh/id_ed25519");
  const char* before = ::getenv("HOME");
  std::string kept = before != nullptr ? before : "";
  ::setenv("HOME", home.c_str(), 1);
  options.identities.clear();
  EXPECT_EQ(login_error(), "in");
  EXPECT_EQ(asked, 0U);
  fs::remove(home + "/.ssh/id_ed25519");
  EXPECT_EQ(login_error(), "in");
  EXPECT_EQ(asked, 1U);
  ::setenv("HOME", kept.c_str(), 1);
}

TEST_F(ssh_passphrase, takes_the_users_time_and_not_the_hosts) {
  std::atomic<bool> may_answer = false;
  options.passphrase = secret_prompt([&](const std::string&) -> std::optional<secret> {
    ++asked;
    while (!may_answer) ::usleep(1000);
    return secret("rosebud");
  });
  auto shared = detail::make_ssh_environment(loop, options);
  recorded_run one(loop, shared, "127.1.0.1", "true");
  recorded_run two(loop, shared, "127.1.0.2", "true");
  recorded_run gone(loop, shared, "127.1.0.3", "true");
  for (recorded_run* r : {&one, &two, &gone}) r->open();
  ASSERT_TRUE(loop.until([this] { return asked == 1U; }));
  EXPECT_LT(loop.idle(std::chrono::milliseconds(200)), 100);
  EXPECT_TRUE(one.phases.empty()) << "no deadline runs";
  gone.close();
  gone.run();
  may_answer = true;
  EXPECT_TRUE(one.run().exited) << one.context;
  EXPECT_TRUE(two.run().exited) << two.context;
}

TEST_F(ssh_passphrase, is_asked_for_once_by_all_rings_of_a_context) {
  // This thread drives a loop already.
  std::thread([this] {
    context several(rings(2));
    sync_wait(several, [](ssh_options how) -> task<> {
      remote all("true", host_set("127.1.1.[1-8]"));
      all.ssh(std::move(how));
      action_result result = co_await all.run();
      EXPECT_EQ(result.stats().ok, 8U);
    }(options));
  }).join();
  EXPECT_EQ(asked, 1U);
}

}  // namespace
}  // namespace execo::test
