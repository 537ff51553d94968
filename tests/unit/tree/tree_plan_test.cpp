// Shapes by hand: who is reached through whom.
#include "tree/tree_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/machine_name.hpp"
#include "execo/tree.hpp"

namespace execo::detail {
namespace {

using testing::HasSubstr;

std::string leaders(tree_leaders& of, const host_set& hosts) {
  std::string all;
  for (const std::string& name : hosts) {
    std::optional<host> leader = of.leader_of(host(name));
    all += (all.empty() ? "" : " ") + name + "<" + (leader ? leader->name() : "-");
  }
  return all;
}

tree_leaders leaders_of(const tree& shape) { return {shape.settings().plan, "admin"}; }

TEST(tree_leaders, take_turns_as_gateways_and_are_reached_by_the_root) {
  tree_leaders of = leaders_of(tree().gateway("gw[1-2]"));
  EXPECT_EQ(leaders(of, "n[1-3],gw1"), "gw1<- n1<gw1 n2<gw2 n3<gw1");
  EXPECT_TRUE(of.leads(host("gw2")));
  EXPECT_FALSE(of.leads(host("n1")));
}

TEST(tree_leaders, follow_the_routes_of_a_topology) {
  tree_leaders of =
      leaders_of(tree().topology("[routes]\nadmin: a[1-2]\na1: n[1-2]\na2: n[3-4]\nother: x\n"));
  EXPECT_EQ(leaders(of, "a1,n[1-3],x,y"), "a1<- n1<a1 n2<a1 n3<a2 x<- y<-");
  EXPECT_TRUE(of.leads(host("a2")));
  EXPECT_FALSE(of.leads(host("y")));
}

TEST(tree_leaders, have_gateways_for_hosts_on_no_route) {
  tree_leaders of = leaders_of(tree().topology("[routes]\nadmin: a\na: n1\n").gateway("gw"));
  EXPECT_EQ(leaders(of, "a,gw,n[1-2]"), "a<- gw<- n1<a n2<gw");
}

TEST(tree_leaders, begin_where_the_routes_name_this_machine) {
  std::string name = machine_name();
  tree whole = tree().topology("[routes]\n" + name + ": a\na: n\n");
  EXPECT_EQ(root_in(whole.settings().plan->routes), name);
  tree other = tree().topology("[routes]\nelsewhere: a\na: n\n");
  EXPECT_EQ(root_in(other.settings().plan->routes), name.substr(0, name.find('.')));
}

std::string chain_of(std::size_t routes) {
  std::string text = "[routes]\nadmin: h1\n";
  for (std::size_t i = 1; i < routes; ++i)
    text += "h" + std::to_string(i) + ": h" + std::to_string(i + 1) + "\n";
  return text;
}

TEST(tree_leaders, follow_routes_that_stand_one_after_the_other) {
  tree_leaders of = leaders_of(tree().topology(chain_of(4)));
  EXPECT_EQ(leaders(of, "h[1-4]"), "h1<- h2<h1 h3<h2 h4<h3");
  EXPECT_TRUE(of.leads(host("h3")));
  EXPECT_FALSE(of.leads(host("h4")));
}

TEST(tree_zones, are_counted_as_they_are_given_and_the_first_counts) {
  const tree shape = tree().zone("a[1-2]").zone("b[1-2],a2");
  const tree_zones zones(*shape.settings().plan);
  for (const auto& [name, zone] : {std::pair{"a1", 1}, {"a2", 1}, {"b2", 2}, {"c", 0}})
    EXPECT_EQ(zones.zone_of(host(name)), zone) << name;
  EXPECT_FALSE(shape.settings().plan->has_ways());
  EXPECT_TRUE(tree().zone("a").gateway("b").settings().plan->has_ways());
}

TEST(tree_leaders, are_refused_where_they_stand_deeper_than_a_tree_is) {
  EXPECT_NO_THROW((void)tree().topology(chain_of(8)));
  try {
    (void)tree().topology(chain_of(9));
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("eight routes"));
  }
  EXPECT_THROW((void)tree().topology("no routes"), std::invalid_argument);
  EXPECT_NO_THROW((void)tree().topology("[routes]\nadmin: a\nb: c\nd: e\na: n\n"));
}

}  // namespace
}  // namespace execo::detail
