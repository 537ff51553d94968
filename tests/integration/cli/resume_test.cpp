// `execo run --journal` and `execo resume`: a run that was interrupted anywhere goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "execo/journal.hpp"
#include "long_count.hpp"
#include "program.hpp"
#include "random_bytes.hpp"
#include "temp_folder.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using words = std::vector<std::string>;

class execo_resume : public testing::Test {
 protected:
  program start(words arguments) const {
    arguments.insert(arguments.begin(), EXECO_TOOL);
    return program(arguments, variables());
  }
  std::vector<std::string> variables() const {
    return {"XDG_STATE_HOME=" + (folder_ / "state"), "EXECO_CONFIG=" + (folder_ / "config.toml"),
            "NO_COLOR=1"};
  }
  outcome execo(words arguments) const { return start(std::move(arguments)).finish(); }
  /// On hosts that are processes here, all of them in the journal `run`.
  words run(const std::string& hosts, const std::string& command, words more = {}) const {
    words all{"run", "-w", hosts, "--connector", "exec:", "--journal", file()};
    all.insert(all.end(), more.begin(), more.end());
    all.insert(all.end(), {"--", command});
    return all;
  }
  std::string file() const { return folder_ / "run"; }

  execo_resume() { folder_.write("config.toml", ""); }

  temp_folder folder_;
};

// How often each host has run its command.
std::map<std::string, int> counts_in(const std::string& text) {
  std::map<std::string, int> counts;
  std::istringstream from(text);
  for (std::string line; std::getline(from, line);) ++counts[line];
  return counts;
}

// Of each host of the journal, by its position.
std::map<int, int> ends_in(const std::string& text) {
  std::map<int, int> ends;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    if (record["record"] == "end") ++ends[record["index"]];
  }
  return ends;
}

// At whatever happens when the file has that many bytes.
void kill_at_size(program& tool, const std::string& file, std::uintmax_t size) {
  while (tool.running()) {
    std::error_code none;
    const std::uintmax_t now = std::filesystem::file_size(file, none);
    if (!none && now >= size) break;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  tool.kill(SIGKILL);
  (void)tool.finish();
}

bool has_begun(const std::string& text) { return text.find('\n') != text.npos; }

TEST_F(execo_resume, after_kill_9_at_any_time_covers_every_host_and_runs_none_twice) {
  constexpr int hosts = 24;
  const std::string ran = folder_ / "ran";
  const words begin =
      run("n[1-24]", "echo {{{host}}} >> " + ran + "; sleep 0.00{{{index}}}", {"-f", "6"});
  ASSERT_EQ(execo(begin).code, 0);
  const std::uintmax_t whole = folder_.read("run").size();
  std::size_t unknown = 0;
  for (int round = 0; round < long_count(200); ++round) {
    std::filesystem::remove(file());
    std::filesystem::remove(ran);
    std::mt19937 random(static_cast<unsigned>(round));
    for (int kills = 0; kills < 2; ++kills) {
      const bool again = has_begun(folder_.read("run"));
      if (!again) std::filesystem::remove(file());
      program tool = start(again ? words{"resume", file()} : begin);
      std::uniform_int_distribution<std::uintmax_t> size(0, whole);
      kill_at_size(tool, file(), size(random));
    }
    if (!has_begun(folder_.read("run"))) {
      EXPECT_EQ(folder_.read("ran"), "") << round;
      continue;
    }
    const outcome last = execo({"resume", file()});
    const journal after(file());
    ASSERT_EQ(after.hosts().size(), std::size_t{hosts});
    EXPECT_EQ(after.count("not_started"), 0U) << round;
    EXPECT_EQ(after.count("failed"), 0U) << round;
    EXPECT_EQ(last.code, after.count("unknown") == 0 ? 0 : 3) << last.err;
    auto counts = counts_in(folder_.read("ran"));
    for (const auto& [name, count] : counts) EXPECT_EQ(count, 1) << name << " in " << round;
    std::map<int, int> ends = ends_in(folder_.read("run"));
    for (std::size_t i = 0; i < after.hosts().size(); ++i) {
      EXPECT_EQ(ends[static_cast<int>(i)], 1) << i << " in " << round;
      if (after.entry(i).ok) {
        EXPECT_EQ(counts[after.hosts()[i].name()], 1) << round;
      }
    }
    unknown += after.count("unknown");
  }
  // Else no kill has met a host between its attempt and its end, and nothing was tested.
  EXPECT_GT(unknown, 0U);
}

TEST_F(execo_resume, with_idempotent_runs_what_is_unknown_again) {
  program tool =
      start(run("n[1-4]", "test -e " + (folder_ / "go") + " || sleep 1000; echo {{{index}}}"));
  kill_at_size(tool, file(), 1);
  for (program more = start({"resume", file()}); journal(file()).count("not_started") > 0;)
    if (!more.running()) break;
  folder_.write("go", "");
  outcome o = execo({"resume", file()});
  EXPECT_THAT(o.err,
              HasSubstr("nothing is left to run: 0 hosts were done before; 4 have begun, and "
                        "their end is unknown: --idempotent"));
  EXPECT_EQ(o.code, 3);
  o = execo({"resume", "--idempotent", file()});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("n1: 0\n"), HasSubstr("n4: 3\n")));
  o = execo({"resume", file()});
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "execo: nothing is left to run: 4 hosts were done before\n");
}

