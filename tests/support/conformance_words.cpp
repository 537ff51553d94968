// Points of the conformance suite: words and text, what surrounds a command, many commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <random>
#include <set>

#include "conformance.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/when_all.hpp"
#include "long_count.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using host_at = const host_under_test&;
using word_list = std::vector<std::string>;

std::string printed(const word_list& words) {
  std::string text;
  for (const std::string& word : words) text += word + '\0';
  return text;
}

void arrive(host_at at, const word_list& words) {
  word_list all{"printf", "%s\\0"};
  all.insert(all.end(), words.begin(), words.end());
  host_result r = at.result_of(at.on(command(all)));
  EXPECT_TRUE(r.out == printed(words)) << r.describe() << r.err.substr(0, 300);
}

word_list random_words(std::mt19937& random) {
  static const std::string pieces[] = {
      "a",  " ", "'", "\"", "\\",   "$", "`",   "!",   "*",      "?",   "\n", "\t",
      "\r", ";", "&", "|",  "<",    "(", "{",   "}",   "~",      "#",   "-",  "%",
      "^",  "[", "]", "=",  "\x80", ",", "\1",  "$(",  ">",      ":",   "${", "@",
      "+",  "0", ".", "/",  "^",    "_", "\\'", "EOF", "\u00e9", "\x7f"};
  word_list words(1 + random() % 5);
  for (std::string& word : words)
    for (std::size_t n = random() % 9; n > 0; --n) word += pieces[random() % std::size(pieces)];
  return words;
}

// Many vectors in one command, with a word that is in none of them between two. The old csh takes
// 8 KB, dropbear 9,000 bytes.
void fuzzed_vectors_arrive(host_at at) {
  bool transport = at.way().of == conformance_way::kind::transport;
  bool small = std::string_view(at.way().shell) == "csh" || at.way().server == ssh_server::dropbear;
  const int in_a_batch = small ? 25 : 500;
  const int vectors = long_count(transport ? 10'000 : 5'000);
  std::mt19937 random(20261128);
  for (int done = 0; done < vectors; done += in_a_batch) {
    word_list words;
    for (int i = 0; i < in_a_batch; ++i) {
      word_list more = random_words(random);
      words.insert(words.end(), more.begin(), more.end());
      words.emplace_back("<next>");
    }
    arrive(at, words);
  }
}

constexpr conformance_point words[] = {
    {"text is read by a shell",
     [](host_at at) {
       EXPECT_EQ(at.run("echo a$((1+1)) | tr a b; echo 'x  y'").out, "b2\nx  y\n");
     }},
    {"text goes to the login shell as it is",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on(command("echo a b; echo c"))).out, "a b\nc\n");
     }},
    {"text of several lines",
     [](host_at at) { EXPECT_EQ(at.run("echo 1\nif true\nthen echo 2\nfi\n").out, "1\n2\n"); }},
    {"words are read by none",
     [](host_at at) {
       arrive(at, {"$HOME", "`id`", "$(id)", "*", "~"});
     }},
    {"empty words",
     [](host_at at) {
       arrive(at, {"", "a", "", ""});
     }},
    {"blanks and line ends",
     [](host_at at) {
       arrive(at, {" ", "a  b", "\t", "\n", "a\nb\n", "\r"});
     }},
    {"quotes and backslashes",
     [](host_at at) {
       arrive(at, {"'", "\"", "\\", "it's", "\\n", "\\\\", "'\\''", "\"'\""});
     }},
    {"what shells do",
     [](host_at at) {
       arrive(at, {"a;b", "a&b", "a|b", ">x", "#", "!!", "^a^b", "{a,b}", "[a]", "=ls", "%1"});
     }},
    {"words that begin with a dash",
     [](host_at at) {
       arrive(at, {"-n", "--", "-e", "--help"});
     }},
    {"unicode, and bytes that are none",
     [](host_at at) {
       arrive(at, {"\u00e9\u20ac\U0001f680", "\xff\xfe", "\x80", "\x01\x1b[31m\x7f"});
     }},
    {"a word of 100 KB",
     [](host_at at) {
       arrive(at, {std::string(100'000, 'x'), "after"});
     }},
    {"a thousand words", [](host_at at) { arrive(at, word_list(1000, "w 'x'")); }},
    {"10,000 fuzzed argument vectors", fuzzed_vectors_arrive},
    {"a NUL byte in a command is refused",
     [](host_at at) {
       host_result r = at.result_of(at.on(command(word_list{"echo", std::string("a\0b", 3)})));
       EXPECT_FALSE(r.ok());
       EXPECT_EQ(r.started_command(), certainty::no) << r.describe();
     }},
    {"shell() reads words in a POSIX shell",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on(command("echo $((2+3))")).shell()).out, "5\n");
     }},
};

