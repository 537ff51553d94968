// Copies from hosts that reach each other, here by a shell in place of ssh. What is equal on
// several of them comes once.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "program.hpp"
#include "transfer_fixture.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class tree_gets : public testing::Test, protected test::copied_files {
 protected:
  tree_gets() {
    way_.connector = "local";
    const char* search = std::getenv("PATH");
    path_before_ = search != nullptr ? search : "/usr/bin:/bin";
  }
  ~tree_gets() override { ::setenv("PATH", path_before_.c_str(), 1); }

  get all_of(const std::string& source, const std::string& hosts, const std::string& to,
             tree shape = tree().arity(8)) const {
    get made(source, hosts, to);
    made.ssh(way_).via(shape).timeout(120s);
    return made;
  }
  /// What hosts find under that name in place of the program, which the text finds as before.
  void replace(const std::string& program, const std::string& text) {
    fs::permissions(file("bin/" + program, "#!/bin/sh\nPATH='" + path_before_ + "'\n" + text),
                    fs::perms(0755));
    ::setenv("PATH", (path("bin") + ":" + path_before_).c_str(), 1);
  }
  std::string digest_of(const std::string& name) const {
    return test::run_program({"sha256sum", path(name)}).out.substr(0, 64);
  }
  /// Names, kinds, modes and times.
  std::string listed(const std::string& of) const {
    test::outcome found =
        test::run_program({"/bin/sh", "-c",
                           "cd \"$1\" && find . -mindepth 1 \\( -type l -printf '%P %l\\n' \\) -o "
                           "-printf '%P %y %m %T@\\n' | LC_ALL=C sort",
                           "sh", path(of)});
    EXPECT_EQ(found.code, 0) << found.err;
    return found.out;
  }
  void expect_each_has(const std::string& bytes, const std::string& at, std::size_t count) const {
    ASSERT_EQ(names(at).size(), count);
    for (const std::string& host : names(at)) {
      const std::string found = path(at + "/" + host + "/app");
      EXPECT_TRUE(test::file_bytes(found) == bytes) << host;
      struct stat about {};
      ASSERT_EQ(::stat(found.c_str(), &about), 0);
      EXPECT_EQ(about.st_nlink, 1U) << "each has a file of its own";
    }
  }

  ssh_options way_;
  std::string path_before_;
};

TEST_F(tree_gets, of_a_file_that_is_equal_on_all_hosts_bring_it_once) {
  const std::string bytes = test::bytes_of(1, 1'000'000);
  get copy = all_of(file("app", bytes), "n[1-100]", path("to"));
  const action_result all = sync_wait(copy.run());
  EXPECT_TRUE(all.ok()) << all.describe();
  expect_each_has(bytes, "to", 100);
  const copy_progress done = copy.progress();
  EXPECT_GE(done.bytes_moved, bytes.size());
  EXPECT_LE(done.bytes_moved, 3 * bytes.size()) << "others are asked where one is very slow";
  EXPECT_EQ(done.bytes_moved + done.bytes_skipped, done.bytes);
  EXPECT_EQ(done.bytes, 100 * bytes.size());
  EXPECT_EQ(done.files, 100U);
}

TEST_F(tree_gets, of_a_small_file_bring_it_from_each_host_without_a_question) {
  const std::string bytes = test::bytes_of(2, 64 * test::kib);
  get copy = all_of(file("app", bytes), "n[1-10]", path("to"));
  EXPECT_TRUE(sync_wait(copy.run()).ok());
  expect_each_has(bytes, "to", 10);
  EXPECT_EQ(copy.progress().bytes_moved, 10 * bytes.size());
}

TEST_F(tree_gets, of_files_that_differ_bring_each) {
  for (int i = 1; i <= 70; ++i)
    file("at/n" + std::to_string(i) + "/app",
         test::bytes_of(static_cast<std::uint64_t>(i), 70 * test::kib));
  get copy = all_of(path("at/{{{host}}}/app"), "n[1-70]", path("to"));
  EXPECT_TRUE(sync_wait(copy.run()).ok());
  EXPECT_TRUE(is_same("at", "to"));
  EXPECT_EQ(copy.progress().bytes_skipped, 0U);
}

