// What is read in a journal, whole or not, and the sets that name the hosts of runs.
#include "execo/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "execo/groups.hpp"
#include "groups/journal_reader.hpp"
#include "temp_folder.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string first_line =
    R"({"record":"run","schema":1,"execo":"0.1.0","began":"2026-11-29T18:55:00.000Z","pid":7,)"
    R"("directory":"/srv","arguments":["run","-w","n[0-4]","--","make"],"command":"make",)"
    R"("connection":{"user":"root"},"hosts":["n0","n1","root@n2:2222","n3","n4","n5"]})"
    "\n";

std::string attempt(int index) {
  return R"({"record":"attempt","host":"h","index":)" + std::to_string(index) +
         R"(,"attempt":1,"at":"2026-11-29T18:55:01.000Z"})"
         "\n";
}
std::string end(int index, const std::string& more) {
  return R"({"record":"end","index":)" + std::to_string(index) + "," + more + "}\n";
}

const std::string whole = first_line + attempt(0) + attempt(1) + attempt(2) + attempt(3) +
                          end(0, R"("ok":true,"begun":"yes","end":"exited","code":0)") +
                          end(1, R"("ok":false,"begun":"yes","end":"exited","code":3)") +
                          end(3, R"("ok":false,"begun":"no","end":"cancelled")") + attempt(4) +
                          end(4, R"("ok":false,"begun":"no","end":"connect_failed")");

detail::journal_content read(const std::string& text) {
  std::istringstream from(text);
  return detail::read_journal(from, "run.ndjson");
}

std::string problem_of(const std::string& text) {
  try {
    (void)read(text);
  } catch (const journal_error& error) {
    EXPECT_EQ(error.code(), journal_errc::damaged);
    return error.what();
  }
  return "none";
}

TEST(journal, tells_what_became_of_each_host_and_how_the_run_began) {
  temp_folder folder;
  const journal run(folder.write("run.ndjson", whole));
  EXPECT_EQ(run.version(), "0.1.0");
  EXPECT_EQ(run.command(), "make");
  EXPECT_EQ(run.directory(), "/srv");
  EXPECT_THAT(run.arguments(), ElementsAre("run", "-w", "n[0-4]", "--", "make"));
  EXPECT_EQ(run.connection().at("user"), "root");
  EXPECT_EQ(run.hosts().at(2).user(), "root");
  EXPECT_EQ(run.hosts("ok").to_string(), "n0");
  EXPECT_EQ(run.hosts("failed").to_string(), "n[1,4]");
  EXPECT_EQ(run.hosts("done").size(), 3U);
  EXPECT_EQ(run.hosts("unknown").to_string(), "root@n2:2222");
  EXPECT_EQ(run.hosts("not_started").to_string(), "n[3,5]");
  EXPECT_EQ(run.hosts("all").size(), 6U);
  EXPECT_EQ(run.count("unknown"), 1U);
  EXPECT_EQ(run.entry(1).code, 3);
  EXPECT_EQ(run.entry(4).how, end_reason::connect_failed);
  EXPECT_THROW((void)run.hosts("faild"), std::invalid_argument);
  EXPECT_THROW((void)run.entry(6), std::out_of_range);
}

TEST(journal, cut_at_any_byte_has_the_records_before) {
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string text = whole.substr(0, size);
    if (size < first_line.size()) {
      EXPECT_THAT(problem_of(text), HasSubstr("nothing was run")) << size;
      continue;
    }
    const detail::journal_content content = read(text);
    const std::size_t complete = text.rfind('\n') + 1;
    EXPECT_EQ(content.size, complete);
    std::size_t begun = 0;
    std::size_t attempts = 0;
    for (const journal_entry& one : content.entries) attempts += one.attempts;
    for (std::size_t at = text.find("attempt\",\"host"); at < complete;
         at = text.find("attempt\",\"host", at + 1))
      ++begun;
    EXPECT_EQ(attempts, begun) << size;
  }
}

TEST(journal, of_a_later_attempt_knows_the_later_end) {
  const std::string again = whole + end(2, R"("end":"unknown")") + attempt(2);
  EXPECT_EQ(read(again).entries[2].state, journal_state::unknown);
  EXPECT_TRUE(read(again).under_way[2]);
  EXPECT_FALSE(read(whole + end(2, R"("end":"unknown")")).under_way[2]);
  const auto over = read(again + end(2, R"("ok":true,"begun":"yes","end":"exited","code":0)"));
  EXPECT_EQ(over.entries[2].state, journal_state::done);
  EXPECT_EQ(over.entries[2].attempts, 2U);
}

