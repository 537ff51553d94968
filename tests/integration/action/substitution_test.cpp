// A command per host over real connections: values arrive as they are, whatever shell reads them,
// and outputs are in the file of their host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fleet_way.hpp"
#include "long_count.hpp"
#include "random_bytes.hpp"
#include "sshd_fixture.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Any bytes but NUL. Most mean nothing to a shell, so half of them are of those that do.
std::string fuzzed_value(random_bytes& random) {
  static constexpr std::string_view dear = "'\"\\$`!*?[]{}()<>|&;~#%^=-+@,: \t\n\r/.";
  std::string shape = random.take(2);
  auto size = static_cast<unsigned char>(shape[0]) % 12;
  std::string value = random.take(size);
  for (char& c : value) {
    auto byte = static_cast<unsigned char>(c);
    if (byte % 2 == 0) c = dear[byte / 2 % dear.size()];
  }
  return value;
}

class substitution_on_shells : public testing::TestWithParam<const char*> {};

// A hundred names in each command, on as many hosts as a name has values.
TEST_P(substitution_on_shells, ten_thousand_values_arrive_as_they_are) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
  sshd_fixture server;
  const std::string shell = GetParam();
  const std::string user = shell == "sh" ? server.ordinary_user() : server.user_with_shell(shell);
  if (user.empty()) GTEST_SKIP() << "no user with the shell " << shell;
  const std::size_t names = 100;
  const auto hosts = static_cast<std::size_t>(long_count(10'000)) / names;

  ssh_options how;
  how.config_file = "none";
  how.port = server.port();
  how.user = user;
  how.identities.push_back(server.identity());
  how.host_key_policy = host_keys::ignore;
  random_bytes random(20261129);
  std::vector<std::string> words{"printf", "%s\\0"};
  std::vector<std::vector<std::string>> values(names);
  for (std::size_t n = 0; n < names; ++n) {
    words.push_back("{{v" + std::to_string(n) + "}}");
    for (std::size_t h = 0; h < hosts; ++h) values[n].push_back(fuzzed_value(random));
  }
  auto all = remote(command(words), std::vector<host>(hosts, host("127.0.0.1"))).ssh(how);
  for (std::size_t n = 0; n < names; ++n) all.subst("v" + std::to_string(n), values[n]);

  action_result end = sync_wait(all.fanout(8).run());
  ASSERT_EQ(end.all().size(), hosts);
  for (std::size_t h = 0; h < hosts; ++h) {
    std::string expected;
    for (std::size_t n = 0; n < names; ++n) expected += values[n][h] + '\0';
    EXPECT_TRUE(end.all()[h].out == expected) << end.all()[h].describe() << end.all()[h].err;
  }
}

INSTANTIATE_TEST_SUITE_P(each, substitution_on_shells,
                         testing::Values("sh", "dash", "bash", "csh", "fish", "zsh"),
                         [](const auto& one) { return std::string(one.param); });

TEST(substitution, a_table_gives_each_host_its_own_value) {
  fleet_fixture fleet("127.4.0.[1-6]");
  auto all = remote("echo {{letter}} $FLEET_HOST", host_set("127.4.0.[1-6]"))
                 .subst("letter", {"a", "b", "c", "d", "e", "f"})
                 .ssh(way_to(fleet));
  action_result end = sync_wait(all.run());
  ASSERT_TRUE(end.ok()) << end.describe();
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(end.all()[i].out,
              std::string(1, static_cast<char>('a' + i)) + " " + end.all()[i].host.name() + "\n");
}

TEST(substitution, outputs_variables_and_directories_are_those_of_their_host) {
  fleet_fixture fleet("127.4.0.[1-8]");
  scratch_directory folder;
  auto all = remote("pwd; echo $PEER; echo $FLEET_HOST >&2", host_set("127.4.0.[1-8]"))
                 .cwd("{{where}}")
                 .env("PEER", "{{{index}}}: it's \"{{peer}}\"")
                 .subst("where", {"/", "/usr"})
                 .subst("peer", host_set("m[1-8]"))
                 .out(to_file(folder.path() + "/{{{host}}}.out"))
                 .err(to_file(folder.path() + "/{{{index}}}.err"))
                 .ssh(way_to(fleet));
  action_result end = sync_wait(all.run());
  ASSERT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(file_bytes(folder.path() + "/127.4.0.2.out"), "/usr\n1: it's \"m2\"\n");
  EXPECT_EQ(file_bytes(folder.path() + "/127.4.0.7.out"), "/\n6: it's \"m7\"\n");
  EXPECT_EQ(file_bytes(folder.path() + "/6.err"), "127.4.0.7\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 16);
}

TEST(substitution, a_missing_folder_is_the_end_of_each_host) {
  scratch_directory folder;
  ssh_options here;
  here.connector = "sh -c";
  action_result end = sync_wait(
      remote("echo", "n[1-2]").out(to_file(folder.path() + "/none/{{{host}}}")).ssh(here).run());
  for (const host_result& r : end.all()) {
    EXPECT_EQ(r.how(), end_reason::spawn_failed);
    EXPECT_THAT(r.describe(), HasSubstr("none/" + r.host.name()));
  }
}

TEST(substitution, a_function_returns_a_command_a_text_or_words) {
  fleet_fixture fleet("127.4.0.[1-4]");
  auto text = remote([](const target& t) { return "echo text " + std::to_string(t.index); },
                     host_set("127.4.0.[1-4]"));
  auto words = remote(
      [](const target& t) {
        command what("echo", "words", "$HOME");
        what.set_variable("INDEX", std::to_string(t.index));
        return what;
      },
      host_set("127.4.0.[1-4]"));
  for (remote* up : {&text, &words}) up->ssh(way_to(fleet)).fanout(2);
  EXPECT_EQ(sync_wait(text.run()).all()[3].out, "text 3\n");
  action_result end = sync_wait(words.run());
  EXPECT_EQ(end.all()[2].out, "words $HOME\n");
}

TEST(substitution, users_and_ports_are_those_that_ssh_config_says) {
  fleet_fixture fleet("127.4.0.[1-2]");
  scratch_directory folder;
  std::ofstream(folder.path() + "/config")
      << "Host 127.4.0.1\n  User first\nHost *\n  User other\n  Port " << fleet.port() << "\n";
  ssh_options how = way_to(fleet);
  how.port = 0;
  how.config_file = folder.path() + "/config";
  auto all = remote("echo {{{user}}} {{{port}}}", {"127.4.0.1", "me@127.4.0.2"}).ssh(how);
  action_result end = sync_wait(all.run());
  ASSERT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(end.all()[0].out, "first " + std::to_string(fleet.port()) + "\n");
  EXPECT_EQ(end.all()[1].out, "me " + std::to_string(fleet.port()) + "\n");
}

TEST(substitution, a_user_that_a_command_of_match_decides_is_not_known_before) {
  scratch_directory folder;
  std::ofstream(folder.path() + "/config") << "Match exec \"true\"\n  User decided\n";
  ssh_options how;
  how.config_file = folder.path() + "/config";
  try {
    (void)sync_wait(remote("echo {{{user}}}", host("127.4.0.1")).ssh(how).run());
    ADD_FAILURE() << "not refused";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("a command of Match in ssh_config"));
  }
}

// The command of exec: is a process of this machine, and its directory a path of it.
TEST(substitution, exec_escapes_the_value_in_a_directory) {
  scratch_directory folder;
  fs::create_directory(folder.path() + "/a%2Fb");
  ssh_options here;
  here.connector = "exec:";
  action_result end = sync_wait(
      remote(command("pwd", "-P"), host("a/b")).cwd(folder.path() + "/{{{host}}}").ssh(here).run());
  ASSERT_TRUE(end.ok()) << end.describe();
  EXPECT_EQ(end.all()[0].out, folder.path() + "/a%2Fb\n");
}

}  // namespace
}  // namespace execo::test