TEST_F(execo_resume, after_an_interrupt_runs_the_rest_in_the_directory_of_the_run) {
  folder_.write("name", "here\n");
  const std::string command =
      "cat name; test {{{index}}} = 0 || test -e go || { touch up; sleep 1000; }";
  words begin{"/bin/sh", "-c", "cd \"$1\"; shift; exec \"$@\"", "sh", folder_ / "", EXECO_TOOL};
  for (const std::string& word : run("n[1-4]", command, {"-f", "1"})) begin.push_back(word);
  program tool(begin, variables());
  while (!std::filesystem::exists(folder_ / "up") && tool.running())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  tool.kill(SIGINT);
  const outcome stopped = tool.finish();
  EXPECT_EQ(stopped.code, 130);
  EXPECT_THAT(stopped.err, HasSubstr("\nexeco: `execo resume " + file() + "` runs what is left\n"));
  EXPECT_EQ(journal(file()).hosts("not_started").to_string(), "n[3-4]");
  folder_.write("go", "");
  const outcome o = execo({"resume", file()});
  EXPECT_EQ(o.out, "n3: here\nn4: here\n");
  EXPECT_THAT(o.err, HasSubstr("execo: 2 hosts were done before\nexeco: 2 hosts: 2 ok"));
  // That of the whole run: n2 was cancelled.
  EXPECT_EQ(o.code, 1);
}

TEST_F(execo_resume, counts_the_ends_of_before_for_its_status) {
  EXPECT_EQ(execo(run("n[1-3]", "exit {{{index}}}")).code, 1);
  outcome o = execo({"resume", file()});
  EXPECT_EQ(o.code, 1);
  EXPECT_EQ(o.err, "execo: nothing is left to run: 3 hosts were done before\n");
}

TEST_F(execo_resume, needs_no_second_look_at_what_named_the_hosts) {
  const std::string hosts = folder_.write("hosts", "a b\nc\n");
  words begin{"run",
              "--hosts-file",
              hosts,
              "-x",
              "c",
              "--connector",
              "exec:",
              "--journal",
              file(),
              "--",
              "echo {{{host}}} >> " + (folder_ / "ran")};
  EXPECT_EQ(execo(begin).code, 0);
  std::filesystem::remove(hosts);
  const std::string all = folder_.read("run");
  folder_.write("run", all.substr(0, all.find('\n') + 1));
  EXPECT_EQ(execo({"resume", file()}).code, 0);
  EXPECT_EQ(counts_in(folder_.read("ran")), (std::map<std::string, int>{{"a", 2}, {"b", 2}}));
}

TEST_F(execo_resume, selectors_name_hosts_of_the_last_run) {
  EXPECT_EQ(execo(run("n[1-4]", "exit $(({{{index}}} %% 2))")).code, 1);
  outcome o = execo({"nodeset", "-f", "@last:failed"});
  EXPECT_EQ(o.out, "n[2,4]\n") << o.err;
  o = execo({"run", "-w", "@last:ok", "-L", "--connector", "exec:", "--", "echo {{{host}}}"});
  EXPECT_EQ(o.out, "n1: n1\nn3: n3\n") << o.err;
  o = execo({"run", "-w", "@last:unknown", "--connector", "exec:", "--", "true"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("-w '@last:unknown' names no host; --allow-empty accepts that"));
}

TEST_F(execo_resume, a_journal_is_not_written_over) {
  EXPECT_EQ(execo(run("n1", "true")).code, 0);
  const outcome o = execo(run("n1", "true"));
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "execo: " + file() + ": the file exists: `execo resume " + file() +
                       "` goes on with its run, and a new run needs another name\n");
}

TEST_F(execo_resume, refuses_what_it_cannot_resume_with_the_cure) {
  outcome o = execo({"resume"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("no FILE"));
  o = execo({"resume", folder_ / "none"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, EndsWith("/none: No such file or directory\n"));
  o = execo({"resume", folder_.write("empty", "")});
  EXPECT_THAT(o.err, HasSubstr("nothing was run: remove the file and begin again"));
  program tool = start(run("n1", "sleep 1000"));
  while (!has_begun(folder_.read("run")) && tool.running())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  o = execo({"resume", file()});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("its run goes on in another process"));
}

TEST_F(execo_resume, keeps_no_password_and_says_what_to_do_for_want_of_one) {
  words begin{"/bin/sh",     "-c",       "echo s3cret | \"$@\" --password-fd 0 -w n1 -- true",
              "sh",          EXECO_TOOL, "run",
              "--connector", "exec:",    "--journal",
              file()};
  (void)program(begin, variables()).finish();
  EXPECT_EQ(folder_.read("run").find("s3cret"), std::string::npos);
  const outcome o = execo({"resume", file()});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, AllOf(HasSubstr("--password-fd"), HasSubstr("-w @last:not_started"),
                           HasSubstr("--ask-pass")));
}

