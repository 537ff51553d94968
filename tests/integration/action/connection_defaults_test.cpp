// How a context reaches hosts when an action does not say, and where connections go.
#include <execo/connection_defaults.hpp>

#include <gmock/gmock.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "fleet_way.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ssh_options by_connector(std::string words) {
  ssh_options how;
  how.connector = std::move(words);
  return how;
}

// n3 is 127.9.0.3.
host address_of(const host& named) { return "127.9.0." + named.name().substr(1); }

std::vector<std::string> outputs(const action_result& all) {
  std::vector<std::string> texts;
  for (const host_result& r : all.all()) texts.push_back(r.host.name() + ":" + r.out);
  return texts;
}

TEST(connection_defaults, are_for_all_that_names_no_options) {
  fleet_fixture fleet("127.9.0.[1-2]");
  context c;
  set_connection_defaults(c, way_to(fleet));
  action_result ran = sync_wait(c, remote("echo $FLEET_HOST", "127.9.0.[1-2]").run());
  EXPECT_THAT(outputs(ran), ElementsAre("127.9.0.1:127.9.0.1\n", "127.9.0.2:127.9.0.2\n"));
  result one = sync_wait(c, ssh_process("echo $FLEET_HOST", "127.9.0.2").run());
  EXPECT_EQ(one.out, "127.9.0.2\n") << one.describe();

  scratch_directory here;
  const std::string sent = here.path() + "/sent", there = here.path() + "/there";
  std::ofstream(sent) << "text";
  EXPECT_TRUE(sync_wait(c, put(sent, "127.9.0.1", there).run()).ok());
  EXPECT_TRUE(sync_wait(c, get(there, "127.9.0.1", here.path() + "/back").run()).ok());
  EXPECT_TRUE(std::filesystem::exists(here.path() + "/back/127.9.0.1/there"));
}

TEST(connection_defaults, are_not_for_what_has_options_nor_for_another_context) {
  context c, other;
  set_connection_defaults(c, by_connector("sh -c"));
  ssh_options own = by_connector("env OWN=1 sh -c");
  action_result ran = sync_wait(c, remote("echo own$OWN", "n1").ssh(own).run());
  EXPECT_THAT(outputs(ran), ElementsAre("n1:own1\n"));
  set_connection_defaults(other, by_connector("env OWN=2 sh -c"));
  EXPECT_THAT(outputs(sync_wait(other, remote("echo own$OWN", "n1").run())),
              ElementsAre("n1:own2\n"));
  EXPECT_EQ(sync_wait(c, ssh_process("echo own$OWN", "n1").ssh(own).run()).out, "own1\n");
  EXPECT_EQ(connection_defaults(c).connector, "sh -c");
  EXPECT_EQ(connection_defaults(context()), ssh_options());
}

TEST(connection_defaults, hold_from_the_next_start_on) {
  context c;
  auto later = remote("echo $V", "n1");
  set_connection_defaults(c, by_connector("env V=1 sh -c"));
  set_connection_defaults(c, by_connector("env V=2 sh -c"));
  EXPECT_THAT(outputs(sync_wait(c, later.run())), ElementsAre("n1:2\n"));
  set_connection_defaults(c, by_connector("env V=3 sh -c"));
  auto members = parallel(remote("echo $V", "n1"), remote("echo $V", "n2"));
  EXPECT_THAT(outputs(sync_wait(c, members.run())), ElementsAre("n1:3\n", "n2:3\n"));
}

TEST(connection_defaults, that_exclude_each_other_are_refused_and_change_nothing) {
  context c;
  set_connection_defaults(c, by_connector("sh -c"));
  ssh_options bad = by_connector("sh -c");
  bad.lease = 10s;
  EXPECT_THROW(set_connection_defaults(c, bad), std::invalid_argument);
  EXPECT_EQ(connection_defaults(c).lease, 0s);
}