// The size is known before a byte of it comes.
TEST_F(tree_gets, bring_nothing_of_a_host_that_has_more_than_it_may) {
  for (const char* host : {"n1", "n2", "n3"})
    file("at/" + std::string(host) + "/app",
         test::bytes_of(5, (host == std::string("n2") ? 300 : 100) * test::kib));
  get copy = all_of(path("at/{{{host}}}/app"), "n[1-3]", path("to"));
  copy.max_size(0, 200 * test::kib);
  const action_result all = sync_wait(copy.run());
  ASSERT_EQ(all.failed().size(), 1U) << all.describe();
  EXPECT_EQ(all.failed().front()->host.name(), "n2");
  test::expect_failure(*all.failed().front(), std::errc::file_too_large, "/n2/app");
  EXPECT_EQ(names("to/n2"), std::vector<std::string>());
  EXPECT_TRUE(is_same("at/n1", "to/n1"));
  EXPECT_LE(copy.progress().bytes_moved, 200 * test::kib);
}

TEST_F(tree_gets, bring_no_more_of_all_hosts_together_than_they_may) {
  const std::string bytes = test::bytes_of(6, 100 * test::kib);
  get copy = all_of(file("app", bytes), "n[1-5]", path("to"));
  copy.max_size(250 * test::kib);
  const action_result all = sync_wait(copy.run());
  EXPECT_EQ(all.failed().size(), 3U) << all.describe();
  for (const host_result* bad : all.failed()) {
    test::expect_failure(*bad, std::errc::file_too_large, "of all hosts together");
    fs::remove(path("to/" + bad->host.name()));
  }
  expect_each_has(bytes, "to", 2);
}

TEST_F(tree_gets, at_a_pace_ask_about_small_files_too) {
  const std::string bytes = test::bytes_of(3, 10 * test::kib);
  get copy = all_of(file("app", bytes), "n[1-10]", path("to"));
  copy.max_rate(100'000'000);
  EXPECT_TRUE(sync_wait(copy.run()).ok());
  expect_each_has(bytes, "to", 10);
  EXPECT_LE(copy.progress().bytes_moved, 5 * bytes.size());
}

TEST_F(tree_gets, give_what_those_without_a_tree_give) {
  make_tree();
  file("tree/large", test::bytes_of(4, 200 * test::kib));
  file("tree/more", test::bytes_of(4, 200 * test::kib));
  for (const std::string& source : {path("tree"), path("tree/large"), path("tree/[lm]*")}) {
    get straight(source, "n[1-5]", path("flat"));
    straight.ssh(way_).preserve();
    EXPECT_TRUE(sync_wait(straight.run()).ok());
    EXPECT_TRUE(sync_wait(all_of(source, "n[1-5]", path("deep")).preserve().run()).ok());
    EXPECT_TRUE(is_same("flat", "deep"));
    EXPECT_EQ(listed("flat/n3"), listed("deep/n3"));
  }
}

TEST_F(tree_gets, that_can_be_resumed_ask_for_each_file_in_turn) {
  make_tree();
  file("tree/large", test::bytes_of(4, 200 * test::kib));
  get copy = all_of(path("tree"), "n[1-5]", path("to"));
  copy.resume();
  const action_result all = sync_wait(copy.run());
  EXPECT_TRUE(all.ok()) << all.describe();
  ASSERT_EQ(names("to").size(), 5U);
  for (const std::string& host : names("to")) {
    EXPECT_EQ(names("to/" + host), std::vector<std::string>{"tree"});
    EXPECT_TRUE(is_same("tree", "to/" + host + "/tree"));
  }
}

TEST_F(tree_gets, of_directories_bring_equal_files_once_where_hosts_have_no_tar) {
  file("dir/one", test::bytes_of(5, 100 * test::kib));
  file("dir/sub/two", test::bytes_of(6, 100 * test::kib));
  fs::create_directories(path("bin"));
  for (const char* program : {"sh", "cat", "od", "tr", "wc", "stat", "sha256sum"}) {
    const std::string place =
        test::run_program({"/bin/sh", "-c", "command -v " + std::string(program)}).out;
    fs::create_symlink(place.substr(0, place.find('\n')), path("bin/" + std::string(program)));
  }
  ::setenv("PATH", path("bin").c_str(), 1);
  get copy = all_of(path("dir"), "n[1-6]", path("to"));
  const action_result all = sync_wait(copy.run());
  ::setenv("PATH", path_before_.c_str(), 1);
  EXPECT_TRUE(all.ok()) << all.describe();
  for (const std::string& host : names("to")) EXPECT_TRUE(is_same("dir", "to/" + host + "/dir"));
  EXPECT_LE(copy.progress().bytes_moved, 3 * 200 * test::kib);
}