// The limit on the size of files stands for a full disk.
TEST_F(execo_resume, a_full_disk_ends_the_run_with_74_and_the_rest_can_be_resumed) {
  words begin{"/bin/sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh", EXECO_TOOL};
  for (const std::string& word : run("n[1-200]", "true", {"-f", "4"})) begin.push_back(word);
  const outcome o = program(begin, variables()).finish();
  EXPECT_EQ(o.code, 74);
  EXPECT_THAT(o.err, HasSubstr("execo: " + file() +
                               ": the journal cannot be written: File too large; no further host "
                               "was begun\n"));
  EXPECT_GT(journal(file()).count("not_started"), 100U);
  const outcome rest = execo({"resume", file()});
  EXPECT_EQ(journal(file()).count("not_started"), 0U) << rest.err;
}

TEST_F(execo_resume, a_host_that_is_not_logged_in_to_has_no_attempt) {
  const fleet_fixture fleet("127.3.0.[1-2]");
  const std::string command = "grep -c '\"attempt\",\"host\":\"'$FLEET_HOST'\"' " + file();
  for (const std::string via : {"libssh", "openssh"}) {
    std::filesystem::remove(file());
    words begin = execo_run(fleet, {"-w", "127.3.0.[1-2],127.3.0.3:1", "-L", "--via", via,
                                    "--journal", file(), "--", command});
    const outcome o = program(begin, variables()).finish();
    EXPECT_EQ(o.out, "127.3.0.1: 1\n127.3.0.2: 1\n") << o.err;
    const bool is_told =
        folder_.read("run").find("attempt\",\"host\":\"127.3.0.3:1") != std::string::npos;
    EXPECT_EQ(is_told, via == "openssh");
    EXPECT_EQ(journal(file()).hosts("failed").to_string(), "127.3.0.3:1");
  }
}

TEST_F(execo_resume, copies_what_a_killed_put_has_left_and_nothing_twice) {
  const fleet_fixture fleet("127.3.1.[1-8]");
  const std::string sent = random_bytes(5).take(100'000);
  folder_.write("sent", sent);
  words begin = execo_run(fleet, {"-w", "127.3.1.[1-8]", "-f", "2", "--max-rate", "8M", "--journal",
                                  file(), folder_ / "sent", folder_ / "got-{{{index}}}"});
  begin[1] = "put";
  ASSERT_EQ(program(begin, variables()).finish().code, 0);
  const std::uintmax_t whole = folder_.read("run").size();
  bool met = false;
  for (int round = 0; round < long_count(20); ++round) {
    std::filesystem::remove(file());
    for (int i = 0; i < 8; ++i) std::filesystem::remove(folder_ / ("got-" + std::to_string(i)));
    std::mt19937 random(static_cast<unsigned>(round));
    std::uniform_int_distribution<std::uintmax_t> size(0, whole);
    program tool(begin, variables());
    kill_at_size(tool, file(), size(random));
    if (!has_begun(folder_.read("run"))) continue;
    const std::size_t done = journal(file()).count("done");
    met = met || (done > 0 && done < 8);
    const outcome rest = execo({"resume", file()});
    EXPECT_EQ(rest.code, 0) << rest.err;
    EXPECT_THAT(rest.err, HasSubstr(std::to_string(done) + " hosts were done before"));
    for (int i = 0; i < 8; ++i)
      EXPECT_TRUE(folder_.read("got-" + std::to_string(i)) == sent) << i << " in " << round;
    for (const auto& [index, count] : ends_in(folder_.read("run")))
      EXPECT_EQ(count, 1) << index << " in " << round;
    EXPECT_EQ(journal(file()).count("ok"), 8U);
  }
  // Else no kill has met a copy in the middle, and nothing was tested.
  EXPECT_TRUE(met);
}

TEST_F(execo_resume, keeps_the_ends_of_a_get) {
  const fleet_fixture fleet("127.3.1.[1-2]");
  words begin = execo_run(fleet, {"-w", "127.3.1.[1-2]", "--journal", file(),
                                  folder_ / "none-of-it", folder_ / "back"});
  begin[1] = "get";
  EXPECT_EQ(program(begin, variables()).finish().code, 1);
  EXPECT_EQ(journal(file()).hosts("failed").to_string(), "127.3.1.[1-2]");
  const outcome rest = execo({"resume", file()});
  EXPECT_EQ(rest.code, 1);
  EXPECT_THAT(rest.err, HasSubstr("nothing is left to run: 2 hosts were done before"));
}

TEST_F(execo_resume, help_says_how) {
  const outcome o = execo({"resume", "--help"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, AllOf(StartsWith("Usage: execo resume"), HasSubstr("--idempotent")));
}

}  // namespace
}  // namespace execo::test
