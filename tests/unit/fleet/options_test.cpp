#include "fleet/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line/usage_error.hpp"
#include "help_check.hpp"

namespace execo::fleet {
namespace {

using namespace std::chrono_literals;
using command_line::usage_error;
using testing::ElementsAre;

std::optional<options> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "execo-fleet");
  return parse_options(static_cast<int>(words.size()), words.data());
}

std::string complaint(std::vector<const char*> more) {
  std::vector<const char*> words{"--hosts", "127.1.0.1", "--authorized-keys", "keys"};
  words.insert(words.end(), more.begin(), more.end());
  try {
    (void)parse(words);
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

TEST(fleet_options, every_option_arrives) {
  auto o = parse({"--port",
                  "2222",
                  "--hosts=127.1.0.[1-9]",
                  "--authorized-keys",
                  "keys",
                  "--host-key",
                  "key",
                  "--write-known-hosts",
                  "kh",
                  "--exec",
                  "canned",
                  "--latency",
                  "200ms",
                  "--login-grace",
                  "2m",
                  "--fault",
                  "127.1.0.1:reset",
                  "--fault",
                  "127.1.0.2:exit-3",
                  "--stats"});
  ASSERT_TRUE(o);
  EXPECT_EQ(o->port, 2222);
  EXPECT_EQ(o->hosts, "127.1.0.[1-9]");
  EXPECT_EQ(o->authorized_keys, "keys");
  EXPECT_EQ(o->host_key, "key");
  EXPECT_EQ(o->known_hosts_file, "kh");
  EXPECT_EQ(o->exec, exec_mode::canned);
  EXPECT_EQ(o->latency, 200ms);
  EXPECT_EQ(o->login_grace, 2min);
  EXPECT_THAT(o->faults, ElementsAre("127.1.0.1:reset", "127.1.0.2:exit-3"));
  EXPECT_TRUE(o->stats);
  EXPECT_THAT(o->command, ElementsAre());
}

TEST(fleet_options, the_last_of_several_values_counts) {
  auto o =
      parse({"--hosts", "a", "--authorized-keys", "k", "--hosts", "b", "--port=1", "--port=2"});
  EXPECT_EQ(o->hosts, "b");
  EXPECT_EQ(o->port, 2);
}

TEST(fleet_options, a_command_follows_two_dashes) {
  auto o = parse({"--hosts", "a", "--authorized-keys", "k", "--", "sh", "-c", "--", "x"});
  EXPECT_THAT(o->command, ElementsAre("sh", "-c", "--", "x"));
  EXPECT_EQ(complaint({"--"}), "no command after --");
  EXPECT_EQ(complaint({"sh"}), "'sh' is not an option: a command comes after --");
}

TEST(fleet_options, a_mistake_names_the_option_and_what_it_takes) {
  EXPECT_EQ(complaint({"--port", "65536"}), "--port '65536': expected a number from 0 to 65535");
  EXPECT_EQ(complaint({"--exec", "fake"}), "--exec 'fake': choose from real, canned");
  EXPECT_THAT(complaint({"--latency", "soon"}), testing::StartsWith("--latency: 'soon'"));
  EXPECT_EQ(complaint({"--ready-fd", "98765"}), "--ready-fd '98765': is not an open descriptor");
  EXPECT_EQ(complaint({"--host", "x"}),
            "unknown option --host: did you mean --hosts? `--help` lists the options");
  EXPECT_EQ(complaint({"--hosts", ""}), "--hosts is required; see --help");
}

TEST(fleet_options, help_has_every_option_that_is_taken_and_no_other) {
  test::expect_help_of(option_specs(), help_text());
}

}  // namespace
}  // namespace execo::fleet