TEST(host_rewrite, leads_connections_elsewhere_and_leaves_the_names) {
  fleet_fixture fleet("127.9.0.[1-3]");
  context c;
  ssh_options how = way_to(fleet);
  how.host_rewrite = [](const host& named) { return "127.9.0." + named.name().substr(1); };
  set_connection_defaults(c, how);
  action_result all = sync_wait(c, remote("echo $FLEET_HOST {{{host}}}", "n[2-3]").run());
  EXPECT_THAT(outputs(all), ElementsAre("n2:127.9.0.2 n2\n", "n3:127.9.0.3 n3\n"));
}

TEST(host_rewrite, is_for_all_that_carries_commands) {
  fleet_fixture fleet("127.9.0.[1-3]");
  for (ssh_client via : {ssh_client::built_in, ssh_client::openssh}) {
    ssh_options how = way_to(fleet);
    how.host_rewrite = &address_of;
    how.via = via;
    action_result all = sync_wait(remote("echo $FLEET_HOST", "n2").ssh(how).run());
    EXPECT_THAT(outputs(all), ElementsAre("n2:127.9.0.2\n"));
    result one = sync_wait(ssh_process("echo $FLEET_HOST", "n3").ssh(how).run());
    EXPECT_EQ(one.out, "127.9.0.3\n") << one.describe();
  }
  ssh_options how = by_connector("env WAY=%h sh -c");
  how.host_rewrite = &address_of;
  EXPECT_THAT(outputs(sync_wait(remote("echo $WAY", "n2").ssh(how).run())),
              ElementsAre("n2:127.9.0.2\n"));
  EXPECT_THAT(ssh_command("n2", how), ElementsAre("env", "WAY=127.9.0.2", "sh", "-c"));
}

TEST(connection_defaults, are_for_a_scan_of_host_keys) {
  fleet_fixture fleet("127.9.0.[1-2]");
  context c;
  ssh_options how = way_to(fleet);
  how.host_rewrite = &address_of;
  set_connection_defaults(c, how);
  action_result all = sync_wait(c, key_scan("n[1-2]").types({"ed25519"}).run());
  ASSERT_EQ(all.all().size(), 2U);
  const host_result& second = all.all()[1];
  ASSERT_EQ(host_keys_of(second).size(), 1U) << second.describe();
  const std::string name = "[127.9.0.2]:" + std::to_string(fleet.port());
  EXPECT_EQ(host_keys_of(second).front().line(), name + " " + fleet.host_key());
  EXPECT_EQ(second.host.name(), "n2");
  set_connection_defaults(c, by_connector("sh -c"));
  EXPECT_THROW((void)sync_wait(c, key_scan("n1").run()), std::invalid_argument);
}

TEST(host_rewrite, shares_connections_by_where_they_lead) {
  fleet_fixture fleet("127.9.0.[1-3]");
  auto work = [](const fleet_fixture& hosts) -> task<> {
    for (int i = 0; i < 2; ++i) {
      ssh_options how = way_to(hosts);
      how.host_rewrite = [](const host& named) { return address_of(named); };
      auto once = remote("true", "n2").ssh(std::move(how));
      action_result all = co_await once.run();
      EXPECT_EQ(all.stats().connections_made, i == 0 ? 1U : 0U) << all.describe();
    }
  };
  sync_wait(work(fleet));
}

TEST(host_rewrite, that_throws_stops_the_action) {
  ssh_options how = by_connector("sh -c");
  how.host_rewrite = [](const host& named) -> std::string {
    throw std::runtime_error("no address of " + named.name());
  };
  try {
    (void)sync_wait(remote("true", "n2").ssh(how).run());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no address of n2");
  }
  result r = sync_wait(ssh_process("true", "n2").ssh(how).run());
  EXPECT_EQ(r.how(), end_reason::unsupported);
  EXPECT_THAT(r.describe(), HasSubstr("no address of n2"));
}

}  // namespace
}  // namespace execo::test
