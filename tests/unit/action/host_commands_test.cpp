// A command for each host: by references in braces and by a function, over hosts played by timers.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <ranges>
#include <set>
#include <sstream>

#include "execo/remote.hpp"
#include "execo/report.hpp"
#include "execo/timeout.hpp"
#include "fleet_fixture.hpp"
#include "leak_check.hpp"
#include "support/file_bytes.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class host_commands : public on_each_backend {
 protected:
  host_commands() {
    hosts_.behaviour = [](const host& where) {
      script s;
      s.out = "out of " + where.name() + "\n";
      s.err = "err of " + where.name() + "\n";
      return s;
    };
  }

  fake_action on(std::vector<std::string> names, command what) {
    fake_action a(hosts_, 0);
    for (const std::string& name : names) a.state().hosts.emplace_back(name);
    a.state().commands.what = std::move(what);
    return a;
  }
  fake_action on(std::vector<std::string> names, const char* text) {
    return on(std::move(names), command(text));
  }
  const command& of(const std::string& host) const { return hosts_.commands.at(host); }
  std::string text_of(const std::string& host) const { return of(host).shell_text(); }
  /// What a misuse of it says; empty: nothing was wrong.
  static std::string complaint(fake_action a) {
    try {
      (void)sync_wait(a.run());
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return {};
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      names.insert(entry.path().filename());
    return names;
  }

  fake_hosts hosts_;
  scratch_directory folder_;
};
EXECO_ON_EACH_BACKEND(host_commands);

TEST_P(host_commands, have_the_values_of_their_host_in_text_words_variables_and_directory) {
  fake_action a = on({"a", "root@b:2222"}, "echo {{{host}}} {{{index}}} {{{user}}} {{{port}}}");
  a.state().commands.what.words = {"{{{host}}} x"};
  a.state().commands.what.set_variable("V", "v{{{index}}}");
  a.state().commands.what.directory = "/srv/{{{host}}}";
  action_result all = sync_wait(a.run());
  EXPECT_TRUE(all.ok());
  EXPECT_EQ(text_of("a"), "echo a 0  0 'a x'");
  EXPECT_EQ(text_of("b"), "echo b 1 root 2222 'b x'");
  EXPECT_EQ(of("b").variables().front().second, "v1");
  EXPECT_EQ(of("b").directory, "/srv/b");
  EXPECT_EQ(all.all()[1].name(), "echo b 1 root 2222 'b x'");
  EXPECT_EQ(all.name(), "echo {{{host}}} {{{index}}} {{{user}}} {{{port}}} '{{{hos...");
  EXPECT_EQ(report(all).stats().parts.at(0).name, all.name());
}

TEST_P(host_commands, share_one_where_nothing_is_replaced) {
  fake_action a = on({"a", "b", "c"}, "docker ps --format '{{.Names}}' | awk '{print $1}'");
  EXPECT_TRUE(sync_wait(a.run()).ok());
  EXPECT_EQ(text_of("b"), "docker ps --format '{{.Names}}' | awk '{print $1}'");
  EXPECT_EQ(hosts_.distinct_commands.size(), 1U);
}

TEST_P(host_commands, replace_nothing_when_they_are_verbatim) {
  fake_action a = on({"a"}, "echo {{{host}}} {{x}}");
  a.state().commands.set_values("x", {"1"});
  a.state().commands.keep_braces();
  EXPECT_TRUE(sync_wait(a.run()).ok());
  EXPECT_EQ(text_of("a"), "echo {{{host}}} {{x}}");
}

TEST_P(host_commands, take_the_values_of_a_name_in_turn) {
  fake_action a = on({"a", "b", "c", "d", "e", "f"}, "echo {{x}} {{y}}");
  a.state().commands.set_values("x", {"1", "2", "3"});
  a.state().commands.set_values("y", {10, 20});
  EXPECT_TRUE(sync_wait(a.run()).ok());
  std::string all;
  for (const auto& [host, what] : hosts_.commands) all += what.shell_text() + ";";
  EXPECT_EQ(all, "echo 1 10;echo 2 20;echo 3 10;echo 1 20;echo 2 10;echo 3 20;");
}

