#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "execo/groups.hpp"
#include "files.hpp"

namespace {

using namespace std::chrono_literals;
using execo::group_command;
using execo::groups;
using execo::host_set;
using execo::host_set_errc;
using execo::host_set_error;
using execo::test::error_of;
using execo::test::groups_folder;
namespace fs = std::filesystem;

class groups_files : public groups_folder {};

TEST(groups, resolve_names_in_sets) {
  groups g;
  g.add("site", std::map<std::string, std::string>{
                    {"web", "w[1-3]"}, {"db", "d1"}, {"all", "w[1-3],d1"}, {"both", "@web,@db"}});
  EXPECT_EQ(g.read("@both!w2").to_string(), "d1,w[1,3]");
  EXPECT_EQ(g.read("@site:web").size(), 3U);
  EXPECT_EQ(g.read("w*").to_string(), "w[1-3]");
  EXPECT_EQ(g.read("@*").size(), 4U);
  EXPECT_EQ(g.read("@@").to_string(), "all,both,db,web");
}

TEST(groups, say_which_source_is_unknown) {
  groups g;
  g.add("site", std::map<std::string, std::string>{});
  EXPECT_EQ(error_of([&] { (void)g.read("@other:x"); }), "Unknown group source: \"other\"");
}

TEST(groups, that_contain_themselves_are_an_error) {
  groups g;
  g.add("site", std::map<std::string, std::string>{{"a", "@b"}, {"b", "@a"}});
  EXPECT_NE(error_of([&] { (void)g.read("@a"); }).find("part of itself"), std::string::npos);
}

TEST(groups, are_values) {
  groups a;
  a.add("one", std::map<std::string, std::string>{});
  groups b = a;
  b.add("two", std::map<std::string, std::string>{});
  EXPECT_EQ(a.sources().size(), 1U);
  EXPECT_EQ(b.sources().size(), 2U);
}

TEST(groups, read_ansible_inventories) {
  groups g;
  g.add_json("inventory", R"({"_meta": {"hostvars": {"w1": {}}},
    "web": {"hosts": ["w1", "w2"], "vars": {"a": 1}},
    "all": {"children": ["web", "db"]}, "db": ["d1"]})");
  EXPECT_EQ(g.all().to_string(), "d1,w[1-2]");
  EXPECT_EQ(g.read("@web").size(), 2U);
  EXPECT_NE(error_of([&] { g.add_json("bad", "[1"); }).find("bad"), std::string::npos);
}

TEST(groups, regroup_takes_the_largest_groups_first) {
  groups g;
  g.add("site", std::map<std::string, std::string>{
                    {"rack1", "n[1-4]"}, {"rack2", "n[5-8]"}, {"half", "n[1-2]"}, {"none", ""}});
  EXPECT_EQ(g.regroup("n[1-8],x"), "@rack[1-2],x");
  EXPECT_EQ(g.regroup("n[1-3]"), "@half,n3");
  EXPECT_EQ(g.regroup("n[1-4]", "site"), "@site:rack1");
}

TEST_F(groups_files, commands_are_asked_once_while_the_answer_is_fresh) {
  groups g;
  g.add("up", group_command{}.map(count_call() + "echo $SOURCE-$GROUP'[1-3]'").list("echo a b"));
  EXPECT_EQ(g.read("@a").to_string(), "up-a[1-3]");
  EXPECT_EQ(g.read("@a").size(), 3U);
  EXPECT_EQ(calls(), 1U);
  EXPECT_EQ(g.all().size(), 6U);
  EXPECT_EQ(calls(), 2U);
}

