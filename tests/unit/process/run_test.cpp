// run(): a command in one line, without coroutines; and what it says when a shell was meant.
#include "execo/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class one_line : public on_each_backend {};
EXECO_ON_EACH_BACKEND(one_line);

TEST_P(one_line, runs_a_command_to_its_end) {
  EXPECT_EQ(run("echo a b").check().out, "a b\n");
  EXPECT_EQ(run("printf", "%s,", "a b").out, "a b,");
  EXPECT_EQ(run({"printf", "%s,", "a b"}).out, "a b,");
  EXPECT_EQ(run("printf", {"%s,", "a b"}).out, "a b,");
  EXPECT_EQ(run(std::vector<std::string>{"printf", "a"}).out, "a");
  EXPECT_EQ(run(command("printf", "a")).out, "a");
  EXPECT_EQ(run(process("pwd").cwd("/usr").timeout(30s)).out, "/usr\n");
  EXPECT_FALSE(run("false").ok());
}

TEST_P(one_line, inside_a_context_says_to_await_instead) {
  auto work = []() -> task<std::string> {
    try {
      (void)run("true");
    } catch (const std::logic_error& error) {
      co_return error.what();
    }
    co_return "nothing was thrown";
  };
  EXPECT_THAT(sync_wait(work()), HasSubstr("co_await process(...).run()"));
}

std::string failed(const std::string& text) {
  result r = run(text);
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << text;
  return r.describe();
}

TEST_P(one_line, that_was_written_for_a_shell_hints_at_one) {
  for (const char* text :
       {"cd /tmp && ls", "export A=1", "A=1 nothing", "nothing | wc", "nothing *.txt",
        "$HOME/nothing", "nothing $HOME", "nothing > file", "nothing `id`", "~/nothing",
        "nothing; ls", "nothing &", "nothing 2>&1", "nothing || true", "source nothing"})
    EXPECT_THAT(failed(text), HasSubstr("add .shell()")) << text;
  EXPECT_THAT(failed("cd /tmp && ls"), HasSubstr("'cd' is for a shell: add .shell()"));
  EXPECT_THAT(failed("nothing-at-all -x"), Not(HasSubstr("shell")));
  EXPECT_THAT(failed("/nonexistent/program a=b"), Not(HasSubstr("shell")));
}

}  // namespace
}  // namespace execo::test