TEST_P(host_commands, are_named_in_handlers_and_in_results_of_hosts_that_never_began) {
  hosts_.all_take(1h);
  fake_action a = on({"a", "b", "c"}, "echo {{{host}}}");
  a.fanout(1);
  std::vector<std::string> started;
  a.state().commands.what.add_handler(on_start_call([&](const started_command& c) {
    started.emplace_back(c.name);
    a.request_stop();
  }));
  action_result all = sync_wait(a.run());
  EXPECT_THAT(started, ElementsAre("echo a"));
  EXPECT_EQ(all.all()[0].name(), "echo a");
  EXPECT_EQ(all.all()[2].how(), end_reason::not_started);
  EXPECT_EQ(all.all()[2].name(), "echo c");
}

TEST_P(host_commands, never_let_a_shell_read_the_name_of_a_host) {
  for (const char* name : {"$(id)", "a;b", "a'b", "`id`", "a|b", "\u00e9", "a%b", "a*"}) {
    std::string said = complaint(on({"ok", name}, "echo \"{{{host}}}\""));
    EXPECT_THAT(said, AllOf(HasSubstr(name), HasSubstr("means something to a shell"))) << name;
    EXPECT_EQ(hosts_.opened, 0) << "before any host began";
    EXPECT_EQ(complaint(on({name}, "echo {{{index}}}")), "") << "it is not used";
    EXPECT_EQ(complaint(on({name}, command("echo", "<{{{host}}}>"))), "") << "it is quoted";
    hosts_.opened = 0;
  }
  EXPECT_THAT(complaint(on({"$(id)@a"}, "echo {{{user}}}")), HasSubstr("means something"));
  EXPECT_THAT(complaint(on({"-f"}, "ping {{{host}}}")), HasSubstr("would be an option"));
  EXPECT_THAT(complaint(on({"-f"}, command("ping", "{{{host}}}"))), HasSubstr("an option"));
  fake_action peers = on({"a"}, "ping {{peer}}");
  peers.state().commands.set_values("peer", std::vector<host>{host("a;b")});
  EXPECT_THAT(complaint(std::move(peers)), HasSubstr("`a;b`"));
  fake_action given = on({"a"}, "echo {{text}}");
  given.state().commands.set_values("text", {"$HOME; id"});
  EXPECT_EQ(complaint(std::move(given)), "") << "what the caller gives for text is text";
  EXPECT_EQ(text_of("a"), "echo $HOME; id");
}

TEST_P(host_commands, write_each_output_to_the_file_of_its_host) {
  fake_action a = on({"a", "b/c", ".."}, "work");
  a.state().commands.what.set_out(to_file(path("{{{host}}}.out")));
  a.state().commands.what.set_err(tee(append(path("{{{index}}}.err")), capture()));
  action_result all = sync_wait(a.run());
  EXPECT_TRUE(all.ok()) << all.describe();
  EXPECT_THAT(files(), ElementsAre("%2E..out", "0.err", "1.err", "2.err", "a.out", "b%2Fc.out"));
  EXPECT_EQ(file_bytes(path("b%2Fc.out")), "out of b/c\n");
  EXPECT_EQ(file_bytes(path("1.err")), "err of b/c\n");
  EXPECT_EQ(all.all()[1].err, "err of b/c\n");
}

TEST_P(host_commands, spill_to_and_read_from_the_file_of_their_host) {
  for (const char* name : {"a", "b"}) std::ofstream(path(name) + ".in") << name;
  fake_action a = on({"a", "b"}, "work");
  a.state().commands.what.set_in(from_file(path("{{{host}}}.in")));
  a.state().commands.what.set_out(capture(3, overflow::spill(path("{{{host}}}.rest"))));
  EXPECT_TRUE(sync_wait(a.run()).ok());
  EXPECT_EQ(file_bytes(path("b.rest")), " of b\n");
}

TEST_P(host_commands, find_their_files_from_the_directory_of_the_start) {
  fs::create_directory(path("out"));
  fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  fake_action a = on({"a", "b"}, "work");
  a.state().commands.what.set_out(to_file("out/{{{host}}}"));
  accept_default_context();
  a.start();
  fs::current_path(before);
  EXPECT_TRUE(sync_wait(a.run()).ok());
  EXPECT_EQ(file_bytes(path("out/b")), "out of b\n");
}

