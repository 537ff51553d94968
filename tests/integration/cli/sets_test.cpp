// What `execo nodeset` and `execo clubak` do beyond the rows recorded from ClusterShell.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "program.hpp"

namespace {

using execo::test::outcome;
using execo::test::program;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using words = std::vector<std::string>;
namespace fs = std::filesystem;

class sets_tool : public testing::Test {
 protected:
  sets_tool() {
    std::string name = (fs::temp_directory_path() / "execo-sets-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    configure("");
  }
  ~sets_tool() override { fs::remove_all(directory_); }

  void configure(const std::string& text) const {
    std::ofstream(directory_ / "groups.conf") << text;
  }

  std::string conf() const { return (directory_ / "groups.conf").string(); }

  outcome execo(words arguments, std::string_view input = {}) const {
    const bool has_option = arguments[0] != "run";
    if (has_option) arguments.insert(arguments.begin() + 1, {"--groupsconf", conf()});
    arguments.insert(arguments.begin(), EXECO_TOOL);
    program tool{arguments,
                 {"CLUSTERSHELL_CFGDIR=" + directory_.string(), "HOME=/nonexistent",
                  "XDG_CONFIG_HOME=/nonexistent", "NO_COLOR=1"}};
    return tool.finish(input);
  }

  // The same through a shell, for what it does to descriptors.
  static outcome shell(const std::string& text) {
    program sh{{"sh", "-c", text}, {std::string{"T="} + EXECO_TOOL, "HOME=/nonexistent"}};
    return sh.finish();
  }

  fs::path directory_;
};

TEST_F(sets_tool, output_that_cannot_be_written_is_exit_74) {
  for (const char* command : {"$T nodeset -e 'a[1-30000]'", "$T nodeset -c a", "$T nodeset --help",
                              "$T nodeset --version", "echo a: b | $T clubak",
                              "echo a: b | $T clubak -b", "$T clubak --help"}) {
    const outcome full = shell(std::string{command} + " >/dev/full");
    EXPECT_EQ(full.code, 74) << command;
    EXPECT_THAT(full.err, HasSubstr("standard output: No space left")) << command;
    EXPECT_EQ(shell(std::string{command} + " >&-").code, 74) << command;
  }
}

TEST_F(sets_tool, input_that_cannot_be_read_is_no_empty_set) {
  EXPECT_EQ(shell("$T nodeset -c </").code, 1);
  EXPECT_EQ(shell("$T clubak -b </").code, 1);
}

TEST_F(sets_tool, a_source_that_does_not_exist_is_an_error_of_every_command) {
  configure("[a]\nmap: echo n1\n");
  for (const char* command : {"-f", "-e", "-c", "-r", "-l"}) {
    const outcome end = execo({"nodeset", command, "-s", "other", "n1"});
    EXPECT_EQ(end.code, 1) << command;
    EXPECT_THAT(end.err, HasSubstr("Unknown group source: \"other\"")) << command;
  }
}

TEST_F(sets_tool, a_misspelt_group_is_an_error_also_where_it_takes_away) {
  configure("[a]\nmap: test $GROUP = web && echo n1 || true\nlist: echo web\n");
  EXPECT_EQ(execo({"nodeset", "-f", "n[1-2]", "-x", "@web"}).out, "n2\n");
  EXPECT_EQ(execo({"nodeset", "-f", "n[1-2]", "-x", "@wbe"}).code, 1);
  const outcome end = execo({"run", "-w", "n[1-2]", "-x", "@a:wbe", "true"});
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr("has no group \"wbe\""));
}

TEST_F(sets_tool, run_refuses_a_group_without_hosts_unless_told_otherwise) {
  configure("[a]\nmap: true\nlist: echo idle\n");
  const outcome refused = execo({"run", "-w", "@a:idle", "true"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("-w '@a:idle' names no host; --allow-empty"));
  EXPECT_EQ(execo({"run", "-w", "x*", "true"}).code, 2);
  const outcome allowed = execo({"run", "-w", "@a:idle", "--allow-empty", "true"});
  EXPECT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_THAT(allowed.err, HasSubstr("0 hosts"));
}

TEST_F(sets_tool, a_source_that_fails_hides_no_other) {
  configure(
      "[Main]\ndefault: one\n[one]\nmap: echo n1\nlist: echo g\n[nolist]\nmap: echo n1\n"
      "[last]\nmap: echo n2\nlist: echo z\n");
  const outcome end = execo({"nodeset", "-LL"});
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.out, "@g n1\n@last:z n2\n");
  EXPECT_EQ(end.err, "Warning: No list upcall defined for group source nolist\n");
  configure(
      "[one]\nmap: false\nlist: echo g\n[two]\nmap: false\nlist: false\n[z]\nmap: echo n1\nlist: "
      "echo h\n");
  const outcome failing = execo({"nodeset", "-LL"});
  EXPECT_EQ(failing.code, 1);
  EXPECT_EQ(failing.out, "@z:h n1\n");
  EXPECT_THAT(failing.err, HasSubstr("@g: "));
  EXPECT_THAT(failing.err, HasSubstr("group source \"two\""));
}

TEST_F(sets_tool, options_of_nodeset_that_are_taken_have_an_effect) {
  configure("[a]\nmap: echo 'n[1,3,5]'\nlist: echo odd\n[b]\nmap: echo m1\nlist: echo other\n");
  EXPECT_EQ(execo({"nodeset", "-O", "{%s}", "-r", "n1", "n3", "n5"}).out, "{@odd}\n");
  EXPECT_EQ(execo({"nodeset", "-ll", "--autostep=3"}).out, "@odd n[1-5/2]\n");
  EXPECT_EQ(execo({"nodeset", "-L", "-s", "b"}).out, "@other\n@a:odd\n");
  EXPECT_EQ(execo({"nodeset", "-R", "--axis=1", "-f", "1"}).code, 2);
  EXPECT_EQ(execo({"nodeset", "--split=1", "--contiguous", "-f", "a"}).code, 2);
  EXPECT_EQ(execo({"clubak", "-L", "-F"}).code, 2);
  EXPECT_EQ(execo({"clubak", "--outdir", "x"}).code, 2);
  EXPECT_EQ(execo({"nodeset", "--completion"}).out, "@a:\n@b:\n@odd\n");
  EXPECT_EQ(execo({"nodeset", "--completion", "-s", "b", "@other"}).out, "@b:other\nm1\n");
}

TEST_F(sets_tool, an_empty_set_has_its_line_however_it_is_split) {
  for (const char* how : {"--contiguous", "--split=3"}) {
    EXPECT_EQ(execo({"nodeset", "-c", how, "a", "-x", "a"}).out, "0\n");
    EXPECT_EQ(execo({"nodeset", "-f", how, "a", "-x", "a"}).out, "\n");
    EXPECT_EQ(execo({"nodeset", "-e", how, "a", "-x", "a"}).out, "\n");
  }
}

TEST_F(sets_tool, a_list_of_groups_reads_no_input_unasked) {
  configure("[a]\nmap: echo n1\nlist: echo g\n");
  EXPECT_EQ(execo({"nodeset", "-l", "-X", "n1"}, "m1\n").out, "@g\n");
  EXPECT_EQ(execo({"nodeset", "-l", "-"}, "n1\n").out, "@g\n");
  configure("");
  const outcome empty = execo({"nodeset", "--list-all"});
  EXPECT_EQ(empty.code, 0);
  EXPECT_EQ(empty.out + empty.err, "");
}

TEST_F(sets_tool, sets_are_compared_by_exit_status) {
  EXPECT_EQ(execo({"nodeset", "--equal", "x1c[1-4],x2c[1-4]", "x[1-2]c[1-4]", "x[2,1]c[1-4]"}).code,
            0);
  EXPECT_EQ(execo({"nodeset", "--equal", "a", "a,b"}).code, 1);
  EXPECT_EQ(execo({"nodeset", "-R", "--equal", "1-3", "3,1,2"}).code, 0);
  EXPECT_EQ(execo({"nodeset", "--equal", "a1\na2", "-"}, "a[1-2]\n").code, 0);
  for (const words& wrong :
       {words{"a"}, words{"a", "a["}, words{"a", "b", "-x", "b"}, words{"a", "@x"}}) {
    words all{"nodeset", "--equal"};
    all.insert(all.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(execo(all).code, 2) << wrong.back();
  }
}

TEST_F(sets_tool, an_allocation_of_slurm_is_read_as_slurm_writes_it) {
  program tool{{EXECO_TOOL, "nodeset", "-f", "@slurm:job"},
               {"HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent",
                "SLURM_JOB_NODELIST=n[1-2][1-3],m[01-3]"}};
  EXPECT_EQ(tool.finish().out, "m[01-03],n[11-13,21-23]\n");
}

TEST_F(sets_tool, clubak_goes_on_after_a_line_that_belongs_to_no_node) {
  const outcome blank = execo({"clubak", "-b"}, "\nn1: a\n\n \nn2: a\n");
  EXPECT_EQ(blank.code, 0);
  EXPECT_EQ(blank.out, "---------------\nn[1-2] (2)\n---------------\n a\n");
  const outcome broken = execo({"clubak", "-L"}, "n1: a\n*** a banner\n: b\nn2: a\n");
  EXPECT_EQ(broken.code, 1);
  EXPECT_EQ(broken.out, "n1:  a\nn2:  a\n");
  EXPECT_EQ(broken.err,
            "clubak: no separator in: \"*** a banner\"\nclubak: no node found: \": b\"\n");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "banner\n";
  EXPECT_THAT(execo({"clubak"}, many).err, EndsWith("clubak: 990 more lines like these\n"));
}

TEST_F(sets_tool, clubak_reads_the_hosts_that_run_writes) {
  for (const auto& [line, node, text] :
       std::vector<std::array<std::string, 3>>{{"::1: hi", "::1", " hi"},
                                               {"fe80::1: hi: there", "fe80::1", " hi: there"},
                                               {"fe80::1%eth0: hi", "fe80::1%eth0", " hi"},
                                               {"root@h:2222: hi", "root@h:2222", " hi"},
                                               {"me@[::1]:22: hi", "me@[::1]:22", " hi"},
                                               {"n1:22:", "n1:22", ""},
                                               {"n1: ::1: hi", "n1", " ::1: hi"},
                                               {"n1:a: hi", "n1", "a: hi"},
                                               {"n1:a b: hi", "n1", "a b: hi"},
                                               {"a:b:c: hi", "a", "b:c: hi"}}) {
    EXPECT_EQ(execo({"clubak"}, line + "\n").out,
              "---------------\n" + node + "\n---------------\n" + text + "\n");
  }
}

TEST_F(sets_tool, clubak_gathers_where_it_regroups) {
  configure("[a]\nmap: echo 'foo[1-2]'\nlist: echo foo\n");
  EXPECT_EQ(execo({"clubak", "-r"}, "foo1: bar\nfoo2: bar\n").out,
            "---------------\n@foo (2)\n---------------\n bar\n");
  EXPECT_EQ(execo({"clubak", "-rL"}, "foo1: bar\nfoo2: bar\n").out, "@foo:  bar\n");
}

TEST_F(sets_tool, clubak_expands_no_key_without_bound) {
  const outcome end = execo({"clubak", "-q"}, "a[1-100000000]: x\n");
  EXPECT_EQ(end.out, "---------------\na[1-100000000]\n---------------\n x\n");
  EXPECT_EQ(execo({"clubak", "--interpret-keys=always"}, "a[1-100000000]: x\n").code, 1);
}

TEST_F(sets_tool, clubak_lets_a_terminal_act_on_nothing) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  char name[64];
  ASSERT_EQ(::ttyname_r(slave, name, sizeof name), 0);
  const outcome end =
      shell("printf 'n1\\033[5m: a\\033[31mb\\302\\233c\\n' | $T clubak -v --color never >" +
            std::string{name});
  EXPECT_EQ(end.code, 0);
  char buffer[4096];
  const ssize_t size = ::read(master, buffer, sizeof buffer);
  ::close(slave);
  ::close(master);
  ASSERT_GT(size, 0);
  const std::string shown(buffer, static_cast<std::size_t>(size));
  EXPECT_THAT(shown, HasSubstr("a^[[31mb\\x9bc"));
  EXPECT_THAT(shown, Not(HasSubstr("\033")));
}

TEST_F(sets_tool, clubak_replaces_what_is_no_utf8) {
  EXPECT_EQ(execo({"clubak", "-L"}, "n:\xed\xa0\x80\xc0\xaf\xc3\xa5\n").out,
            "n: \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa5\n");
}

TEST_F(sets_tool, hosts_come_from_standard_input) {
  const outcome end =
      execo({"run", "--hosts-file", "-", "--max-hosts", "2", "true"}, "n1 # one\nn[2-3]\n");
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr("3 hosts are more than 2"));
}

TEST_F(sets_tool, a_dash_in_place_of_a_set_reads_them_from_standard_input) {
  outcome end = execo({"run", "-w", "-", "--max-hosts", "2", "true"}, "n1 # one\nn[2-3]\n");
  EXPECT_EQ(end.code, 2);
  EXPECT_NE(end.err.find("3 hosts are more than 2"), std::string::npos) << end.err;
}

}  // namespace
