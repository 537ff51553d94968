// Every way in which people write down a command, outside and inside of coroutines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <list>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/process.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/when_all.hpp"

namespace execo::test {
namespace {

using ::testing::ElementsAre;
using strings = std::vector<std::string>;

TEST(words, of_a_command_are_given_in_every_usual_way) {
  const std::string flag = "-l";
  const strings vector{"ls", "-l"};
  const std::list<std::string_view> views{"ls", "-l"};
  const std::array<const char*, 2> pointers{"ls", "-l"};
  const auto is_ls = ElementsAre("ls", "-l");
  EXPECT_THAT(command("ls -l").argv(), is_ls);
  EXPECT_THAT(command(std::string("ls -l")).argv(), is_ls);
  EXPECT_THAT(command("ls", "-l").argv(), is_ls);
  EXPECT_THAT(command("ls", flag).argv(), is_ls);
  EXPECT_THAT(command({"ls", "-l"}).argv(), is_ls);
  EXPECT_THAT(command({"ls", flag}).argv(), is_ls);
  EXPECT_THAT(command("ls", {"-l"}).argv(), is_ls);
  EXPECT_THAT(command("ls", strings{flag}).argv(), is_ls);
  EXPECT_THAT(command(vector).argv(), is_ls);
  EXPECT_THAT(command(strings{"ls", "-l"}).argv(), is_ls);
  EXPECT_THAT(command(views).argv(), is_ls);
  EXPECT_THAT(command(pointers).argv(), is_ls);
  EXPECT_THAT(command(std::span(vector)).argv(), is_ls);
  EXPECT_THAT(command{"ls -l"}.argv(), is_ls);
  EXPECT_THAT(command("a b", "c d").argv(), ElementsAre("a b", "c d"));
}

TEST(words, are_added_in_every_usual_way) {
  auto argv_of = [](command what) { return what.argv(); };
  command what("printf");
  what.add_words({"%s,", "a"});
  what.add_words(strings{"b c"});
  EXPECT_THAT(argv_of(what), ElementsAre("printf", "%s,", "a", "b c"));
  const strings more{"d", "e f"};
  result r = sync_wait(process("printf %s,").args({"a", "b c"}).args(more).args("g").run());
  EXPECT_EQ(r.out, "a,b c,d,e f,g,");
}

task<std::string> said_by_all() {
  const std::string word = "b c";
  const strings argv{"printf", "%s,", "v w"};
  std::string said;
  // gcc12-ok: braces that call a constructor, no array
  auto braces = co_await process({"printf", "%s,", "a", word}).run();
  said += braces.out;
  auto one_by_one = co_await process("printf", "%s,", word, std::string_view("d")).run();
  said += one_by_one.out;
  // gcc12-ok: braces that call a constructor, no array
  auto program_and_rest = co_await process("printf", {"%s,", "e"}).run();
  said += program_and_rest.out;
  auto vector = co_await process(argv).run();
  said += vector.out;
  // gcc12-ok: braces that call a constructor, no array
  auto of_command = co_await process(command({"printf", "%s,", "f"})).run();
  said += of_command.out;
  // gcc12-ok: braces that call a constructor, no array
  auto added = co_await process("printf").args({"%s,", "g", "h"}).run();
  said += added.out;
  // gcc12-ok: braces that call a constructor, no array
  auto [x, y] = co_await when_all(process({"printf", "x,"}).run(), process("printf", "y,").run());
  said += x.out + y.out;
  co_return said;
}

TEST(words, survive_in_an_expression_with_co_await) {
  EXPECT_EQ(sync_wait(said_by_all()), "a,b c,b c,d,e,v w,f,g,h,x,y,");
}

TEST(words, of_one_string_are_text_that_is_split) {
  EXPECT_EQ(sync_wait(process("printf %s, 'a b' c").run()).out, "a b,c,");
  EXPECT_EQ(sync_wait(process{"printf %s, 'a b' c"}.run()).out, "a b,c,");
}

TEST(moved_from, a_process_says_so_instead_of_crashing) {
  process p("true");
  (void)sync_wait(std::move(p).run());
  EXPECT_THROW((void)p.run(), std::logic_error);
  EXPECT_THROW((void)sync_wait(std::move(p)), std::logic_error);
  EXPECT_THROW((void)p.wait(), std::logic_error);
  EXPECT_THROW(p.start(), std::logic_error);
  EXPECT_THROW((void)p.out(), std::logic_error);
  EXPECT_THROW((void)p.in(), std::logic_error);
  EXPECT_THROW((void)p.try_result(), std::logic_error);
  EXPECT_THROW(p.shell(), std::logic_error);
  EXPECT_EQ(p.pid(), 0);
  EXPECT_FALSE(p.running());
  p.kill();
}

}  // namespace
}  // namespace execo::test