TEST_P(host_commands, share_no_plain_file) {
  auto with_out = [&](std::vector<std::string> names, sink out) {
    fake_action a = on(std::move(names), "work");
    a.state().commands.what.set_out(std::move(out));
    return complaint(std::move(a));
  };
  EXPECT_THAT(with_out({"a", "b"}, to_file(path("one"))),
              AllOf(HasSubstr("one` would be the file of a and of b"), HasSubstr("{{{host}}}"),
                    HasSubstr("append()")));
  EXPECT_THAT(with_out({"a", "b"}, tee(capture(), to_file(path("one")))),
              HasSubstr("of a and of b"));
  EXPECT_THAT(with_out({"a", "b"}, capture(1, overflow::spill(path("one")))),
              HasSubstr("of a and of b"));
  EXPECT_THAT(with_out({"a:1", "b", "a:2"}, to_file(path("{{{host}}}"))),
              HasSubstr("of a:1 and of a:2"));
  EXPECT_THAT(with_out({"a", "b"}, to_file(path("{{{\\host}}}"))), HasSubstr("of a and of b"));
  EXPECT_EQ(hosts_.opened, 0);
  EXPECT_EQ(with_out({"a"}, to_file(path("one"))), "");
  EXPECT_EQ(with_out({"a", "b"}, append(path("one"))), "");
  EXPECT_EQ(with_out({"a", "b", "c"}, to_file("/dev/null")), "") << "no regular file";
  EXPECT_EQ(with_out({"a:1", "a:2"}, to_file(path("{{{host}}}-{{{port}}}"))), "");
  EXPECT_EQ(with_out({"a", "a"}, to_file(path("{{{index}}}"))), "");
}

TEST_P(host_commands, share_no_file_among_their_outputs) {
  auto with_both = [&](sink out, sink err) {
    fake_action a = on({"a", "b"}, "work");
    a.state().commands.what.set_out(std::move(out));
    a.state().commands.what.set_err(std::move(err));
    return complaint(std::move(a));
  };
  EXPECT_THAT(with_both(to_file(path("{{{host}}}")), to_file(path("{{{host}}}"))),
              AllOf(HasSubstr("a: `"), HasSubstr("of two outputs"), HasSubstr("merged()")));
  EXPECT_THAT(with_both(to_file(path("{{{host}}}")), append(path("b"))),
              HasSubstr("b` would be the file of a and of b"));
  EXPECT_EQ(with_both(to_file(path("{{{host}}}.o")), to_file(path("{{{host}}}.e"))), "");
  EXPECT_EQ(with_both(to_file(path("{{{host}}}")), merged()), "");
}

TEST_P(host_commands, have_no_path_with_a_part_left_out) {
  for (const char* file : {"{{e}}/out", "x/{{e}}", ".{{e}}./x", ".{{e}}"}) {
    fake_action a = on({"a"}, "work");
    a.state().commands.set_values("e", {""});
    a.state().commands.what.set_out(to_file(path(file)));
    EXPECT_THAT(complaint(std::move(a)), HasSubstr("a value is empty")) << file;
  }
  fake_action a = on({"a"}, "work");
  a.state().commands.set_values("e", {""});
  a.state().commands.what.set_out(to_file(path("./out{{e}}")));
  EXPECT_EQ(complaint(std::move(a)), "");
  EXPECT_EQ(file_bytes(path("out")), "out of a\n");
}

