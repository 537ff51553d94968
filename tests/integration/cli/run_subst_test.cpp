// References in the command of `execo run`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class execo_run_subst : public testing::Test {
 protected:
  outcome run(std::vector<std::string> more) const {
    more.insert(more.begin(), {"-w", "127.3.0.[1-2]", "-L"});
    return run_program(execo_run(fleet_, std::move(more)));
  }

  fleet_fixture fleet_{"127.3.0.[1-2]"};
};

TEST_F(execo_run_subst, a_command_has_the_values_of_its_host) {
  outcome o = run({"-l", "me", "echo {{{host}}} {{{index}}} {{{user}}} {{{port}}}"});
  std::string port = std::to_string(fleet_.port());
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out,
            "127.3.0.1: 127.3.0.1 0 me " + port + "\n127.3.0.2: 127.3.0.2 1 me " + port + "\n");
}

TEST_F(execo_run_subst, words_keep_it_as_one_word) {
  outcome o = run({"--argv", "--", "printf", "[%s]\\n", "a {{{index}}} b", "{{.Names}}"});
  EXPECT_EQ(o.out,
            "127.3.0.1: [a 0 b]\n127.3.0.1: [{{.Names}}]\n"
            "127.3.0.2: [a 1 b]\n127.3.0.2: [{{.Names}}]\n");
}

TEST_F(execo_run_subst, what_is_no_reference_stays_as_it_is) {
  const std::string text = "{{.Names}} {{name}} {{ host }} {{\"a\":1}} {{{hosts}}} {{{host}}";
  outcome o = run({"--", "echo", "'" + text + "'", "|", "awk", "'{print $0}'"});
  EXPECT_EQ(o.out, "127.3.0.1: " + text + "\n127.3.0.2: " + text + "\n");
  o = run({"--", "echo", "'{{{\\host}}}'"});
  EXPECT_EQ(o.out, "127.3.0.1: {{{host}}}\n127.3.0.2: {{{host}}}\n");
}

TEST_F(execo_run_subst, no_subst_leaves_all_braces) {
  outcome o = run({"--no-subst", "--", "echo '{{{host}}} {{{\\host}}}'"});
  EXPECT_EQ(o.out, "127.3.0.1: {{{host}}} {{{\\host}}}\n127.3.0.2: {{{host}}} {{{\\host}}}\n");
}

TEST_F(execo_run_subst, a_failed_host_is_told_with_its_own_command) {
  outcome o = run({"--", "exit $(({{{index}}} * 3))"});
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.err, HasSubstr("127.3.0.2: `exit $((1 * 3))` exited 3"));
}

TEST_F(execo_run_subst, a_name_that_a_shell_would_read_is_refused_before_anything_runs) {
  std::vector<std::string> words{EXECO_TOOL, "run", "-w", "$(id),n1", "--connector", "exec:"};
  auto with = [&words](std::vector<std::string> more) {
    std::vector<std::string> all = words;
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all);
  };
  outcome o = with({"--", "echo {{{host}}}"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.out, "");
  EXPECT_THAT(o.err, AllOf(StartsWith("execo: $(id): `$(id)` means something to a shell"),
                           HasSubstr("--argv")));
  o = with({"-L", "--argv", "--", "echo", "{{{host}}}"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "$(id): $(id)\nn1: n1\n");
}

TEST_F(execo_run_subst, a_value_has_no_tokens_of_exec) {
  outcome o = run_program({EXECO_TOOL, "run", "-w", "a%h", "--connector", "exec:", "--argv", "--",
                           "echo", "{{{host}}}", "%h", "%%"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "a%h: a%h a%h %\n");
}

}  // namespace
}  // namespace execo::test
