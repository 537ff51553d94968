// `execo put` and `execo get` against a fleet: what they print, how they end, and what is left when
// they are interrupted or killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "fleet_way.hpp"
#include "long_count.hpp"
#include "random_bytes.hpp"
#include "support/file_bytes.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using words = std::vector<std::string>;

constexpr std::size_t mib = 1024 * 1024;

class execo_copy : public ::testing::Test {
 protected:
  words command(const std::string& name, const words& more) const {
    words all = execo_run(fleet_, more);
    *std::find(all.begin(), all.end(), "run") = name;
    return all;
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  void file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string contents(const std::string& name) const { return file_bytes(path(name)); }
  std::vector<std::string> names(const std::string& of) const {
    std::vector<std::string> found;
    for (const auto& one : fs::directory_iterator(path(of)))
      found.push_back(one.path().filename().string());
    std::ranges::sort(found);
    return found;
  }
  /// Bytes that have come, whatever their name.
  std::uintmax_t bytes_in(const std::string& of) const {
    std::uintmax_t bytes = 0;
    std::error_code gone;
    for (auto one = fs::recursive_directory_iterator(path(of), gone);
         one != fs::recursive_directory_iterator(); one.increment(gone))
      if (one->is_regular_file(gone)) bytes += one->file_size(gone);
    return bytes;
  }

  scratch_directory folder_;
  fleet_fixture fleet_{"127.7.0.[1-8]"};
};

TEST_F(execo_copy, goes_to_all_hosts_and_comes_back) {
  file("a", "some text\n");
  outcome sent =
      run_program(command("put", {"-w", "127.7.0.[1-3]", path("a"), path("to-{{{index}}}")}));
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(sent.out, "");
  EXPECT_THAT(sent.err, AllOf(HasSubstr("execo: copied 30 B, 3 files, "),
                              HasSubstr("execo: 3 hosts: 3 ok, 0 failed; ")));
  EXPECT_EQ(contents("to-2"), "some text\n");
  outcome back = run_program(command("get", {"-w", "127.7.0.[1-3]", path("to-*"), path("back")}));
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(names("back"), ElementsAre("127.7.0.1", "127.7.0.2", "127.7.0.3"));
  EXPECT_THAT(names("back/127.7.0.3"), ElementsAre("to-0", "to-1", "to-2"));
}

TEST_F(execo_copy, names_the_path_and_the_cause_of_a_failure) {
  file("a", "x");
  outcome o = run_program(command("put", {"-w", "127.7.0.[1-3]", path("a"), path("no/such/")}));
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.err, AllOf(HasSubstr("3 hosts (127.7.0.[1-3]): transfer failed: "),
                           HasSubstr("/no/such: No such file or directory\n"),
                           HasSubstr("3 hosts: 0 ok, 3 failed (3 transfer_failed)")));
  outcome made =
      run_program(command("put", {"-w", "127.7.0.1", "--mkdir", path("a"), path("no/such/")}));
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(contents("no/such/a"), "x");
}

TEST_F(execo_copy, refuses_a_bad_command_line_in_one_line) {
  file("a", "x");
  for (const words& bad :
       {words{"-w", "127.7.0.1"}, words{"-w", "127.7.0.1", path("a")},
        words{"-w", "127.7.0.1", path("missing"), "x"}, words{path("a"), path("b")},
        words{"-w", "127.7.0.1", "--skip-unchanged", "size", path("a"), "b"}}) {
    outcome o = run_program(command("put", bad));
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_THAT(o.err, StartsWith("execo: "));
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  }
}

TEST_F(execo_copy, says_one_line_of_json_for_each_host) {
  file("a", "x");
  outcome o = run_program(command(
      "put", {"-w", "127.7.0.[1-2]", "--format", "ndjson", path("a"), path("b-{{{host}}}")}));
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 2) << o.out;
  EXPECT_THAT(o.out, AllOf(HasSubstr(R"("end":"exited","phase":"run","code":0)"),
                           HasSubstr(R"("out":"","err":"")")));
}

TEST_F(execo_copy, goes_batch_by_batch_on_request) {
  file("a", "x");
  fs::create_directories(path("d"));
  outcome o = run_program(command("put", {"-w", "127.7.0.[1-8]", "--canary", "1", "--batch", "50%",
                                          path("a"), path("d/{{{host}}}")}));
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("batch 3 of 3: 3 hosts, 0 failed; so far 8 hosts, 0 failed"));
  EXPECT_EQ(names("d").size(), 8U);
}