TEST_F(tree_gets, leave_out_what_is_unchanged_and_bring_the_rest_once) {
  const std::string bytes = test::bytes_of(7, 300 * test::kib);
  const std::string source = file("app", bytes);
  file("to/n1/app", bytes);
  file("to/n2/app", test::bytes_of(8, 300 * test::kib));
  get copy = all_of(source, "n[1-4]", path("to"));
  copy.skip_unchanged(unchanged::by_digest);
  EXPECT_TRUE(sync_wait(copy.run()).ok());
  expect_each_has(bytes, "to", 4);
  EXPECT_LE(copy.progress().bytes_moved, 3 * bytes.size());
  EXPECT_EQ(copy.progress().files, 3U);
}

// All but the liar say what they have once the liar is asked for it.
TEST_F(tree_gets, of_a_host_that_lies_about_its_digest_fail_for_it_alone) {
  const std::string good = test::bytes_of(9, 300 * test::kib);
  for (const char* host : {"n2", "n3", "n4"}) file("at/" + std::string(host) + "/app", good);
  file("at/n1/app", test::bytes_of(10, 300 * test::kib));
  const std::string truth = digest_of("at/n1/app"), lie = digest_of("at/n2/app");
  replace("sha256sum", "[ $EXECO_HOST = n1 ] || while ! [ -e " + path("asked") +
                           " ]; do sleep 0.02; done\nsha256sum \"$@\" | sed s/" + truth + "/" +
                           lie + "/\n");
  replace("cat", ": >" + path("asked") + "\nexec cat \"$@\"\n");
  get copy = all_of(path("at/{{{host}}}/app"), "n[1-4]", path("to"));
  const action_result all = sync_wait(copy.run());
  ASSERT_EQ(all.failed().size(), 1U) << all.describe();
  const host_result& bad = *all.failed().front();
  EXPECT_EQ(bad.host.name(), "n1");
  EXPECT_EQ(bad.how(), end_reason::transfer_failed) << bad.describe();
  EXPECT_EQ(bad.reason(), failure_reason::source_changed) << bad.describe();
  EXPECT_EQ(names("to/n1"), std::vector<std::string>());
  fs::remove(path("to/n1"));
  expect_each_has(good, "to", 3);
  EXPECT_LE(copy.progress().bytes_moved, 3 * good.size());
}

TEST_F(tree_gets, go_on_with_another_host_when_the_one_that_sends_is_lost) {
  const std::string bytes = test::bytes_of(11, 500 * test::kib);
  const std::string source = file("app", bytes);
  replace("sha256sum", "[ $EXECO_HOST = n1 ] || while ! [ -e " + path("asked") +
                           " ]; do sleep 0.02; done\nexec sha256sum \"$@\"\n");
  // The script runs below the agent.
  replace("cat", "if [ $EXECO_HOST = n1 ]; then\n  : >" + path("asked") +
                     "\n  head -c 100000 <\"$2\"\n  at=$PPID\n"
                     "  while read -r a name b up c </proc/$at/stat &&"
                     " [ \"$name\" != '(execo-agent)' ]; do at=$up; done\n"
                     "  kill -9 $at\n  exit 1\nfi\nexec cat \"$@\"\n");
  get copy = all_of(source, "n[1-4]", path("to"), tree().depth(1));
  const action_result all = sync_wait(copy.run());
  ASSERT_EQ(all.failed().size(), 1U) << all.describe();
  EXPECT_EQ(all.failed().front()->host.name(), "n1");
  EXPECT_EQ(all.failed().front()->how(), end_reason::connection_lost) << all.describe();
  EXPECT_EQ(names("to/n1"), std::vector<std::string>());
  fs::remove(path("to/n1"));
  expect_each_has(bytes, "to", 3);
}

}  // namespace
}  // namespace execo
