// Hosts of a tree on which no agent can be started: forced commands, folders that execute nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/machine_name.hpp"
#include "execo/execo.hpp"
#include "fleet_fixture.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

// A connector to shells of this machine; hosts that begin with `bad` start no agent.
class hosts_without_an_agent : public testing::Test {
 protected:
  hosts_without_an_agent() {
    std::ofstream(folder_.path() + "/way")
        << "#!/bin/sh\ncase $1:$2 in\n"
        << "bad*\\ execo) echo 'no place here' >&2; exit 1 ;;\nesac\n"
        << "exec sh -c \"$2\"\n";
    fs::permissions(folder_.path() + "/way", fs::perms(0755));
    way_.connector = folder_.path() + "/way %h";
  }

  test::scratch_directory folder_;
  ssh_options way_;
};

TEST_F(hosts_without_an_agent, run_their_command_all_the_same) {
  remote all("read line; echo $line on $EXECO_HOST; exit 4", "bad[1-9],good[1-3]");
  all.ssh(way_).via(tree()).input("word\n").timeout(60s);
  action_result results = sync_wait(all.run());
  ASSERT_EQ(results.all().size(), 12U);
  for (const host_result& one : results.all()) {
    EXPECT_EQ(one.status().code(), 4) << one.describe();
    EXPECT_THAT(one.out, StartsWith("word on ")) << one.host.name();
    bool is_leaf = one.host.name().starts_with("bad");
    EXPECT_EQ(one.transport(), is_leaf ? transport_kind::connector : transport_kind::tree);
    EXPECT_THAT(one.transport_why(), StartsWith(is_leaf ? "without an agent: " : ""));
  }
}

TEST_F(hosts_without_an_agent, have_this_machine_as_their_father) {
  remote all("echo {{{father}}}", "bad1");
  all.ssh(way_).via(tree()).timeout(60s);
  action_result results = sync_wait(all.run());
  EXPECT_EQ(results.all()[0].out, detail::machine_name() + "\n") << results.describe();
}

TEST_F(hosts_without_an_agent, are_stopped_as_others_are) {
  context at;
  remote all("echo here; exec sleep 1000", "bad[1-4],good[1-2]");
  all.ssh(way_).via(tree()).kill_timeout(1s).on(at);
  std::size_t started = 0;
  all.on_line([&](const output_line&) {
    if (++started == 6) all.kill();
  });
  action_result results = sync_wait(at, all.run());
  EXPECT_EQ(started, 6U);
  EXPECT_EQ(results.hosts(end_reason::signaled).size(), 6U) << results.describe();
}

}  // namespace
}  // namespace execo
