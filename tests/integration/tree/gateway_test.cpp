// Shapes by hand: hosts that are reached through others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/machine_name.hpp"
#include "execo/execo.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;

class shapes_by_hand : public testing::Test {
 protected:
  shapes_by_hand() { way_.connector = "local"; }

  action_result run(const std::string& hosts, const tree& shape) {
    return sync_wait(remote("echo $EXECO_HOST", hosts).ssh(way_).via(shape).timeout(60s).run());
  }
  void expect_places(const action_result& all, const std::string& places) {
    std::string found;
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_EQ(one.out, one.host.name() + "\n");
      found += (found.empty() ? "" : ", ") + one.host.name() + ": " + one.error_context();
    }
    EXPECT_EQ(found, places);
  }

  ssh_options way_;
};

TEST_F(shapes_by_hand, reach_all_hosts_through_a_gateway_that_runs_nothing) {
  action_result all = run("n[1-30]", tree().gateway("gw"));
  EXPECT_EQ(all.all().size(), 30U);
  for (const host_result& one : all.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_THAT(one.error_context(), testing::StartsWith("reached through ")) << one.host.name();
  }
  expect_places(run("gw,n1", tree().gateway("gw")), "gw: , n1: reached through gw");
}

TEST_F(shapes_by_hand, follow_a_topology) {
  std::string routes = "[routes]\n" + detail::machine_name() + ": a[1-2]\na1: n1\na2: n2\n";
  expect_places(run("n[1-2],a1,x", tree().topology(routes)),
                "a1: , n1: reached through a1, n2: reached through a2, x: ");
}

TEST_F(shapes_by_hand, reach_the_hosts_of_a_zone_through_each_other) {
  const tree shape = tree().arity(2).depth(2).zone("a[1-3]").zone("b[1-3]");
  expect_places(run("a[1-3],b[1-3]", shape),
                "a1: , a2: reached through a1, a3: reached through a1, "
                "b1: , b2: reached through b1, b3: reached through b1");
}

TEST_F(shapes_by_hand, use_the_connector_of_a_trusted_site_from_host_to_host) {
  // %n is known to this process alone.
  const std::string words = "env EXECO_HOST=%h sh -c";
  for (const auto& [connector, is_deep] :
       {std::pair{words, true}, {"argv:env EXECO_HOST=%h", true}, {"env N=%n sh -c", false}}) {
    way_.connector = connector;
    std::size_t behind_others = 0;
    for (const host_result& one : run("n[1-12]", tree().arity(2).site_trust()).all()) {
      EXPECT_EQ(one.out, one.host.name() + "\n") << one.describe();
      behind_others += one.error_context().starts_with("reached through ") ? 1 : 0;
    }
    EXPECT_EQ(behind_others, is_deep ? 10U : 0U) << connector;
  }
  way_.connector = words;
  expect_places(run("n1", tree().site_trust().gateway("gw")), "n1: reached through gw");
}

TEST_F(shapes_by_hand, follow_three_and_four_routes_one_after_the_other) {
  std::string routes = "[routes]\n" + detail::machine_name() + ": a\na: b[1-2]\nb1: c\n";
  expect_places(run("c,b2", tree().topology(routes)),
                "b2: reached through a, c: reached through b1");
  routes += "c: d[1-3]\n";
  expect_places(run("d[1-3],b1,x", tree().topology(routes)),
                "b1: reached through a, d1: reached through c, d2: reached through c, "
                "d3: reached through c, x: ");
}

TEST_F(shapes_by_hand, have_as_many_levels_as_routes_in_a_row) {
  std::string routes = "[routes]\n" + detail::machine_name() + ": a\na: b\nb: c\nc: d\n";
  action_result all = run("d", tree().topology(routes).depth(4));
  EXPECT_TRUE(all.ok());
  EXPECT_THROW((void)run("d", tree().topology(routes).depth(3)), std::invalid_argument);
}

TEST_F(shapes_by_hand, are_refused_where_agents_reach_nobody) {
  EXPECT_THROW((void)run("n1", tree().gateway("gw").depth(1)), std::invalid_argument);
  way_.connector = "env EXECO_HOST=%h sh -c";
  EXPECT_THROW((void)run("n1", tree().gateway("gw")), std::invalid_argument);
}

}  // namespace
}  // namespace execo
