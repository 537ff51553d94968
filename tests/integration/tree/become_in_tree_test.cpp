// Commands that become those of another user on hosts that are reached through others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "become_lab.hpp"
#include "execo/execo.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class become_in_a_tree : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string why = test::become_lab::why_not(); !why.empty()) GTEST_SKIP() << why;
    lab_ = std::make_unique<test::become_lab>();
    way_.port = lab_->server().port();
    // They may become others without a password.
    way_.user = lab_->server().user_with_shell("csh");
    if (way_.user.empty()) GTEST_SKIP() << "no users of our own, or no csh";
    way_.identities = {lab_->server().identity()};
    way_.agent = "none";
    way_.known_hosts = lab_->known_hosts();
    way_.config_file = "none";
    way_.become = "root";
  }
  action_result run(remote what, const tree& shape) const {
    return sync_wait(std::move(what).ssh(way_).via(shape).timeout(60s).run());
  }
  static void expect_files_of_root(const action_result& all, const std::string& at) {
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      struct stat about {};
      ASSERT_EQ(::stat((at + one.host.name() + "/app").c_str(), &about), 0);
      EXPECT_EQ(about.st_uid, 0U);
    }
  }

  std::unique_ptr<test::become_lab> lab_;
  ssh_options way_;
};

TEST_F(become_in_a_tree, has_input_outputs_and_end_of_the_command_alone) {
  remote what("id -un; cat; echo err >&2; exit 3", "127.1.0.[1-6]");
  what.input("typed\n");
  action_result all = run(std::move(what), tree().arity(2));
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.out, "root\ntyped\n") << one.describe();
    EXPECT_EQ(one.err, "err\n");
    EXPECT_EQ(one.status().code(), 3);
    EXPECT_EQ(one.transport(), transport_kind::tree);
  }
  EXPECT_TRUE(lab_->server().no_commands_left());
}

TEST_F(become_in_a_tree, works_on_a_terminal_and_by_other_methods) {
  way_.become_method = become_method::doas;
  remote what("id -un; test -t 1 && echo tty", "127.1.0.[1-3]");
  what.pty(24, 80);
  for (const host_result& one : run(std::move(what), tree().arity(1)).all())
    EXPECT_EQ(one.out, "root\r\ntty\r\n") << one.describe();
}

TEST_F(become_in_a_tree, says_why_it_could_not_become_one) {
  way_.user = lab_->server().ordinary_user();  // who is asked for a password
  action_result all = run(remote("id -un", "127.1.0.[1-3]"), tree().arity(1));
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.how(), end_reason::auth_failed) << one.describe();
    EXPECT_THAT(one.describe(), HasSubstr("sudo asks for the password of " + way_.user));
    EXPECT_EQ(one.started_command(), certainty::no);
  }
}

TEST_F(become_in_a_tree, puts_files_of_the_other_user) {
  test::temp_folder folder;
  const std::string source = folder.write("app", "bytes\n");
  put made(source, "127.1.0.[1-3]", folder / "at/{{{host}}}/");
  made.ssh(way_).via(tree().arity(1)).make_directories().timeout(60s);
  action_result all = sync_wait(made.run());
  expect_files_of_root(all, folder / "at/");
}

// The user is one of the options of the context.
TEST_F(become_in_a_tree, puts_files_of_the_other_user_by_a_tree_that_stands) {
  test::temp_folder folder;
  context here;
  set_connection_defaults(here, way_);
  const tree_network net("127.1.0.[1-3]", tree().arity(1));
  put made(folder.write("app", "bytes\n"), "127.1.0.[1-3]", folder / "at/{{{host}}}/");
  made.via(net).make_directories().timeout(60s);
  action_result all = sync_wait(here, made.run());
  expect_files_of_root(all, folder / "at/");
}

TEST_F(become_in_a_tree, takes_no_password_along) {
  way_.become_password = secret_prompt(
      [](const std::string&) -> std::optional<secret> { return secret(std::string("never")); });
  EXPECT_THROW((void)run(remote("true", "127.1.0.1"), tree()), std::invalid_argument);
}

}  // namespace
}  // namespace execo