constexpr conformance_point surroundings[] = {
    {"a variable",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on("printf %s \"$A_1\"").env("A_1", "value")).out, "value");
     }},
    {"odd values",
     [](host_at at) {
       std::string odd = "it's \"$HOME\" `id` \\ !x * ~\nand more\t\u00e9\xff=;";
       EXPECT_EQ(at.result_of(at.on("printf %s \"$ODD\"").env("ODD", odd)).out, odd);
     }},
    {"an empty value",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on("echo \"(${E-unset})\"").env("E", "")).out, "()\n");
     }},
    {"a value of 100 KB",
     [](host_at at) {
       host_result r =
           at.result_of(at.on("printf %s \"$L\" | wc -c").env("L", std::string(100'000, 'x')));
       EXPECT_EQ(r.out, "100000\n") << r.describe() << r.err.substr(0, 300);
     }},
    {"a hundred variables",
     [](host_at at) {
       remote action = at.on("env | grep -c '^V_[0-9]*=x y$'");
       for (int i = 0; i < 100; ++i) action.env("V_" + std::to_string(i), "x y");
       host_result r = at.result_of(std::move(action));
       EXPECT_EQ(r.out, "100\n") << r.describe() << r.err.substr(0, 300);
     }},
    {"a name that is none is refused",
     [](host_at at) {
       host_result r = at.result_of(at.on("echo ran").env("A-B", "x"));
       EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
       EXPECT_EQ(r.out, "");
     }},
    {"a variable that is taken out",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on("echo ${HOME-unset}").unset_env("HOME")).out, "unset\n");
     }},
    {"the variables of a login",
     [](host_at at) {
       EXPECT_EQ(at.run("echo ${HOME:+home} ${PATH:+path} ${SHELL:+shell}").out,
                 "home path shell\n");
     }},
    {"a directory",
     [](host_at at) { EXPECT_EQ(at.result_of(at.on("pwd").cwd("/usr")).out, "/usr\n"); }},
    {"a directory with an odd name",
     [](host_at at) {
       std::string odd = at.scratch() + "/a b'c$d";
       (void)at.result_of(at.on(command(word_list{"mkdir", odd})));
       EXPECT_EQ(at.result_of(at.on("pwd").cwd(odd)).out, odd + "\n");
     }},
    {"a directory that is missing",
     [](host_at at) {
       host_result r = at.result_of(at.on("echo ran").cwd("/nonexistent"));
       EXPECT_FALSE(r.ok());
       EXPECT_EQ(r.out, "");
     }},
    {"a mask",
     [](host_at at) {
       EXPECT_THAT(at.result_of(at.on("umask").umask(027)).out, testing::AnyOf("0027\n", "027\n"));
     }},
    {"all of them, with words",
     [](host_at at) {
       command what(word_list{"/bin/sh", "-c", "pwd; umask; echo $A"});
       EXPECT_EQ(at.result_of(at.on(what).cwd("/usr").umask(022).env("A", "a b")).out,
                 "/usr\n0022\na b\n");
     }},
    {"no signal is blocked or ignored",
     [](host_at at) {
       // But for what a shell ignores of its own, and what is not for commands.
       host_result r = at.run("grep -E '^Sig(Blk|Ign):' /proc/self/status");
       EXPECT_EQ(r.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
     }},
    {"no descriptor but the three",
     [](host_at at) {
       EXPECT_EQ(at.run("ls /proc/self/fd").out, "0\n1\n2\n3\n") << "3 is that of ls";
     }},
    {"what only a local command can have is refused",
     [](host_at at) {
       host_result r = at.result_of(at.on("true").nice(3));
       EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
       EXPECT_EQ(r.started_command(), certainty::no);
     }},
};

