// `execo run --stdin`: one input for the commands of all hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <sstream>

#include "long_count.hpp"
#include "random_bytes.hpp"
#include "temp_folder.hpp"
#include "tool.hpp"
#include "transfer/sha256.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string digest_of(const std::string& bytes) {
  detail::sha256 made;
  made.update(bytes);
  return made.hex();
}

std::ptrdiff_t lines_in(const std::string& text) { return std::ranges::count(text, '\n'); }

TEST(execo_run_stdin, all_hosts_get_the_same_megabyte) {
  const int rows = std::max(1, long_count(4));
  fleet_fixture fleet("127.6.[0-" + std::to_string(rows - 1) + "].[1-250]");
  const std::string bytes = random_bytes(7).take(std::size_t{1} << 20);
  outcome o = run_program(
      execo_run(fleet, {"--stdin", "-b", "-w", "127.6.[0-" + std::to_string(rows - 1) + "].[1-250]",
                        "sha256sum"}),
      bytes);
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("(" + std::to_string(rows * 250) + ")\n---------------\n" +
                               digest_of(bytes) + "  -\n"));
  EXPECT_EQ(lines_in(o.out), 4);
}

TEST(execo_run_stdin, hosts_that_fail_or_read_no_more_do_not_disturb_the_others) {
  fleet_fixture fleet("127.6.0.[1-20]", {"--fault", "127.6.0.[3-4]:reject-auth", "--fault",
                                         "127.6.0.5:drop-mid-output"});
  const std::string bytes = random_bytes(8).take(std::size_t{700} * 1024);
  outcome o = run_program(
      execo_run(fleet, {"--stdin", "-f", "4", "-w", "127.6.0.[1-20]",
                        "case $FLEET_HOST in *.0.7) echo none;; *.0.8) head -c 1 >/dev/null; echo "
                        "one;; *) sha256sum;; esac"}),
      bytes);
  EXPECT_EQ(o.code, 3);
  const std::string digest = digest_of(bytes);
  for (int i = 1; i <= 20; ++i) {
    if (i >= 3 && i <= 5) continue;
    const std::string said = i == 7 ? "none" : i == 8 ? "one" : digest + "  -";
    EXPECT_THAT(o.out, HasSubstr("127.6.0." + std::to_string(i) + ": " + said + "\n"));
  }
}

TEST(execo_run_stdin, a_host_that_is_tried_again_gets_all_of_it_again) {
  temp_folder folder;
  outcome o = run_program(
      {EXECO_TOOL, "run", "--connector", "exec:", "-w", "n[1-3]", "--stdin", "--retry-command", "3",
       "--idempotent",
       "cat > " + (folder / "{{{host}}}") + "; test -e " + (folder / "again-{{{host}}}") +
           " || { touch " + (folder / "again-{{{host}}}") + "; exit 1; }"},
      "all of it\n");
  EXPECT_EQ(o.code, 0) << o.err;
  for (const char* name : {"n1", "n2", "n3"}) EXPECT_EQ(folder.read(name), "all of it\n");
}

TEST(execo_run_stdin, without_it_standard_input_is_left_alone) {
  outcome o = run_program({"sh", "-c",
                           std::string("while read -r host; do ") + EXECO_TOOL +
                               " run --connector exec: -w $host 'cat; echo %h'; done"},
                          "n1\nn2\n");
  EXPECT_EQ(o.out, "n1: n1\nn2: n2\n");
}

TEST(execo_run_stdin, nobody_can_read_it_twice) {
  const auto refused = [](std::vector<std::string> more) {
    std::vector<std::string> words{EXECO_TOOL, "run", "--stdin"};
    words.insert(words.end(), more.begin(), more.end());
    outcome o = run_program(words, "n1\n");
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(lines_in(o.err), 1);
    return o.err;
  };
  EXPECT_EQ(refused({"-w", "-", "true"}),
            "execo: --stdin and -w both read standard input: give one of them a file\n");
  EXPECT_THAT(refused({"--hosts-file", "-", "true"}), HasSubstr("--stdin and --hosts-file both"));
  EXPECT_THAT(refused({"-w", "n1", "--password-fd", "0", "true"}),
              HasSubstr("--stdin and --password-fd both"));
}

TEST(execo_run_stdin, a_run_that_had_it_is_not_resumed) {
  temp_folder folder;
  const std::vector<std::string> variables{"XDG_STATE_HOME=" + (folder / "state")};
  program first({EXECO_TOOL, "run", "--connector", "exec:", "-w", "n[1-3]", "--stdin", "--journal",
                 folder / "run", "cat"},
                variables);
  EXPECT_EQ(first.finish("text\n").code, 0);
  EXPECT_THAT(folder.read("run"), HasSubstr("\"--stdin\""));
  outcome o = program({EXECO_TOOL, "resume", folder / "run"}, variables).finish();
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err,
            "execo: the run read its standard input (--stdin), which is in no journal: run the "
            "rest as a new run, `execo run -w @last:not_started --stdin ...`, with the same "
            "input\n");
}

TEST(execo_run_stdin, lines_typed_on_a_terminal_arrive_and_ctrl_c_ends_the_run) {
  program tool =
      program::on_terminal({EXECO_TOOL, "run", "--connector", "exec:", "--progress", "never",
                            "--color", "never", "-w", "n[1-2]", "--stdin", "sed -u s/^/got:/"});
  tool.type("hello\n");
  EXPECT_TRUE(tool.out_has("n1: got:hello"));
  EXPECT_TRUE(tool.out_has("n2: got:hello"));
  tool.type("\x03");
  outcome o = tool.finish();
  EXPECT_EQ(o.code, 130);
  EXPECT_THAT(o.out, HasSubstr("interrupted: 2 of 2 hosts did not complete"));
}

}  // namespace
}  // namespace execo::test