TEST_P(host_commands, are_not_empty_for_any_host) {
  fake_action a = on({"a", "b"}, "{{c}}");
  a.state().commands.set_values("c", {"id", ""});
  EXPECT_EQ(complaint(std::move(a)), "b: the command is empty");
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(host_commands, refuse_names_and_values_that_cannot_be) {
  fake_action a = on({"a"}, "work");
  auto said = [&](const char* name, detail::value_list values) {
    try {
      a.state().commands.set_values(name, std::move(values));
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(said("a b", {"1"}), HasSubstr("subst `a b`: a name has letters"));
  EXPECT_THAT(said("1st", {"1"}), HasSubstr("subst `1st`"));
  EXPECT_THAT(said("x", std::vector<std::string>()), HasSubstr("there are no values"));
  EXPECT_THAT(said("x", {std::string(1, '\0')}), HasSubstr("a NUL byte"));
  EXPECT_EQ(said("unused", {"1"}), "");
}

TEST_P(host_commands, come_from_a_function_with_the_options_of_the_action) {
  fake_action a = on({"a", "b"}, "");
  a.state().commands.what.run_timeout = 7s;
  a.state().commands.what.words = {"last {{{index}}}"};
  a.state().commands.what.set_variable("BOTH", "action");
  a.state().commands.what.set_variable("HOST", "{{{host}}}");
  std::vector<std::string> asked;
  a.state().commands.make = [&](const target& t) {
    asked.push_back(t.host.name() + std::to_string(t.index) + std::to_string(t.attempt));
    command own("echo", t.host.name(), "{{{host}}}");
    own.set_variable("BOTH", "function");
    if (t.index == 1) own.run_timeout = 1s;
    return own;
  };
  action_result all = sync_wait(a.run());
  EXPECT_TRUE(all.ok()) << all.describe();
  EXPECT_THAT(asked, ElementsAre("a01", "b11"));
  EXPECT_EQ(text_of("a"), "echo a '{{{host}}}' 'last 0'");
  EXPECT_EQ(of("a").run_timeout, 7s);
  EXPECT_EQ(of("b").run_timeout, 1s);
  using variable = std::pair<std::string_view, std::string_view>;
  EXPECT_THAT(of("b").variables(),
              ElementsAre(variable("BOTH", "function"), variable("HOST", "b")));
  EXPECT_EQ(all.all()[1].name(), "echo b '{{{host}}}' 'last 1'");
  EXPECT_EQ(all.name(), "a command for each host");
}

TEST_P(host_commands, of_a_function_have_no_streams_of_their_own_and_are_not_empty) {
  auto made = [&](std::function<command(const target&)> make) {
    fake_action a = on({"a"}, "");
    a.state().commands.make = std::move(make);
    return complaint(std::move(a));
  };
  EXPECT_EQ(made([](const target&) {
              command c("id");
              c.set_out(to_file("x"));
              return c;
            }),
            "the command for a has a sink of its own: give that to the action");
  EXPECT_THAT(made([](const target&) {
                command c("id");
                c.set_in(from_file("x"));
                return c;
              }),
              HasSubstr("has a source of its own"));
  EXPECT_EQ(made([](const target&) { return command(""); }), "the command for a is empty");
  EXPECT_EQ(hosts_.opened, 0);
}

TEST_P(host_commands, of_a_function_that_throws_stop_the_action) {
  fake_action a = on({"a", "b", "c"}, "");
  a.fanout(1);
  a.state().commands.make = [](const target& t) {
    if (t.index == 1) throw std::runtime_error("no command for b");
    return command("id");
  };
  EXPECT_THROW(sync_wait(a.run()), std::runtime_error);
  EXPECT_EQ(hosts_.opened, 1);
  EXPECT_EQ(hosts_.closed, 1);
  EXPECT_EQ(a.stats().done, 3U);
}

TEST(values_of_a_name, are_texts_numbers_and_hosts) {
  using list = detail::value_list;
  auto texts = [](const list& values) { return values.texts(); };
  EXPECT_THAT(texts({"a", "b"}), ElementsAre("a", "b"));
  EXPECT_THAT(texts({1, 2U, -3L}), ElementsAre("1", "2", "-3"));
  EXPECT_THAT(texts({0.1, 1e30, 2.0}), ElementsAre("0.1", "1e+30", "2"));
  EXPECT_THAT(texts("alone"), ElementsAre("alone"));
  EXPECT_THAT(texts(std::vector<std::string>{"x", ""}), ElementsAre("x", ""));
  const char* array[] = {"p", "q"};
  EXPECT_THAT(texts(array), ElementsAre("p", "q"));
  EXPECT_THAT(texts(std::views::iota(8, 11)), ElementsAre("8", "9", "10"));
  EXPECT_THAT(texts(std::vector<std::uint64_t>{~std::uint64_t{0}}),
              ElementsAre("18446744073709551615"));
  EXPECT_THAT(texts(host_set("n[1-3]")), ElementsAre("n1", "n2", "n3"));
  EXPECT_THAT(texts(std::vector<host>{host("root@n1:22")}), ElementsAre("n1"));
  EXPECT_TRUE(list(host_set("n[1-3]")).has_hosts());
  EXPECT_TRUE(list("a", host("b")).has_hosts());
  EXPECT_FALSE(list("a").has_hosts());
}

TEST(values_of_a_name, are_given_to_a_remote_in_many_ways) {
  auto up = remote("echo {{a}}{{b}}{{c}}", "n[1-2]")
                .subst("a", {"1", "2"})
                .subst("b", std::vector<int>{1, 2})
                .subst("c", host_set("m[1-2]"))
                .subst("unused", 0.5);
  EXPECT_THROW(std::move(up).subst("", {"1"}), std::invalid_argument);
  auto texts = remote([](const target& t) { return "echo " + t.host.name(); }, "n[1-2]");
  auto words = remote(
      [](const target& t) {
        return std::vector<std::string>{"echo", t.host.name()};
      },
      "n[1-2]");
  auto verbatim = remote("docker ps --format '{{{host}}}'", host("n1")).verbatim();
}

}  // namespace
}  // namespace execo::test
