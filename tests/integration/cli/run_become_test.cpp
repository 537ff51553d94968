// `execo run --become`: the command line, the question for the password, and the ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "become_lab.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using words = std::vector<std::string>;

class run_become : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string why = become_lab::why_not(); !why.empty()) GTEST_SKIP() << why;
    lab_ = std::make_unique<become_lab>();
    if (lab_->server().ordinary_user().empty())
      GTEST_SKIP() << "no users of our own: that takes a mount namespace";
  }

  words run_words(const std::string& set, const words& more, const std::string& text) const {
    sshd_fixture& server = lab_->server();
    words all{EXECO_TOOL,
              "run",
              "-F",
              "none",
              "-p",
              std::to_string(server.port()),
              "-i",
              server.identity(),
              "--known-hosts",
              lab_->known_hosts(),
              "-l",
              server.ordinary_user(),
              "-w",
              set};
    all.insert(all.end(), more.begin(), more.end());
    all.insert(all.end(), {"--", text});
    return all;
  }
  /// With a password on descriptor 3.
  outcome run_with(const std::string& password, const words& run) const {
    std::string file = lab_->server().directory() + "/given";
    std::ofstream(file) << password << "\n";
    return run_program({"sh", "-c", "exec " + in_shell(run) + " 3<" + file});
  }

  std::unique_ptr<become_lab> lab_;
};

TEST_F(run_become, asks_on_the_terminal_once_for_all_hosts) {
  program run = program::on_terminal(
      run_words("127.28.1.[1-5]", {"--become", "--ask-become-pass", "-b"}, "id -un"),
      {"SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE="});
  ASSERT_TRUE(run.out_has("[sudo] Password for execo-test: ")) << run.out();
  run.type(std::string(password_of_login) + "\n");
  outcome end = run.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_THAT(end.out, HasSubstr("root"));
  EXPECT_THAT(end.out, HasSubstr("5 hosts: 5 ok"));
  EXPECT_THAT(end.out, Not(HasSubstr(password_of_login)));
}

TEST_F(run_become, takes_user_method_and_a_password_on_a_descriptor) {
  outcome service = run_with(
      password_of_login,
      run_words("127.28.2.1", {"--become=execo-service", "--become-password-fd", "3"}, "id -un"));
  EXPECT_EQ(service.out, "127.28.2.1: execo-service\n") << service.err;
  outcome by_su =
      run_with(password_of_root, run_words("127.28.2.1",
                                           {"--become", "--become-method", "su",
                                            "--become-password-fd", "3", "--via", "openssh"},
                                           "id -un"));
  EXPECT_EQ(by_su.out, "127.28.2.1: root\n") << by_su.err;
  outcome by_doas = run_with(password_of_login, run_words("127.28.2.1",
                                                          {"--become", "--become-method", "doas",
                                                           "--pty", "--become-password-fd", "3"},
                                                          "tty >/dev/null && id -un"));
  EXPECT_THAT(by_doas.out, StartsWith("127.28.2.1: root")) << by_doas.err;
}

TEST_F(run_become, with_a_wrong_password_ends_all_hosts_after_one_attempt) {
  outcome end = run_with(
      "not the password",
      run_words("127.28.3.[1-8]", {"--become", "--become-password-fd", "3", "--format", "ndjson"},
                "id -un"));
  EXPECT_EQ(end.code, 3) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\"reason\":\"wrong_password\""));
  EXPECT_THAT(end.out, HasSubstr("\"phase\":\"open\""));
  std::size_t tried = 0;
  for (std::size_t at = 0; (at = end.out.find("does not accept", at)) != end.out.npos; ++at)
    ++tried;
  EXPECT_EQ(tried, 1U) << end.out;
  EXPECT_THAT(end.out + end.err, Not(HasSubstr("not the password")));
}

TEST_F(run_become, without_a_password_names_the_option) {
  outcome end = run_program(run_words("127.28.4.1", {"--become"}, "id -un"));
  EXPECT_EQ(end.code, 3);
  EXPECT_THAT(end.err, HasSubstr("give it with become_password or --ask-become-pass"));
}

}  // namespace
}  // namespace execo::test
