#include "cli/run_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "command_line/usage_error.hpp"
#include "help_check.hpp"

namespace execo::cli {
namespace {

using namespace std::chrono_literals;
using command_line::usage_error;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

run_options parse(const std::vector<const char*>& words) { return *parse_run(words); }

std::string complaint(const std::vector<const char*>& words) {
  try {
    (void)parse_run(words);
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

std::vector<std::string> names(const run_options& o) {
  std::vector<std::string> list;
  for (const host& h : o.hosts) list.push_back(h.to_string());
  return list;
}

class temporary_file {
 public:
  explicit temporary_file(std::string_view text) {
    int fd = ::mkstemp(path_.data());
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  ~temporary_file() { std::filesystem::remove(path_); }
  const char* path() const { return path_.c_str(); }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / "execo-hosts-XXXXXX";
};

TEST(run_options, a_configuration_gives_the_defaults) {
  config defaults = parse_config(R"(
fanout = 7
timeout = 30
color = "always"
max_output = 5
output_budget = 6
[ssh]
user = "me"
port = 2222
identities = ["/no/key"]
)");
  std::vector<const char*> words{"-w", "n1", "uname"};
  run_options o = *parse_run(words, defaults);
  EXPECT_EQ(o.fanout, 7u);
  EXPECT_EQ(o.timeout, 30s);
  EXPECT_EQ(o.color, color_mode::always);
  EXPECT_EQ(o.max_output, 5u);
  EXPECT_EQ(o.output_budget.bytes(), 6u);
  EXPECT_EQ(o.ssh.user, "me");
  EXPECT_EQ(o.ssh.port, 2222);
  EXPECT_THAT(o.ssh.identities, ElementsAre("/no/key"));
  std::vector<const char*> more{"-f", "9",         "-u",      "1h",    "-l", "you", "-p",   "22",
                                "-i", "/dev/null", "--color", "never", "-w", "n1",  "uname"};
  o = *parse_run(more, defaults);
  EXPECT_EQ(o.fanout, 9u);
  EXPECT_EQ(o.timeout, 1h);
  EXPECT_EQ(o.color, color_mode::never);
  EXPECT_EQ(o.ssh.user, "you");
  EXPECT_EQ(o.ssh.port, 22);
  EXPECT_THAT(o.ssh.identities, ElementsAre("/dev/null")) << "not beside those of the file";
}

TEST(run_options, a_way_to_the_hosts_comes_before_that_of_a_configuration) {
  config defaults = parse_config("[ssh]\nconnector = 'rsh %h'\njump = 'gate'\n");
  std::vector<const char*> words{"-w", "n1", "uname"};
  EXPECT_EQ(parse_run(words, defaults)->ssh.connector, "rsh %h");
  EXPECT_THAT(parse_run(words, defaults)->ssh.jump, ElementsAre("gate"));
  std::vector<const char*> other{"-w", "n1", "--connector", "sh -c", "uname"};
  EXPECT_EQ(parse_run(other, defaults)->ssh.connector, "sh -c");
  std::vector<const char*> by_ssh{"-w", "n1", "--via", "openssh", "-J", "inner", "uname"};
  EXPECT_EQ(parse_run(by_ssh, defaults)->ssh.connector, "");
  EXPECT_THAT(parse_run(by_ssh, defaults)->ssh.jump, ElementsAre("inner"));
}

TEST(run_options, auto_leaves_open_whether_there_is_a_tree) {
  config defaults = parse_config("fanout = 7\n[ssh]\nconnector = 'rsh %h'\n");
  std::vector<const char*> words{"-w", "n1", "uname"};
  EXPECT_EQ(parse_run(words, defaults)->ssh.via, ssh_client::direct);
  EXPECT_EQ(parse_run(words, defaults)->fanout, 7U);
  words.insert(words.begin(), {"--via", "auto", "--arity", "5", "--site-trust"});
  const std::optional<run_options> open = parse_run(words, defaults);
  EXPECT_FALSE(open->shape);
  ASSERT_TRUE(open->shape_if_faster);
  EXPECT_EQ(open->shape_if_faster->settings().arity, 5U);
  EXPECT_TRUE(open->shape_if_faster->settings().site_trust);
  EXPECT_FALSE(open->fanout);
  EXPECT_EQ(open->usual_fanout, 7U);
  EXPECT_EQ(open->ssh.connector, "rsh %h") << "which auto does not take the place of";
  words.insert(words.begin() + 2, {"--via", "tree"});
  EXPECT_TRUE(parse_run(words, defaults)->shape);
  EXPECT_FALSE(parse_run(words, defaults)->shape_if_faster);
  words.insert(words.begin() + 4, {"--via", "direct"});
  EXPECT_THROW((void)parse_run(words, defaults), command_line::usage_error);
}

TEST(run_options, a_configuration_may_leave_open_whether_there_is_a_tree) {
  config defaults = parse_config("[ssh]\nvia = 'auto'\n");
  EXPECT_EQ(defaults.ssh.via, ssh_client::automatic);
  std::vector<const char*> words{"-w", "n1", "uname"};
  EXPECT_TRUE(parse_run(words, defaults)->shape_if_faster);
  words.insert(words.begin(), {"--via", "direct"});
  EXPECT_FALSE(parse_run(words, defaults)->shape_if_faster);
}

TEST(run_options, retry_comes_before_that_of_a_configuration) {
  config defaults = parse_config("[ssh]\nretries = 3\n");
  std::vector<const char*> words{"-w", "n1", "uname"};
  EXPECT_EQ(parse_run(words, config())->ssh.max_retries, std::nullopt);
  EXPECT_EQ(parse_run(words, defaults)->ssh.max_retries, 3U);
  words.insert(words.begin(), {"--retry", "0"});
  EXPECT_EQ(parse_run(words, defaults)->ssh.max_retries, 0U);
}

TEST(run_options, a_line_of_ssh_config_comes_before_a_configuration_and_behind_an_option) {
  config defaults = parse_config(R"(
[ssh]
user = "me"
port = 2222
identities = ["/no/key"]
host_keys = "ignore"
known_hosts = "/kh"
key_exchange = ["x"]
connect_timeout = 3
keepalive = 4
tcp_keepalive = 5
)");
  std::vector<const char*> none{"-w", "n1", "uname"};
  EXPECT_EQ(parse_run(none, defaults)->ssh.limits.establish, 3s);
  EXPECT_EQ(parse_run(none, defaults)->ssh.keepalive, 4s);
  EXPECT_EQ(parse_run(none, defaults)->ssh.tcp_keepalive, 5s);
  EXPECT_THAT(parse_run(none, defaults)->ssh.key_exchange, ElementsAre("x"));
  std::vector<const char*> words{"-oUser=you",
                                 "-o",
                                 "port 22",
                                 "-oIdentityFile=~/k",
                                 "-oSTRICTHOSTKEYCHECKING=yes",
                                 "-oUserKnownHostsFile=/other",
                                 "-oKexAlgorithms=y",
                                 "-oConnectTimeout=1",
                                 "-oServerAliveInterval=1",
                                 "-oTCPKeepAlive=no",
                                 "-w",
                                 "n1",
                                 "uname"};
  ssh_options given = parse_run(words, defaults)->ssh;
  EXPECT_EQ(given.config_lines.size(), 9u);
  given.config_lines.clear();
  ssh_options unset;
  unset.reuse = false;
  EXPECT_EQ(given, unset) << "what is named has no value but that of the line";
  words.insert(words.begin(), {"-l", "them", "-p", "7", "--host-keys", "accept-new"});
  given = parse_run(words, defaults)->ssh;
  EXPECT_EQ(given.user, "them");
  EXPECT_EQ(given.port, 7);
  EXPECT_EQ(given.host_key_policy, host_keys::accept_new);
}

TEST(run_options, everything_has_a_default) {
  run_options o = parse({"-w", "n1", "uname"});
  EXPECT_EQ(o.fanout, 64u);
  EXPECT_EQ(o.timeout, 0s);
  EXPECT_FALSE(o.ssh.limits.establish);
  EXPECT_EQ(o.ssh.port, 0);
  EXPECT_FALSE(o.ssh.host_key_policy);
  EXPECT_FALSE(o.max_output);
  EXPECT_EQ(o.output_budget.bytes(), std::size_t{1} << 30);
  EXPECT_EQ(o.show, layout::stream);
  EXPECT_EQ(o.progress, when::automatic);
  EXPECT_FALSE(o.quote_words);
  EXPECT_FALSE(o.keep_braces);
}

TEST(run_options, every_option_arrives) {
  temporary_file key("");
  run_options o = parse({"-w",
                         "n1",
                         "-f",
                         "7",
                         "-u",
                         "500ms",
                         "-t",
                         "2m",
                         "-l",
                         "me",
                         "-p",
                         "2222",
                         "-i",
                         key.path(),
                         "--host-keys",
                         "accept-new",
                         "--known-hosts",
                         "/kh",
                         "--max-output",
                         "64K",
                         "--output-budget",
                         "3M",
                         "--argv",
                         "--no-subst",
                         "-b",
                         "--format",
                         "text",
                         "--progress",
                         "never",
                         "--",
                         "a",
                         "b c"});
  EXPECT_EQ(o.fanout, 7u);
  EXPECT_EQ(o.timeout, 500ms);
  EXPECT_EQ(o.ssh.limits.establish, 2min);
  EXPECT_EQ(o.ssh.user, "me");
  EXPECT_EQ(o.ssh.port, 2222);
  EXPECT_THAT(o.ssh.identities, ElementsAre(key.path()));
  EXPECT_EQ(o.ssh.host_key_policy, host_keys::accept_new);
  EXPECT_EQ(o.ssh.known_hosts, "/kh");
  EXPECT_EQ(o.max_output, 65536u);
  EXPECT_EQ(o.output_budget.bytes(), 3u << 20);
  EXPECT_TRUE(o.quote_words);
  EXPECT_TRUE(o.keep_braces);
  EXPECT_EQ(o.show, layout::gathered);
  EXPECT_EQ(o.progress, when::never);
  EXPECT_THAT(o.words, ElementsAre("a", "b c"));
  EXPECT_EQ(o.command_text(), "a b c");
}

TEST(run_options, hosts_come_in_the_order_given_and_once) {
  temporary_file file("# a comment\n n5  n[1-2]\r\n\nn9 # more\nlast");
  run_options o =
      parse({"-w", "n[3-4]", "--hosts-file", file.path(), "-w", "n[4-6]", "-x", "n2,n6", "true"});
  EXPECT_THAT(names(o), ElementsAre("n3", "n4", "n5", "n1", "n9", "last"));
}

TEST(run_options, a_path_in_place_of_a_set_is_a_file_of_sets) {
  temporary_file file("n5 n[1-2]\n");
  temporary_file out("n2 # broken\n");
  EXPECT_THAT(names(parse({"-w", file.path(), "-x", out.path(), "true"})), ElementsAre("n5", "n1"));
  EXPECT_THAT(complaint({"-w", "/nowhere/hosts", "true"}),
              HasSubstr("-w '/nowhere/hosts' cannot be read: No such file"));
  EXPECT_THAT(complaint({"-w", "n1", "-x", "./nowhere", "true"}),
              HasSubstr("-x './nowhere' cannot be read: No such file"));
  EXPECT_THAT(complaint({"-w", "lists/web", "true"}), HasSubstr("--hosts-file FILE"));
  temporary_file empty("# none\n");
  EXPECT_THAT(complaint({"-w", "n1", "-x", empty.path(), "true"}), HasSubstr("names no host"));
}

TEST(run_options, steps_are_no_path) {
  EXPECT_THAT(names(parse({"-w", "n[1-9/4]", "true"})), ElementsAre("n1", "n5", "n9"));
}

TEST(run_options, users_and_ports_are_part_of_a_host) {
  run_options o = parse({"-w", "root@n1:2222,n2", "true"});
  ASSERT_EQ(o.hosts.size(), 2u);
  EXPECT_THAT(names(o), testing::UnorderedElementsAre("root@n1:2222", "n2"));
}

TEST(run_options, help_is_no_mistake_whatever_else_is_there) {
  EXPECT_FALSE(parse_run(std::vector<const char*>{"--help"}));
  EXPECT_FALSE(parse_run(std::vector<const char*>{"-b", "-h", "-p", "0"}));
}

TEST(run_options, jumps_as_ssh_does) {
  run_options o = parse({"-w", "n1", "-J", "me@bastion,ssh://inner:2222", "true"});
  EXPECT_THAT(o.ssh.jump, ElementsAre("me@bastion", "ssh://inner:2222"));
  EXPECT_TRUE(parse({"-w", "n1", "-J", "a", "-J", "none", "true"}).ssh.jump.empty());
  EXPECT_EQ(complaint({"-w", "n1", "-J", "a,b:0", "true"}),
            "-J 'a,b:0': jump: 'b:0' is not [user@]host[:port]");
}

TEST(run_options, help_has_every_option_that_is_taken_and_no_other) {
  test::expect_help_of(run_specs(), run_help());
}

TEST(run_options, help_names_every_exit_status) {
  std::string help = run_help();
  for (const char* word : {"\n  0 ", "\n  1 ", "\n  2 ", "\n  3 ", "\n  4 ", "\n  71 ", "\n  74 ",
                           "\n  130 ", "--known-hosts FILE", "Examples:"})
    EXPECT_THAT(help, HasSubstr(word));
}

TEST(run_options, a_mistake_names_option_value_and_cure) {
  EXPECT_EQ(complaint({"-w", "n1", "-p", "0", "true"}),
            "-p '0': expected a number from 1 to 65535");
  EXPECT_THAT(complaint({"-w", "n1", "-p", "65536", "true"}), HasSubstr("'65536'"));
  EXPECT_THAT(complaint({"-w", "n1", "-f", "many", "true"}), HasSubstr("-f 'many'"));
  EXPECT_THAT(complaint({"-w", "n1", "-u", "4 parsecs", "true"}),
              AllOf(HasSubstr("-u: '4 parsecs'"), HasSubstr("500ms")));
  EXPECT_THAT(complaint({"-w", "n1", "--host-keys", "no", "true"}), HasSubstr("accept-new"));
  EXPECT_THAT(complaint({"-w", "n1", "--format", "xml", "true"}), HasSubstr("text, ndjson"));
  EXPECT_THAT(complaint({"-w", "n1", "--max-output", "9Q", "true"}),
              HasSubstr("--max-output '9Q'"));
  EXPECT_THAT(complaint({"-w", "n1", "-i", "/nowhere/key", "true"}),
              HasSubstr("-i '/nowhere/key': the key file cannot be read: No such file"));
  EXPECT_THAT(complaint({"-w", "n1", "-i", "/", "true"}), HasSubstr("Is a directory"));
  EXPECT_THAT(complaint({"-w", "n1", "-l", "", "true"}), HasSubstr("-l ''"));
  EXPECT_THAT(complaint({"-w", "n1", "-b", "-L", "true"}), HasSubstr("-b and -L"));
  EXPECT_THAT(complaint({"-w", "n1", "-b", "--format=ndjson", "true"}), HasSubstr("-b is for"));
}

TEST(run_options, a_bad_set_is_told_with_the_place) {
  EXPECT_THAT(complaint({"-w", "n[1-", "true"}), HasSubstr("-w: host set \"n[1-\", column 2"));
  EXPECT_THAT(complaint({"-w", "n1", "-x", "n[3-1]", "true"}), HasSubstr("-x: host set"));
  EXPECT_THAT(complaint({"-w", "n1:70000", "true"}), HasSubstr("n1:70000"));
  temporary_file file("n1\nn[2-\n");
  EXPECT_THAT(complaint({"--hosts-file", file.path(), "true"}), HasSubstr("line 2: host set"));
}

TEST(run_options, hosts_separated_by_blanks_are_a_mistake_with_a_hint) {
  EXPECT_THAT(complaint({"-w", "h1 h2", "true"}), HasSubstr("separate hosts by commas"));
  EXPECT_THAT(complaint({"-w", "h1\nh2", "true"}), HasSubstr("separate hosts by commas"));
  EXPECT_THAT(complaint({"-w", "h1", "-x", "h1 h2", "true"}),
              HasSubstr("separate hosts by commas"));
  temporary_file list(std::string("h1\nh2\0x\n", 8));
  EXPECT_THAT(complaint({"--hosts-file", list.path(), "true"}),
              AllOf(HasSubstr("line 2"), HasSubstr("h2^@x"), HasSubstr("control character")));
}

TEST(run_options, no_hosts_is_a_mistake) {
  EXPECT_THAT(complaint({"true"}), HasSubstr("no hosts: give them with -w SET"));
  EXPECT_THAT(complaint({"-w", "", "true"}), HasSubstr("-w '' names no host"));
  EXPECT_THAT(complaint({"-w", "n[1-3]", "-x", "n[1-9]", "true"}), HasSubstr("-x takes out"));
  temporary_file file("# nobody\n");
  EXPECT_THAT(complaint({"--hosts-file", file.path(), "true"}), HasSubstr("names no host"));
  EXPECT_THAT(complaint({"--hosts-file", "/nowhere/hosts", "true"}),
              HasSubstr("--hosts-file '/nowhere/hosts' cannot be read: No such file"));
  EXPECT_THAT(complaint({"--hosts-file", "/", "true"}), HasSubstr("Is a directory"));
}

TEST(run_options, a_file_of_hosts_without_an_end_is_a_mistake) {
  EXPECT_THAT(complaint({"--hosts-file", "/dev/zero", "true"}),
              HasSubstr("--hosts-file '/dev/zero' is larger than 256 MiB"));
  EXPECT_THAT(complaint({"-w", "n1", "-x", "/dev/zero", "true"}),
              HasSubstr("-x '/dev/zero' is larger than 256 MiB"));
}

TEST(run_options, what_is_given_and_names_no_host_is_a_mistake_beside_others_too) {
  temporary_file file("# none\n");
  EXPECT_THAT(complaint({"-w", "n1", "-w", "", "true"}), HasSubstr("-w '' names no host"));
  EXPECT_THAT(complaint({"-w", "n1", "--hosts-file", file.path(), "true"}),
              HasSubstr("names no host; --allow-empty"));
  EXPECT_THAT(names(parse({"-w", "n1", "--hosts-file", file.path(), "--allow-empty", "true"})),
              ElementsAre("n1"));
  EXPECT_TRUE(parse({"-w", "n1", "-x", "n1", "--allow-empty", "true"}).hosts.empty());
  EXPECT_THAT(complaint({"--allow-empty", "true"}), HasSubstr("no hosts: give them"));
}

TEST(run_options, hosts_are_subtracted_as_sets_and_bounded) {
  EXPECT_THAT(names(parse({"-w", "n[1-90000000]", "-x", "n[1-89999998]", "true"})),
              ElementsAre("n89999999", "n90000000"));
  EXPECT_THAT(complaint({"-w", "n[1-90000000]", "true"}),
              HasSubstr("90000000 hosts are more than 1000000: --max-hosts 90000000"));
  EXPECT_THAT(complaint({"-w", "n[1-3]", "-w", "n[2-9]", "--max-hosts", "8", "true"}),
              HasSubstr("9 hosts are more than 8"));
  EXPECT_EQ(parse({"-w", "n[1-3]", "-w", "n[2-9]", "--max-hosts", "9", "true"}).hosts.size(), 9u);
  EXPECT_EQ(parse({"-w", "n[1-1000001]", "--max-hosts", "2000000", "true"}).hosts.size(), 1000001u);
}

TEST(run_options, each_host_counts_once_in_the_order_given) {
  temporary_file file("n9 n[2-3]\nn9\nn8\n");
  EXPECT_THAT(names(parse({"-w", "n3", "--hosts-file", file.path(), "-w", "n[7-9]", "-x", "n2,n7",
                           "true"})),
              ElementsAre("n3", "n9", "n8"));
}

TEST(run_options, a_second_column_of_a_hosts_file_is_no_host) {
  temporary_file slots("n1 slots=4\n");
  EXPECT_THAT(complaint({"--hosts-file", slots.path(), "true"}),
              HasSubstr("'slots=4' is not a host"));
}

TEST(run_options, no_command_is_a_mistake) {
  EXPECT_THAT(complaint({"-w", "n1"}), HasSubstr("no command"));
  EXPECT_THAT(complaint({"-w", "n1", "--", ""}), HasSubstr("no command"));
}

TEST(run_options, say_whom_a_command_becomes) {
  EXPECT_EQ(parse({"-w", "n1", "true"}).ssh.become, "");
  EXPECT_EQ(parse({"-w", "n1", "--become", "true"}).ssh.become, "root");
  run_options all = parse({"-w", "n1", "--become=www", "--become-method", "doas",
                           "--ask-become-pass", "--pty", "true"});
  EXPECT_EQ(all.ssh.become, "www");
  EXPECT_EQ(all.ssh.become_method, become_method::doas);
  EXPECT_TRUE(all.asks_become_password && all.has_terminal);
  EXPECT_THAT(complaint({"-w", "n1", "--ask-become-pass", "true"}), HasSubstr("is for --become"));
  EXPECT_THAT(complaint({"-w", "n1", "--become-method", "su", "true"}),
              HasSubstr("is for --become"));
  EXPECT_THAT(complaint({"-w", "n1", "--become-method", "ksu", "true"}), HasSubstr("'ksu'"));
  EXPECT_THAT(complaint({"-w", "n1", "--become=", "true"}), HasSubstr("has an empty value"));
}

TEST(run_options, names_failures_and_the_exit_status_are_as_clush_has_them) {
  run_options plain = parse({"-w", "n1", "true"});
  EXPECT_EQ(plain.names, labels::shown);
  EXPECT_FALSE(plain.quiet);
  EXPECT_FALSE(plain.gives_largest_code);
  run_options made = parse({"-qNS", "-w", "n1", "true"});
  EXPECT_EQ(made.names, labels::hidden);
  EXPECT_TRUE(made.quiet);
  EXPECT_TRUE(made.gives_largest_code);
  EXPECT_EQ(complaint({"-N", "--format", "ndjson", "-w", "n1", "true"}),
            "-N is for --format text: the objects of ndjson name their hosts");
}

TEST(run_options, standard_input_is_read_on_demand_and_by_one) {
  EXPECT_FALSE(parse({"-w", "n1", "cat"}).feeds_input);
  EXPECT_TRUE(parse({"-w", "n1", "--stdin", "cat"}).feeds_input);
  EXPECT_THAT(complaint({"--stdin=file", "-w", "n1", "cat"}), HasSubstr("--stdin"));
}

TEST(run_options, output_can_go_into_directories) {
  run_options made = parse({"-w", "n1", "--outdir", "out", "--errdir=err", "true"});
  EXPECT_EQ(made.folders.out, "out");
  EXPECT_EQ(made.folders.err, "err");
  EXPECT_FALSE(parse({"-w", "n1", "true"}).folders.given());
  EXPECT_THAT(complaint({"-w", "n1", "--errdir", "logs/{{{host}}}", "true"}),
              HasSubstr("--errdir 'logs/{{{host}}}': one directory for all hosts"));
}

}  // namespace
}  // namespace execo::cli