TEST_F(groups_files, a_source_that_hangs_fails_at_its_deadline_with_its_name) {
  groups g;
  g.add("slow", group_command{}.map("sleep 60").timeout(100ms));
  const auto begin = std::chrono::steady_clock::now();
  const std::string error = error_of([&] { (void)g.read("@x"); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  EXPECT_NE(error.find("\"slow\""), std::string::npos) << error;
  EXPECT_NE(error.find("no answer within 0.1 s"), std::string::npos) << error;
}

TEST_F(groups_files, a_cached_answer_is_used_while_the_source_fails_if_allowed) {
  const std::string once = "test -e asked && exit 1; touch asked; echo n1";
  groups strict;
  strict.add("s", group_command{}.map(once).directory(directory_).cache_time(0ms));
  EXPECT_EQ(strict.read("@x").size(), 1U);
  EXPECT_NE(error_of([&] { (void)strict.read("@x"); }).find("exited 1"), std::string::npos);
  fs::remove(directory_ / "asked");
  groups lenient;
  lenient.add("s", group_command{}.map(once).directory(directory_).cache_time(0ms).stale_time(60s));
  EXPECT_EQ(lenient.read("@x").size(), 1U);
  EXPECT_EQ(lenient.read("@x").size(), 1U);
}

TEST_F(groups_files, fifty_thousand_hosts_in_five_hundred_groups_take_one_call) {
  std::string json = "{";
  for (int group = 0; group < 500; ++group) {
    json += (group > 0 ? ",\"g" : "\"g") + std::to_string(group) + "\":[";
    for (int host = 0; host < 100; ++host) {
      json += (host > 0 ? ",\"h" : "\"h") + std::to_string(group * 100 + host) + "-x\"";
    }
    json += "]";
  }
  write("inventory.json", json + "}");
  groups g;
  g.add("big", group_command{}.json(count_call() + "cat inventory.json").directory(directory_));
  EXPECT_EQ(g.all().size(), 50'000U);
  EXPECT_EQ(g.names().size(), 500U);
  EXPECT_EQ(g.read("@g[0-499]").size(), 50'000U);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(groups_files, group_names_reach_no_shell_unchecked) {
  groups g;
  g.add("up", group_command{}.map(count_call() + "echo $GROUP"));
  EXPECT_NE(error_of([&] { (void)g.read("@a;true"); }).find("shell"), std::string::npos);
  EXPECT_EQ(calls(), 0U);
}

TEST_F(groups_files, configuration_names_files_of_several_kinds) {
  write("groups.d/a.yaml",
        "# site\nlocal:\n  web: 'w[1-2]'\n  db:\n    - d1\n    - d[2-3]\n"
        "  flow: [a1, 'a[2-3]']\n  nothing: null\n");
  write("groups.d/inventory.json", R"({"x": ["h1"]})");
  const fs::path conf = write("groups.conf",
                              "[Main]\ndefault: local\nautodir: $CFGDIR/groups.d\n"
                              "[made]\nmap: echo m1\nlist: echo one\ntimeout: 5\n");
  const groups g = groups::from_file(conf);
  EXPECT_EQ(g.sources(), (std::vector<std::string>{"local", "inventory", "made"}));
  EXPECT_EQ(g.read("@db,@web,@flow,@nothing,@made:one,@inventory:x").to_string(),
            "a[1-3],d[1-3],h1,m1,w[1-2]");
}

TEST_F(groups_files, a_wrong_file_is_named_with_its_line) {
  write("groups.d/a.yaml", "local:\n  123: n1\n");
  const fs::path conf = write("groups.conf", "[Main]\nautodir: groups.d\n");
  const std::string error = error_of([&] { (void)groups::from_file(conf); });
  EXPECT_NE(error.find("a.yaml: line 2: the name 123 is not a string"), std::string::npos) << error;
}

TEST_F(groups_files, what_is_no_group_in_yaml_is_refused_with_its_line) {
  const fs::path conf = write("groups.conf", "[Main]\nautodir: groups.d\n");
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"l:\n  a: &x n1\n  b: *x\n", "line 3: no alias can be used here"},
           {"l:\n  a: @x\n", "line 2: unknown token (add quotes?)"},
           {"l:\n  a: n1\nb\n", "line 3: end of map not found (add quotes?)"},
           {"l:\n  a: 'n1\n", "line 2: a quote from here on is not closed"},
           {"l:\n  a: '", "line 2: a quote from here on is not closed"},
           {"l:\n  a: n\x04"
            "1\n",
            "line 2: a control character"},
           {"l:\n  a: [[n1]]\n", "line 2: group \"a\" is neither a string nor a list of strings"},
           {std::string(100'000, '['), "line 1: a name must be a string"},
           {",", "line 1: no 'source: groups' here"}}) {
    write("groups.d/a.yaml", text);
    const std::string error = error_of([&] { (void)groups::from_file(conf); });
    EXPECT_NE(error.find("a.yaml: " + expected), std::string::npos) << error;
  }
}

TEST_F(groups_files, a_command_that_fails_is_quoted) {
  groups g;
  g.add("broken", group_command{}.map("exit 3"));
  EXPECT_NE(
      error_of([&] { (void)g.read("@x"); }).find("group source \"broken\": `exit 3` exited 3"),
      std::string::npos);
}

}  // namespace