TEST_F(execo_copy, that_is_interrupted_leaves_nothing_half_written) {
  file("a", random_bytes(1).take(8 * mib));
  fs::create_directories(path("d"));
  program copy(
      command("put", {"-w", "127.7.0.[1-4]", "--max-rate", "1M", path("a"), path("d/{{{host}}}")}));
  ASSERT_TRUE(soon([&] { return bytes_in("d") > 100'000; }));
  copy.kill(SIGINT);
  outcome o = copy.finish();
  EXPECT_EQ(o.code, 130) << o.err;
  EXPECT_TRUE(soon([&] { return names("d").empty(); }));
  EXPECT_TRUE(fleet_.no_commands_left());
}

TEST_F(execo_copy, that_is_killed_leaves_nothing_half_written) {
  file("a", random_bytes(1).take(8 * mib));
  fs::create_directories(path("d"));
  program copy(
      command("put", {"-w", "127.7.0.[1-4]", "--max-rate", "1M", path("a"), path("d/{{{host}}}")}));
  ASSERT_TRUE(soon([&] { return bytes_in("d") > 100'000; }));
  copy.kill(SIGKILL);
  (void)copy.finish();
  EXPECT_TRUE(soon([&] { return names("d").empty(); }));
  EXPECT_TRUE(fleet_.no_commands_left());
}

TEST_F(execo_copy, that_is_killed_at_any_time_goes_on_where_it_was) {
  const std::string bytes = random_bytes(1).take(4 * mib);
  file("a", bytes);
  std::mt19937 random(3);
  for (int round = 0; round < long_count(100); ++round) {
    fs::remove_all(path("d"));
    fs::create_directories(path("d"));
    const words line = command("put", {"-w", "127.7.0.[1-4]", "--resume", "--max-rate", "8M",
                                       path("a"), path("d/{{{host}}}/b"), "--mkdir"});
    const std::uintmax_t enough = random() % (15 * mib);
    program copy(line);
    ASSERT_TRUE(soon([&] { return bytes_in("d") > enough || !copy.running(); }));
    copy.kill(SIGKILL);
    (void)copy.finish();
    ASSERT_TRUE(fleet_.no_commands_left());
    const std::uintmax_t before = bytes_in("d");
    put rest = put(path("a"), "127.7.0.[1-4]", path("d/{{{host}}}/b")).make_directories();
    rest.resume().skip_unchanged(unchanged::by_digest).ssh(way_to(fleet_));
    const action_result end = sync_wait(rest.run());
    ASSERT_TRUE(end.ok()) << end.describe();
    // All that the hosts had received they had written: not a byte of it is sent once more.
    EXPECT_EQ(rest.progress().bytes_skipped, before);
    EXPECT_EQ(rest.progress().bytes_moved, 4 * bytes.size() - before);
    for (int i = 1; i <= 4; ++i) {
      const std::string folder = "d/127.7.0." + std::to_string(i);
      ASSERT_EQ(contents(folder + "/b"), bytes);
      ASSERT_THAT(names(folder), ElementsAre("b"));
    }
  }
}

TEST_F(execo_copy, of_a_get_that_is_killed_at_any_time_goes_on_where_it_was) {
  const std::string bytes = random_bytes(1).take(4 * mib);
  file("a", bytes);
  std::mt19937 random(4);
  for (int round = 0; round < long_count(30); ++round) {
    fs::remove_all(path("d"));
    fs::create_directories(path("d"));
    const std::uintmax_t enough = random() % (15 * mib);
    program copy(command(
        "get", {"-w", "127.7.0.[1-4]", "--resume", "--max-rate", "8M", path("a"), path("d")}));
    ASSERT_TRUE(soon([&] { return bytes_in("d") > enough || !copy.running(); }));
    copy.kill(SIGKILL);
    (void)copy.finish();
    const std::uintmax_t before = bytes_in("d");
    outcome o = run_program(command("get", {"-w", "127.7.0.[1-4]", "--resume", "--skip-unchanged",
                                            "digest", "--fsync", path("a"), path("d")}));
    ASSERT_EQ(o.code, 0) << o.err;
    for (int i = 1; i <= 4; ++i) {
      const std::string folder = "d/127.7.0." + std::to_string(i);
      ASSERT_EQ(contents(folder + "/a"), bytes);
      ASSERT_THAT(names(folder), ElementsAre("a"));
    }
    if (before == 0) continue;
    EXPECT_THAT(o.err, HasSubstr(" were there")) << before;
  }
}

}  // namespace
}  // namespace execo::test