// Behind hops each of ssh's connections is a chain of its own.
std::size_t many(host_at at) {
  if (at.way().client == ssh_client::openssh && at.way().hops > 0) return 16;
  bool transport = at.way().of == conformance_way::kind::transport;
  return static_cast<std::size_t>(std::max(long_count(64), transport ? 64 : 16));
}

transport_kind kind_of(const conformance_way& way) {
  if (way.by_tree) return transport_kind::tree;
  if (!way.is_ssh()) return transport_kind::connector;
  return way.client == ssh_client::openssh ? transport_kind::openssh : transport_kind::ssh;
}

task<std::vector<connection_use>> twice(host_at at) {
  std::vector<connection_use> uses;
  for (int i = 0; i < 2; ++i) {
    remote action = at.on("echo " + std::to_string(i));
    action_result all = co_await action.run();
    EXPECT_EQ(all.all()[0].out, std::to_string(i) + "\n") << all.describe();
    uses.push_back(all.all()[0].connection());
  }
  co_return uses;
}

constexpr conformance_point several[] = {
    {"the result names what carried it",
     [](host_at at) {
       ssh_options apart = at.options();
       apart.reuse = false;
       host_result r = at.result_of(at.on("true").ssh(apart));
       EXPECT_EQ(r.transport(), kind_of(at.way()));
       bool has_its_own = at.way().is_ssh() && !at.way().by_tree;
       EXPECT_EQ(r.connection(), has_its_own ? connection_use::made : connection_use::none);
       EXPECT_EQ(r.host.name(), "127.1.0.1");
       EXPECT_EQ(r.started_command(), certainty::yes);
     }},
    {"many commands at a time on one host",
     [](host_at at) {
       std::vector<host> hosts(many(at), host("127.1.0.1"));
       action_result all =
           sync_wait(at.on(at.posix("echo $$; exit 3"), hosts).fanout(hosts.size()));
       std::set<std::string> pids;
       for (const host_result& r : all.all()) {
         EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
         pids.insert(r.out);
       }
       EXPECT_EQ(pids.size(), hosts.size());
     }},
    {"many hosts at a time, each with its own output",
     [](host_at at) {
       std::size_t count = many(at);
       host_set hosts("127.1.0.[1-" + std::to_string(count) + "]");
       action_result all = sync_wait(at.on(at.posix("echo $$"), hosts).fanout(count));
       EXPECT_TRUE(all.ok()) << all.describe();
       std::set<std::string> pids;
       for (const host_result& r : all.all()) pids.insert(r.out);
       EXPECT_EQ(pids.size(), count);
     }},
    {"many that talk both ways",
     [](host_at at) {
       host_set hosts("127.1.0.[1-8]");
       std::string input(100'000, 'i');
       action_result all = sync_wait(at.on(command("cat"), hosts).input(input));
       for (const host_result& r : all.all()) EXPECT_TRUE(r.out == input) << r.describe();
     }},
    {"two commands one after another", [](host_at at) { (void)sync_wait(twice(at)); }},
    {"the second command uses the connection of the first",
     [](host_at at) { EXPECT_EQ(sync_wait(twice(at))[1], connection_use::reused); }},
    {"a connection for each command, where asked for",
     [](host_at at) {
       ssh_options apart = at.options();
       apart.reuse = false;
       for (int i = 0; i < 2; ++i)
         EXPECT_EQ(at.result_of(at.on("echo $((6*7))").ssh(apart)).out, "42\n");
     }},
    {"a timeout of many leaves nothing",
     [](host_at at) {
       action_result all = sync_wait(
           at.on(at.posix("exec " + at.endless()), host_set("127.1.0.[1-8]")).timeout(200ms));
       EXPECT_EQ(all.stats().count(end_reason::timed_out), 8U) << all.describe();
       for (const host_result& r : all.all()) at.leaves_nothing(r);
     }},
};

}  // namespace

std::span<const conformance_point> points_of_words() { return words; }
std::span<const conformance_point> points_of_surroundings() { return surroundings; }
std::span<const conformance_point> points_of_many() { return several; }

}  // namespace execo::test
