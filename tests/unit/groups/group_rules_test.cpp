// How groups are found and read, whatever source they come from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "execo/groups.hpp"
#include "execo/log.hpp"
#include "files.hpp"

namespace {

using execo::group_command;
using execo::groups;
using execo::host_set;
using execo::host_set_errc;
using execo::host_set_error;
using execo::test::error_of;
using execo::test::groups_folder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using table = std::map<std::string, std::string>;

class groups_rules : public groups_folder {
 protected:
  // A source of each kind with these groups. The names say the kind.
  std::vector<groups> of_each_kind(const table& members) const {
    std::string yaml = "s:\n";
    std::string json = "{";
    std::string map = "case $GROUP in ";
    std::string lines;
    std::string list;
    for (const auto& [name, hosts] : members) {
      yaml += "  " + name + ": \"" + hosts + "\"\n";
      json += (json.size() > 1 ? ", \"" : "\"") + name + "\": \"" + hosts + "\"";
      map += name + ") echo '" + hosts + "';; ";
      lines += name + ": " + hosts + "\n";
      list += name + " ";
    }
    write("d/s.yaml", yaml);
    const auto conf = write("groups.conf", "[Main]\nautodir: d\n");
    write("lines", lines);
    std::vector<groups> made(5);
    made[0].add("s", members);
    made[1] = groups::from_file(conf);
    made[2].add_json("s", json + "}");
    made[3].add("s", group_command{}.map(map + "esac").list("echo " + list));
    made[4].add("s", group_command{}.map_all("cat lines").directory(directory_));
    return made;
  }