TEST(journal, may_have_records_and_ends_of_a_later_version) {
  const auto content = read(first_line +
                            R"({"record":"weather","index":99})"
                            "\n" +
                            end(0, R"("ok":false,"end":"melted")"));
  EXPECT_EQ(content.entries[0].state, journal_state::done);
  EXPECT_EQ(content.entries[0].how, std::nullopt);
}

TEST(journal, keeps_text_that_is_not_utf8_as_bytes) {
  std::string text = first_line;
  text.replace(text.find("\"make\"],"), 8, "[109,255]],");
  EXPECT_EQ(read(text).arguments.back(), "m\xff");
}

TEST(journal, of_another_version_is_refused_with_the_cure) {
  std::string text = first_line;
  text.replace(text.find("\"schema\":1"), 10, "\"schema\":2");
  EXPECT_THAT(problem_of(text), AllOf(HasSubstr("run.ndjson"), HasSubstr("version 2"),
                                      HasSubstr("use the execo that wrote it, 0.1.0")));
}

TEST(journal, that_is_damaged_is_refused_with_the_line) {
  for (const std::string& wrong :
       {std::string("{\"record\":\n"), std::string("[]\n"), std::string("\n"), attempt(6),
        std::string("{\"record\":\"end\",\"index\":-1}\n"),
        std::string("{\"record\":\"end\",\"index\":0}\n"), std::string(9, '\0') + "\n"})
    EXPECT_THAT(problem_of(first_line + wrong + attempt(1)), HasSubstr("run.ndjson: line 2 "));
  EXPECT_THAT(problem_of("host: line\n"), HasSubstr("line 1"));
  EXPECT_THAT(problem_of(attempt(1)), HasSubstr("line 1 is not the first record"));
}

TEST(journal, that_is_no_file_is_refused) {
  temp_folder folder;
  EXPECT_THROW(journal(folder / "none"), journal_error);
  EXPECT_THROW(journal("/dev/zero"), journal_error);
}

class run_selectors : public testing::Test {
 protected:
  run_selectors() { ::setenv("XDG_STATE_HOME", (folder_ / "state").c_str(), 1); }
  ~run_selectors() override { ::unsetenv("XDG_STATE_HOME"); }
  temp_folder folder_;
};

TEST_F(run_selectors, name_the_hosts_of_the_last_run_and_of_one_before) {
  const std::string id = remember_run(folder_.write("one.ndjson", whole));
  EXPECT_EQ(host_set("@last:failed").to_string(), "n[1,4]");
  EXPECT_EQ(host_set("@last:all,x1").size(), 7U);
  const std::string other = remember_run(folder_.write("two.ndjson", first_line));
  EXPECT_NE(id, other);
  EXPECT_TRUE(host_set("@last:failed").empty());
  EXPECT_EQ(host_set("@last:not_started").size(), 6U);
  EXPECT_EQ(host_set("@run/" + id + ":failed").to_string(), "n[1,4]");
  EXPECT_EQ(host_set("@last:*").size(), 6U);
}

TEST_F(run_selectors, see_a_run_that_goes_on) {
  (void)remember_run(folder_.write("one.ndjson", first_line));
  EXPECT_TRUE(host_set("@last:ok").empty());
  folder_.write("one.ndjson", whole + "{\"rec");
  EXPECT_EQ(host_set("@last:ok").to_string(), "n0");
}

TEST_F(run_selectors, say_what_is_wrong_with_them) {
  const auto problem = [](const std::string& text) -> std::string {
    try {
      return host_set(text).to_string();
    } catch (const host_set_error& error) {
      return error.what();
    }
  };
  EXPECT_THAT(problem("@last:failed"), HasSubstr("execo run --journal FILE"));
  const std::string file = folder_.write("one.ndjson", whole);
  const std::string id = remember_run(file);
  EXPECT_THAT(problem("@last:faild"), HasSubstr("no group \"faild\""));
  std::filesystem::remove(file);
  EXPECT_THAT(problem("@last:failed"), HasSubstr("one.ndjson"));
  EXPECT_THAT(problem("@run/../../" + id + ":ok"), HasSubstr("roup source"));
}

TEST_F(run_selectors, give_way_to_a_source_of_that_name) {
  (void)remember_run(folder_.write("one.ndjson", whole));
  groups own;
  own.add("last", {{"failed", "mine"}});
  EXPECT_EQ(own.read("@last:failed").to_string(), "mine");
}

}  // namespace
}  // namespace execo::test
