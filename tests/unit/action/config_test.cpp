#include "execo/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "execo/process.hpp"
#include "execo/sync_wait.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string complaint(std::string_view text) {
  try {
    (void)parse_config(text, "the file");
  } catch (const config_error& error) {
    EXPECT_EQ(error.file(), "the file");
    return error.what();
  }
  return "none";
}

TEST(configuration, has_defaults_for_all) {
  config c = parse_config("");
  EXPECT_EQ(c.log, log_level::off);
  EXPECT_EQ(c.fanout, 64U);
  EXPECT_EQ(c.timeout, 0s);
  EXPECT_EQ(c.kill_timeout, 5s);
  EXPECT_FALSE(c.max_output);
  EXPECT_EQ(c.output_budget.bytes(), std::size_t{1} << 30);
  // ssh_config is asked before a default counts.
  EXPECT_EQ(c.ssh, ssh_options());
  EXPECT_EQ(c.file, "");
}

TEST(configuration, every_key_is_read) {
  ::setenv("HOME", ::getenv("HOME") != nullptr ? ::getenv("HOME") : "/root", 1);
  config c = parse_config(R"(
log_level = "debug"
color = "never"
fanout = 200
timeout = "1h30m"
first_output_timeout = "10m"
idle_timeout = 45
total_timeout = "2h"
kill_timeout = 2.5
drain_timeout = 3
max_output = "64K"
output_budget = "2G"
[ssh]
user = "operator"
port = 2222
identities = ["~/.ssh/fleet", "/etc/key"]
host_keys = "accept-new"
known_hosts = "/etc/fleet_hosts"
key_exchange = ["curve25519-sha256"]
via = "openssh"
connector = "docker exec -i %h"
jump = "me@gate,inner:2222"
handshakes = 32
connect_timeout = "10s"
resolve_limit = 1
connect_limit = 2
kex_limit = 3
auth_limit = 4
open_limit = 5
answer_limit = 6
tcp_keepalive = 15
keepalive = "10s"
retries = 3
)");
  EXPECT_EQ(c.log, log_level::debug);
  EXPECT_EQ(c.color, color_mode::never);
  EXPECT_EQ(c.fanout, 200U);
  EXPECT_EQ(c.timeout, 90min);
  EXPECT_EQ(c.first_output_timeout, 10min);
  EXPECT_EQ(c.idle_timeout, 45s);
  EXPECT_EQ(c.total_timeout, 2h);
  EXPECT_EQ(c.kill_timeout, 2500ms);
  EXPECT_EQ(c.drain_timeout, 3s);
  EXPECT_EQ(c.max_output, 65'536U);
  EXPECT_EQ(c.output_budget.bytes(), std::size_t{2} << 30);
  EXPECT_EQ(c.ssh.user, "operator");
  EXPECT_EQ(c.ssh.port, 2222);
  EXPECT_THAT(c.ssh.identities,
              ElementsAre(std::string(::getenv("HOME")) + "/.ssh/fleet", "/etc/key"));
  EXPECT_EQ(c.ssh.host_key_policy, host_keys::accept_new);
  EXPECT_EQ(c.ssh.known_hosts, "/etc/fleet_hosts");
  EXPECT_THAT(c.ssh.key_exchange, ElementsAre("curve25519-sha256"));
  EXPECT_EQ(c.ssh.via, ssh_client::openssh);
  EXPECT_EQ(c.ssh.connector, "docker exec -i %h");
  EXPECT_THAT(c.ssh.jump, ElementsAre("me@gate", "inner:2222"));
  EXPECT_EQ(c.ssh.handshakes, 32U);
  EXPECT_EQ(c.ssh.limits.establish, 10s);
  EXPECT_EQ(c.ssh.limits.resolve, 1s);
  EXPECT_EQ(c.ssh.limits.connect, 2s);
  EXPECT_EQ(c.ssh.limits.kex, 3s);
  EXPECT_EQ(c.ssh.limits.auth, 4s);
  EXPECT_EQ(c.ssh.limits.open, 5s);
  EXPECT_EQ(c.ssh.limits.answer, 6s);
  EXPECT_EQ(c.ssh.tcp_keepalive, 15s);
  EXPECT_EQ(c.ssh.keepalive, 10s);
  EXPECT_EQ(c.ssh.max_retries, 3U);
}

TEST(configuration, what_is_wrong_is_told_with_file_and_line) {
  EXPECT_EQ(complaint("fanout = 3\n\nfanuot = 4"),
            "the file:3: unknown key 'fanuot'; known here: log_level, color, fanout, timeout, "
            "first_output_timeout, idle_timeout, total_timeout, kill_timeout, drain_timeout, "
            "max_output, output_budget, [ssh]");
  EXPECT_THAT(complaint("[ssh]\nusr = 'x'"), StartsWith("the file:2: unknown key 'ssh.usr'"));
  EXPECT_THAT(complaint("\n[shs]\nuser = 'x'"), StartsWith("the file:2: unknown key 'shs'"));
  EXPECT_EQ(complaint("fanout = \"many\""),
            "the file:1: fanout: expected a whole number from 1 to 1000000");
  EXPECT_EQ(complaint("\nssh = 3"), "the file:2: ssh: expected a table: [ssh]");
  EXPECT_THAT(complaint("timeout = 'soon'"), StartsWith("the file:1: timeout: 'soon' is not"));
  EXPECT_THAT(complaint("color = 'blue'"), HasSubstr("color: 'blue': choose from auto, always"));
  EXPECT_THAT(complaint("[ssh]\nvia = 'rsh'"),
              HasSubstr("choose from direct, auto, libssh, openssh"));
  EXPECT_THAT(complaint("[ssh]\nconnector = 'rsh %x'"), StartsWith("the file:2: ssh.connector: "));
  EXPECT_THAT(complaint("[ssh]\njump = 'a:b:c,'"), StartsWith("the file:2: ssh.jump: "));
  EXPECT_THAT(complaint("fanout = \n"), StartsWith("the file:1: "));
  EXPECT_THAT(complaint("fanout = 3 \xd0\xb8"), StartsWith("the file:1: "));
  EXPECT_EQ(complaint("\n[=]"), "the file:2: a table's header without a name: [ssh]");
  EXPECT_THAT(complaint("a = 1\na = 2"), StartsWith("the file:"));
  EXPECT_THAT(complaint("a = [}"), StartsWith("the file: "));
}

TEST(configuration, quotes_and_comments_may_hold_what_is_wrong_outside_of_them) {
  config c = parse_config(
      "\xEF\xBB\xBF# \xd0\xb8 [=\r\n"
      "[ ssh ] # [=\n"
      "identities = [\n"
      "  '[=', # \xd0\xb8\n"
      "  \"\\\"[=\xd0\xb8\",\n"
      "  \"\"\"\n[=]\n\\\"\"\xd0\xb8\"\"\"\"\", '''\n[='\xd0\xb8''',\n"
      "  '', \"\",\n"
      "]\n"
      "user = 'last'\n",
      "the file");
  EXPECT_THAT(c.ssh.identities,
              ElementsAre("[=", "\"[=\xd0\xb8", "[=]\n\"\"\xd0\xb8\"\"", "[='\xd0\xb8", "", ""));
  EXPECT_EQ(c.ssh.user, "last");
  EXPECT_EQ(complaint("a = \"\"\"\n\n\"\"\"\n[[ ]]"),
            "the file:4: a table's header without a name: [ssh]");
}

TEST(configuration, no_wrong_value_is_taken) {
  for (const char* text : {"fanout = 0",
                           "fanout = -1",
                           "fanout = 1.5",
                           "timeout = -1",
                           "timeout = true",
                           "timeout = inf",
                           "timeout = nan",
                           "max_output = \"1T\"",
                           "max_output = -1",
                           "log_level = \"loud\"",
                           "log_level = 21",
                           "color = 1",
                           "ssh.port = 0",
                           "ssh.port = 65536",
                           "ssh.user = 3",
                           "ssh.identities = \"one\"",
                           "ssh.identities = [1]",
                           "ssh.host_keys = \"lax\"",
                           "ssh.user = \"a\\u0000b\"",
                           "ssh = []"})
    EXPECT_NE(complaint(text), "none") << text;
}

TEST(configuration, errors_stand_on_one_line) {
  EXPECT_EQ(complaint("\"a\\nb\\u001b\" = 1").find_first_of("\n\x1b"), std::string::npos);
}

// The variables that say where it is, and a folder for it.
class configuration_files : public testing::Test {
 protected:
  configuration_files() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    for (std::size_t i = 0; i < 3; ++i)
      if (const char* value = ::getenv(names_[i])) before_[i] = value;
    ::unsetenv("EXECO_CONFIG");
    ::unsetenv("XDG_CONFIG_HOME");
    ::setenv("HOME", folder_.c_str(), 1);
  }
  ~configuration_files() override {
    for (std::size_t i = 0; i < 3; ++i)
      before_[i] ? ::setenv(names_[i], before_[i]->c_str(), 1) : ::unsetenv(names_[i]);
    std::filesystem::remove_all(folder_);
  }
  std::string write(const std::string& path, std::string_view text) {
    std::filesystem::path file = folder_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

  static constexpr const char* names_[3] = {"EXECO_CONFIG", "XDG_CONFIG_HOME", "HOME"};
  std::optional<std::string> before_[3];
  std::string folder_ = std::filesystem::temp_directory_path() / "execo-config-XXXXXX";
};

TEST_F(configuration_files, are_found_where_the_environment_says) {
  EXPECT_EQ(load_config().file, "") << "none is there";
  std::string at_home = write(".config/execo/config.toml", "fanout = 1");
  EXPECT_EQ(load_config().file, at_home);
  EXPECT_EQ(load_config().fanout, 1U);
  std::string elsewhere = write("xdg/execo/config.toml", "fanout = 2");
  ::setenv("XDG_CONFIG_HOME", (folder_ + "/xdg").c_str(), 1);
  EXPECT_EQ(load_config().fanout, 2U);
  std::string named = write("mine.toml", "fanout = 3");
  ::setenv("EXECO_CONFIG", named.c_str(), 1);
  EXPECT_EQ(load_config().fanout, 3U);
  ::setenv("EXECO_CONFIG", "", 1);
  EXPECT_EQ(load_config().fanout, 64U);
}

TEST_F(configuration_files, that_are_named_have_to_be_there) {
  ::setenv("EXECO_CONFIG", (folder_ + "/nope.toml").c_str(), 1);
  EXPECT_THROW((void)load_config(), config_error);
  EXPECT_THROW((void)load_config(folder_), config_error) << "a folder";
  std::string broken = write("broken.toml", "\nwhat = 1");
  try {
    (void)load_config(broken);
    ADD_FAILURE();
  } catch (const config_error& error) {
    EXPECT_EQ(error.file(), broken);
    EXPECT_EQ(error.line(), 2U);
    EXPECT_THAT(error.what(), StartsWith(broken + ":2: "));
  }
}

TEST_F(configuration_files, of_any_size_are_not_read_into_memory) {
  EXPECT_THROW((void)load_config("/dev/zero"), config_error);
}

TEST(configuration, limits_go_to_a_process) {
  config c = parse_config("max_output = 3\ntimeout = '1h'");
  process p("echo 12345");
  c.apply_limits(p);
  result r = sync_wait(p.run());
  EXPECT_EQ(r.out, "123");
  EXPECT_EQ(r.out_dropped(), 3U);
}

}  // namespace
}  // namespace execo::test