  groups from(const std::string& conf) const {
    return groups::from_file(write("groups.conf", conf));
  }
};

// The code of the error that a question throws.
std::string code_of(const std::function<void()>& ask) {
  try {
    ask();
    return "none";
  } catch (const host_set_error& error) {
    switch (error.code()) {
      case host_set_errc::no_group:
        return "no_group";
      case host_set_errc::no_list:
        return "no_list";
      case host_set_errc::group:
        return "group";
      case host_set_errc::group_source:
        return "group_source";
      default:
        return "other";
    }
  }
}

class heard_warnings {
 public:
  heard_warnings() {
    execo::set_log(execo::log_level::warning,
                   [this](const execo::log_record& record) { texts.emplace_back(record.message); });
  }
  heard_warnings(const heard_warnings&) = delete;
  heard_warnings& operator=(const heard_warnings&) = delete;
  ~heard_warnings() { execo::set_log(execo::log_level::off, {}); }
  std::vector<std::string> texts;
};

TEST_F(groups_rules, a_wildcard_in_a_group_chooses_from_all_hosts_once) {
  for (const groups& g : of_each_kind({{"x", "foo*"}, {"y", "foo1"}, {"z", "@x,@y,b?"}})) {
    EXPECT_EQ(g.read("@x").to_string(), "foo1,foo*");
    EXPECT_EQ(g.read("foo*").to_string(), "foo1,foo*");
    EXPECT_EQ(g.read("@z").to_string(), "b?,foo1,foo*");
    EXPECT_EQ(g.all().to_string(), "b?,foo1,foo*");
    EXPECT_EQ(g.read("@*").to_string(), "b?,foo1,foo*");
    EXPECT_EQ(g.matches("foo1").size(), 3U);
  }
}

TEST_F(groups_rules, all_hosts_that_are_made_of_groups_with_wildcards_have_an_end) {
  groups g;
  g.add("s", group_command{}.map("echo 'foo*'").all("echo @a").list("echo a"));
  EXPECT_EQ(g.read("@a").to_string(), "foo*");
  EXPECT_EQ(g.read("foo*").to_string(), "foo*");
}

TEST_F(groups_rules, groups_in_a_circle_are_an_error_through_every_door) {
  for (const groups& g : of_each_kind({{"a", "@b"}, {"b", "@c,x*"}, {"c", "@a"}})) {
    for (const char* text : {"@a", "@*", "x*", "@a[1-1]!@a"}) {
      EXPECT_NE(code_of([&] { (void)g.read(text); }), "none") << text;
    }
    EXPECT_THAT(error_of([&] { (void)g.read("@a"); }), HasSubstr("part of itself"));
    EXPECT_EQ(code_of([&] { (void)g.all(); }), "group");
    EXPECT_THAT(g.matches("x1"), IsEmpty());
    EXPECT_EQ(g.regroup("x1"), "x1");
  }
}

TEST_F(groups_rules, a_group_named_many_times_is_read_once) {
  table doubled{{"g0", "n1"}};
  for (int i = 1; i < 30; ++i) {
    const std::string below = "@g" + std::to_string(i - 1);
    doubled["g" + std::to_string(i)] = below + "," + below + "," + below;
  }
  groups g;
  g.add("s", doubled);
  EXPECT_EQ(g.read("@g29").to_string(), "n1");  // 3 to the 29th readings would have no end
  EXPECT_EQ(g.all().to_string(), "n1");
  EXPECT_EQ(g.regroup("n1").substr(0, 1), "@");
}

TEST_F(groups_rules, blanks_newlines_and_commas_separate_hosts_of_every_source) {
  for (const groups& g : of_each_kind({{"x", "n1 n2"},
                                       {"y", " ,n3,,n[5, 7] ,"},
                                       {"z", "n[1-9] ! n2 & n[2-4]"},
                                       {"none", ""}})) {
    EXPECT_EQ(g.read("@x").to_string(), "n[1-2]");
    EXPECT_EQ(g.read("@y").to_string(), "n[3,5,7]");
    EXPECT_EQ(g.read("@z").to_string(), "n[3-4]");
    EXPECT_EQ(g.read("n[1-3]!@x").to_string(), "n3");
    EXPECT_TRUE(g.read("@none").empty());
  }
}

TEST_F(groups_rules, blocks_and_lists_of_yaml_and_json_are_split_alike) {
  write("d/a.yaml",
        "y:\n  block: |\n    n1 # the first\n    n2\n  folded: >\n    n1\n    n2\n"
        "  list: ['n1 n2', n3, \"n4 # four\", '@block']\n  quoted: '# none'\n");
  write("d/j.json", R"({"list": ["n1 n2", "n3", "n4 # four"], "lines": "n1\n\nn2"})");
  const groups g = from("[Main]\nautodir: d\n");
  EXPECT_EQ(g.read("@y:block").to_string(), "n[1-2]");
  EXPECT_EQ(g.read("@y:folded").to_string(), "n[1-2]");
  EXPECT_EQ(g.read("@y:list").to_string(), "n[1-4]");
  EXPECT_TRUE(g.read("@y:quoted").empty());
  EXPECT_EQ(g.read("@j:list").to_string(), "n[1-4]");
  EXPECT_EQ(g.read("@j:lines").to_string(), "n[1-2]");
}

TEST_F(groups_rules, comments_in_the_output_of_commands_are_no_hosts) {
  const groups g = from(
      "[s]\nmap: printf 'n[1-2] # core\\nn3\\n# n4\\n'\nall: echo ,n1,n2, '# all'\n"
      "list: printf 'a # first\\nb\\n'\n");
  EXPECT_EQ(g.read("@a").to_string(), "n[1-3]");
  EXPECT_EQ(g.all().to_string(), "n[1-2]");
  EXPECT_THAT(g.names(), ElementsAre("a", "b"));
}

TEST_F(groups_rules, a_name_that_means_no_group_is_an_error) {
  for (const groups& g : of_each_kind({{"a", "n1"}, {"empty", ""}})) {
    for (const char* text : {"@typo", "@a,@typo", "n[1-3]!@typo", "@s:typo", "@a[1-2]"})
      EXPECT_EQ(code_of([&] { (void)g.read(text); }), "no_group") << text;
    EXPECT_THAT(error_of([&] { (void)g.read("@typo"); }),
                HasSubstr("group source \"s\" has no group \"typo\""));
    EXPECT_EQ(code_of([&] { (void)g.members("typo"); }), "no_group");
    EXPECT_TRUE(g.read("@empty").empty());
  }
}

TEST_F(groups_rules, a_command_without_a_list_decides_what_an_empty_group_is) {
  groups g;
  g.add("s", group_command{}.map("true"));
  EXPECT_TRUE(g.read("@typo").empty());
}

TEST_F(groups_rules, names_that_a_list_folds_are_single_groups) {
  const groups g = from(
      "[s]\nmap: case $GROUP in g1) echo n1;; g2) echo n2;; *) echo wrong;; esac\n"
      "list: echo 'g[1-2]'\n");
  EXPECT_THAT(g.names(), ElementsAre("g1", "g2"));
  EXPECT_EQ(g.read("@*").to_string(), "n[1-2]");
  EXPECT_EQ(g.regroup("n1"), "@g1");
}

TEST_F(groups_rules, a_name_that_is_illegal_costs_no_other_group) {
  const heard_warnings heard;
  const groups g = from("[s]\nmap: echo $GROUP'1'\nlist: echo foo bad\\&name 'x[1-' ok\n");
  EXPECT_THAT(g.names(), ElementsAre("foo", "ok"));
  EXPECT_THAT(heard.texts,
              ElementsAre(HasSubstr("\"bad&name\": left out"), HasSubstr("\"x[1-\": left out")));
  EXPECT_EQ(g.regroup("foo1,ok1"), "@foo,@ok");
  EXPECT_EQ(g.all().to_string(), "foo1,ok1");
}

TEST_F(groups_rules, a_group_that_cannot_be_read_costs_no_other_match) {
  const heard_warnings heard;
  groups g;
  g.add("s", table{{"a", "n1"}, {"broken", "n[1-"}, {"lost", "@other:x"}, {"z", "n1,n2"}});
  EXPECT_THAT(g.names_of("n1"), ElementsAre("a", "z"));
  EXPECT_EQ(g.regroup("n[1-2]"), "@z");
  EXPECT_EQ(heard.texts.size(), 4U);
}

TEST_F(groups_rules, reverse_is_asked_for_the_groups_of_a_host_and_nothing_else) {
  groups g;
  g.add("s", group_command{}
                 .map(count_call() + "echo 'n[1-100]'")
                 .list(count_call() + "echo a b")
                 .reverse("test $NODE = n7 && echo 'b # x' || true"));
  EXPECT_THAT(g.names_of("n7"), ElementsAre("b"));
  EXPECT_EQ(calls(), 0U);
  EXPECT_EQ(g.matches("n7").at(0).group, "@b");
  EXPECT_EQ(g.regroup("n[1-100]"), "@a");  // two maps are fewer calls than a hundred hosts
}

TEST_F(groups_rules, reverse_does_without_a_list) {
  const groups g = from("[s]\nmap: echo 'n[1-3]'\nreverse: echo foo\n");
  EXPECT_EQ(g.regroup("n[1-3]"), "@foo");
  EXPECT_THAT(g.names_of("n1"), ElementsAre("foo"));
  EXPECT_EQ(code_of([&] { (void)g.names(); }), "no_list");
}

TEST_F(groups_rules, reverse_that_fails_is_said_once_and_takes_no_host_away) {
  const heard_warnings heard;
  const groups g = from("[s]\nmap: echo n1\nreverse: false\n");
  EXPECT_EQ(g.regroup("n[1-3]"), "n[1-3]");
  EXPECT_THAT(heard.texts, ElementsAre(HasSubstr("`false` exited 1")));
}

TEST_F(groups_rules, all_groups_come_from_one_call_where_there_is_mapall) {
  const groups g = from("[s]\nmapall: " + count_call() +
                        "printf 'a: n1 n2\\nb: @a,n3\\n\\n# c: n9\\n'\n"
                        "map: echo other-$GROUP\n");
  EXPECT_EQ(g.read("@b").to_string(), "n[1-3]");
  EXPECT_THAT(g.names(), ElementsAre("a", "b"));
  EXPECT_EQ(g.all().to_string(), "n[1-3]");
  EXPECT_EQ(calls(), 1U);
  EXPECT_EQ(g.read("@c").to_string(), "other-c");
}

TEST_F(groups_rules, a_name_that_reaches_a_command_is_no_option_and_no_pattern) {
  groups g;
  g.add("s", group_command{}.map(count_call() + "echo $GROUP").reverse(count_call() + "true"));
  for (const char* name : {"@a/b", "@-rf", "@a;true", "@$x", "@a b", "@'a'"}) {
    EXPECT_EQ(code_of([&] { (void)g.read(name); }), "group") << name;
  }
  const heard_warnings heard;
  EXPECT_THAT(g.matches(host_set::from_name("$(touch x)")), IsEmpty());
  EXPECT_EQ(heard.texts.size(), 1U);
  EXPECT_EQ(calls(), 0U);
  EXPECT_EQ(g.read("@rack=1").to_string(), "rack=1");
}

// The rule of Python's ConfigParser, for which these files are written.
TEST_F(groups_rules, a_value_goes_on_with_lines_indented_deeper_than_its_key) {
  const groups indented =
      from("[Main]\n  default: s\n[s]\n  map: echo n1\n  list: echo g\n  all: echo n1\n");
  EXPECT_EQ(indented.read("@g").to_string(), "n1");
  EXPECT_EQ(indented.all().to_string(), "n1");
  const groups continued =
      from("[s]\nmap: echo n1\n  # no comment ends it\n\n   echo n2\n list=\n");
  EXPECT_EQ(continued.read("@g").to_string(), "n[1-2]");
  const groups shared = from("[DEFAULT]\nlist: echo g\n[a]\nmap: echo n1\n[b]\nmap: echo n2\n");
  EXPECT_EQ(shared.all("b").to_string(), "n2");
}

TEST_F(groups_rules, a_key_or_section_that_stands_twice_is_refused_with_its_line) {
  for (const auto& [text, expected] :
       table{{"[s]\nmap: a\n[t]\nmap: b\n[s]\nmap: c\n", "line 5: the section [s] appears twice"},
             {"[s]\nmap: a\nMAP: b\n", "line 3: the key \"map\" appears twice"},
             {"[s]\nmap\n", "line 2: no 'key: value'"},
             {"[s]\n: a\n", "line 2: no key"},
             {"[s\n", "line 1: the section is not closed"},
             {"map: a\n", "line 1: a value before the first"},
             {"[s]\njson: true\nmap: true\n", "json replaces the other commands"}}) {
    EXPECT_THAT(error_of([&] { (void)from(text); }), HasSubstr(expected)) << text;
  }
}

TEST_F(groups_rules, an_unknown_key_is_named) {
  const heard_warnings heard;
  (void)from("[Main]\ndefualt: s\n[s]\nmap: true\ncachetime: 5\n");
  EXPECT_THAT(heard.texts, ElementsAre(HasSubstr("[Main] has the unknown key \"defualt\""),
                                       HasSubstr("[s] has the unknown key \"cachetime\"")));
}

TEST_F(groups_rules, a_source_in_several_yaml_files_of_a_folder_is_one) {
  write("d/a.yaml", "roles:\n  web: w1\n");
  write("d/b.yaml", "roles:\n  db: d1\nother:\n  x: n1\n");
  const groups g = from("[Main]\nautodir: d\n");
  EXPECT_THAT(g.names("roles"), ElementsAre("db", "web"));
  write("d/c.yaml", "roles:\n  db: d2\n");
  EXPECT_THAT(error_of([&] { (void)from("[Main]\nautodir: d\n"); }),
              HasSubstr("c.yaml: the group \"db\" of source \"roles\" is in another file too"));
}

TEST_F(groups_rules, what_stands_twice_is_no_choice_of_the_last) {
  const auto of = [&](const std::string& name, const std::string& text) {
    write("d/" + name, text);
    const std::string error = error_of([&] { (void)from("[Main]\nautodir: d\n").all(); });
    std::filesystem::remove_all(directory_ / "d");
    return error;
  };
  EXPECT_THAT(of("a.yaml", "s:\n  a: n1\n  a: n2\n"), HasSubstr("line 3: the name \"a\" appears"));
  EXPECT_THAT(of("a.yaml", "s:\n  a: n1\ns:\n  b: n2\n"),
              HasSubstr("line 3: the name \"s\" appears"));
  EXPECT_THAT(of("a.json", R"({"a": "n1", "a": "n2"})"),
              HasSubstr("the group \"a\" appears twice"));
  write("d/s.json", R"({"a": "n1"})");
  EXPECT_THAT(of("a.yaml", "s:\n  a: n1\n"), HasSubstr("the source \"s\" is also in"));
}

TEST_F(groups_rules, a_tag_or_a_file_in_place_of_a_folder_is_no_group) {
  write("d/a.yaml", "s:\n  a: !!str n1\n  b: !!seq [n2]\n");
  EXPECT_EQ(from("[Main]\nautodir: d\n").all().to_string(), "n[1-2]");
  for (const char* value : {"!!int 5", "!!python/object/new:os.system [x]", "!mine n1"}) {
    write("d/a.yaml", std::string{"s:\n  a: "} + value + "\n");
    EXPECT_THAT(error_of([&] { (void)from("[Main]\nautodir: d\n"); }),
                HasSubstr("line 2: no tag can be used here"));
  }
  for (const char* key : {"autodir", "confdir"}) {
    EXPECT_THAT(error_of([&] { (void)from(std::string{"[Main]\n"} + key + ": groups.conf\n"); }),
                HasSubstr("not a directory of group files"));
  }
}

TEST_F(groups_rules, children_of_an_inventory_are_bounded_in_depth) {
  std::string deep = "{\"g0\": {\"hosts\": [\"n1\"]}";
  for (int i = 1; i < 50'000; ++i) {
    deep += ",\"g" + std::to_string(i) + "\": {\"children\": [\"g" + std::to_string(i - 1) + "\"]}";
  }
  groups g;
  EXPECT_THAT(error_of([&] { g.add_json("s", deep + "}"); }), HasSubstr("is inside more than 32"));
  g.add_json("s", R"({"a": {"children": ["b"]}, "b": {"children": ["a"], "hosts": ["n1"]}})");
  EXPECT_EQ(g.read("@a").to_string(), "n1");
}

}  // namespace
