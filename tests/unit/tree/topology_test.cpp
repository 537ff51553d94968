#include "tree/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace execo::detail {
namespace {

using testing::HasSubstr;

topology read_routes(const std::string& lines) {
  return topology::read("[routes]\n" + lines, [](const std::string& text) {
    return text == "@none" ? host_set() : host_set(text);
  });
}

// "HOST<LEADER", with a star for a gateway.
std::string text(const std::vector<planned_host>& plan) {
  std::string all;
  for (const planned_host& one : plan) {
    if (!all.empty()) all += ' ';
    all += one.name;
    if (one.leader != planned_host::root) all += '<' + plan[one.leader].name;
    if (one.role == planned_role::gateway) all += '*';
  }
  return all;
}

std::string problem_of(const std::string& lines) {
  try {
    read_routes(lines);
  } catch (const topology_error& e) {
    return e.what();
  }
  return "none";
}

TEST(topology, hosts_go_through_the_gateway_of_their_route) {
  topology t = read_routes("admin: gw1\ngw1: node[1-2]\n");
  EXPECT_EQ(text(t.plan("admin", "node[1-2]")), "gw1* node1<gw1 node2<gw1");
}

TEST(topology, gateways_of_a_route_take_turns) {
  topology t = read_routes("admin: gw[1-2]\ngw[1-2]: node[1-4]\n");
  EXPECT_EQ(text(t.plan("admin", "node[1-4]")),
            "gw1* node1<gw1 gw2* node2<gw2 node3<gw1 node4<gw2");
}

TEST(topology, a_gateway_may_be_a_target_too) {
  topology t = read_routes("admin: gw1\ngw1: node1\n");
  EXPECT_EQ(text(t.plan("admin", "gw1,node1")), "gw1 node1<gw1");
}

TEST(topology, gateways_stand_behind_gateways) {
  topology t = read_routes("b: c[1-2]\nadmin: a\na: b\n");
  EXPECT_EQ(text(t.plan("admin", "c1")), "a* b<a* c1<b");
}

TEST(topology, a_leader_stands_before_its_hosts) {
  topology t = read_routes("admin: a[1-3]\na[1-3]: b[1-9]\nb[1-9]: c[1-500]\n");
  std::vector<planned_host> plan = t.plan("admin", "c[1-500]");
  EXPECT_EQ(plan.size(), 512U);
  std::map<std::uint32_t, int> load;
  for (std::uint32_t i = 0; i < plan.size(); ++i) {
    if (plan[i].leader == planned_host::root) continue;
    EXPECT_LT(plan[i].leader, i);
    if (plan[i].name[0] == 'c') ++load[plan[i].leader];
  }
  EXPECT_EQ(load.size(), 9U);
  for (auto [leader, hosts] : load) EXPECT_LE(hosts, 56);
}

TEST(topology, who_is_on_no_route_is_reached_directly) {
  topology t = read_routes("admin: gw1\ngw1: node1\nelsewhere: node2\n");
  EXPECT_EQ(text(t.plan("admin", "node2,other")), "node2 other");
  EXPECT_EQ(text(t.plan("nobody", "node1")), "node1");
}

TEST(topology, the_root_is_no_target_of_its_own) {
  topology t = read_routes("admin: gw1\n");
  EXPECT_EQ(text(t.plan("admin", "admin,gw1")), "gw1");
}

TEST(topology, reads_both_names_of_the_section_and_skips_others_and_comments) {
  auto meaning = [](const std::string& text) { return host_set(text); };
  topology t = topology::read(
      "# a site\n[other]\nx: y\n[Main]\n; old name\n  admin = gw[1-2]  \r\n\ngw1:node1", meaning);
  ASSERT_EQ(t.routes().size(), 2U);
  EXPECT_EQ(t.routes()[0].to, host_set("gw[1-2]"));
}

TEST(topology, a_route_of_an_empty_group_is_no_route) {
  EXPECT_EQ(read_routes("admin: gw1\ngw1: @none\n").routes().size(), 1U);
}

TEST(topology, says_what_is_wrong) {
  EXPECT_THAT(problem_of(""), HasSubstr("no route"));
  EXPECT_THAT(problem_of("admin gw1\n"), HasSubstr("has no ':'"));
  EXPECT_THAT(problem_of("a: a,b\n"), HasSubstr("to itself"));
  EXPECT_THAT(problem_of("a: c\nb: c\n"), HasSubstr("\"a: c\" reaches too"));
  EXPECT_THAT(problem_of("a: b\nb: a\n"), HasSubstr("part of a loop"));
  EXPECT_THAT(problem_of("r: a\na: b\nb: c\nc: a2,a\n"), HasSubstr("reaches too"));
  EXPECT_THAT(problem_of("a: b\nb: c\nc: a\n"), HasSubstr("part of a loop"));
  EXPECT_EQ(problem_of("r: a\na: b\nb: c\n"), "none");
}

}  // namespace
}  // namespace execo::detail
