// What names of hosts, names of files and arguments may hold, through the hosts of a tree: they
// arrive as data, at any depth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "hostile_words.hpp"
#include "transfer_fixture.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class hostile_words_in_a_tree : public testing::Test, protected test::copied_files {
 protected:
  hostile_words_in_a_tree() {
    way_.connector = "local";
    fs::create_directory(path("here"));
    before_ = fs::current_path();
    // Where a word that is read by a shell would leave its mark.
    fs::current_path(path("here"));
  }
  ~hostile_words_in_a_tree() override {
    EXPECT_EQ(names("here"), std::vector<std::string>{});
    fs::current_path(before_);
  }
  static std::vector<host> hostile_hosts() {
    std::vector<host> hosts;
    for (const std::string& name : test::hostile_host_names()) hosts.emplace_back(name);
    return hosts;
  }

  ssh_options way_;
  fs::path before_;
};

TEST_F(hostile_words_in_a_tree, arrive_as_arguments) {
  std::vector<std::string> words{"printf", "<%s>"};
  std::string expected;
  for (const std::string& one : test::hostile_arguments()) {
    words.push_back(one);
    expected += "<" + one + ">";
  }
  action_result all =
      sync_wait(remote(command(words), "n[1-4]").ssh(way_).via(tree().arity(1)).timeout(60s).run());
  for (const host_result& one : all.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_EQ(one.out, expected);
  }
}

TEST_F(hostile_words_in_a_tree, are_names_of_hosts) {
  remote running("printf %s \"$EXECO_HOST\"", hostile_hosts());
  action_result all = sync_wait(running.ssh(way_).via(tree().arity(2)).timeout(60s).run());
  ASSERT_EQ(all.all().size(), test::hostile_host_names().size());
  for (const host_result& one : all.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_EQ(one.out, one.host.name());
  }
}

TEST_F(hostile_words_in_a_tree, are_names_of_files_that_are_put_and_got) {
  std::vector<std::string> sources;
  for (const std::string& name : test::hostile_file_names())
    sources.push_back(file("from/" + name, "in " + name));
  put there({path("from")}, "n[1-3]", path("at/{{{host}}}/"));
  there.ssh(way_).via(tree().arity(1)).make_directories().timeout(60s);
  action_result sent = sync_wait(there.run());
  for (const host_result& one : sent.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_EQ(one.transport_why(), "") << one.describe();
    EXPECT_TRUE(is_same("from", "at/" + one.host.name() + "/from"));
  }
  get back(path("at/{{{host}}}/from"), "n[1-3]", path("back"));
  back.ssh(way_).via(tree().arity(1)).timeout(60s);
  action_result got = sync_wait(back.run());
  for (const host_result& one : got.all()) {
    EXPECT_TRUE(one.ok()) << one.describe();
    EXPECT_TRUE(is_same("from", "back/" + one.host.name() + "/from"));
  }
}

// Names that are no name of a file here are changed, and none leads out of the folder.
TEST_F(hostile_words_in_a_tree, as_names_of_hosts_are_names_of_folders_here) {
  file("from/app", "bytes\n");
  get back(path("from/app"), hostile_hosts(), path("back"));
  back.ssh(way_).via(tree().arity(2)).timeout(60s);
  action_result got = sync_wait(back.run());
  for (const host_result& one : got.all()) EXPECT_TRUE(one.ok()) << one.describe();
  const std::vector<std::string> folders = names("back");
  EXPECT_EQ(folders.size(), test::hostile_host_names().size());
  for (const std::string& one : folders)
    EXPECT_EQ(names("back/" + one), std::vector<std::string>{"app"});
  EXPECT_EQ(names("."), (std::vector<std::string>{"back", "from", "here"}));
}

}  // namespace
}  // namespace execo
