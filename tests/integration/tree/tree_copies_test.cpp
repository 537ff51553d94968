// Copies to and from hosts that reach each other, here by a shell in place of ssh. All hosts are
// this machine: each has a directory of its own, by a reference in the path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/hex.hpp"
#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "transfer_fixture.hpp"
#include "wire/blake2b.hpp"
#include "wire/file_messages.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class tree_copies : public testing::Test, protected test::copied_files {
 protected:
  tree_copies() { way_.connector = "local"; }

  put sent(std::vector<std::string> sources, const std::string& hosts, tree shape) const {
    put made(std::move(sources), hosts, path("at/{{{host}}}/"));
    made.ssh(way_).via(shape).make_directories().timeout(120s);
    return made;
  }
  enum class files : std::uint8_t { all, without_name };
  /// The first agent found that has such a file open in the directory of a host; empty: none has.
  std::vector<pid_t> first_holder(files which) const {
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      if (test::file_bytes(entry.path() / "comm") != "execo-agent\n") continue;
      for (fs::directory_iterator one(entry.path() / "fd", gone); !gone && one != end(one);
           one.increment(gone)) {
        const std::string file = fs::read_symlink(one->path(), gone).string();
        const bool counts = which == files::all || file.ends_with(" (deleted)");
        if (!gone && counts && file.starts_with(path("at/"))) return {pid};
      }
    }
    return {};
  }
  std::vector<pid_t> writers() const { return first_holder(files::without_name); }
  static void expect_all_good(const action_result& all, std::size_t count) {
    ASSERT_EQ(all.all().size(), count);
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_EQ(one.transport(), transport_kind::tree) << one.describe();
    }
  }

  /// Each has come through the agents, and not alone.
  static void expect_given_on(const action_result& all) {
    for (const host_result& one : all.all()) EXPECT_EQ(one.transport_why(), "") << one.describe();
  }

  ssh_options way_;
};

TEST_F(tree_copies, put_a_file_on_each_host_and_nothing_else) {
  const std::string bytes = test::bytes_of(1, 300 * test::kib);
  const std::string source = file("app", bytes);
  ASSERT_EQ(::chmod(source.c_str(), 0750), 0);
  auto all = sync_wait(sent({source}, "n[1-50]", tree().arity(4)).preserve().run());
  expect_all_good(all, 50);
  expect_given_on(all);
  for (const std::string& host : names("at")) {
    EXPECT_EQ(names("at/" + host), std::vector<std::string>{"app"});
    EXPECT_TRUE(test::file_bytes(path("at/" + host + "/app")) == bytes) << host;
    struct stat now {};
    ASSERT_EQ(::stat(path("at/" + host + "/app").c_str(), &now), 0);
    EXPECT_EQ(now.st_mode & 07777U, 0750U);
  }
  EXPECT_EQ(names("at").size(), 50U);
}

TEST_F(tree_copies, put_a_directory_and_get_it_back) {
  make_tree();
  auto all = sync_wait(sent({path("tree")}, "n[1-6]", tree().arity(2)).run());
  expect_all_good(all, 6);
  expect_given_on(all);
  for (const std::string& host : names("at")) EXPECT_TRUE(is_same("tree", "at/" + host + "/tree"));
  get back(path("at/{{{host}}}/tree"), "n[1-6]", path("back"));
  back.ssh(way_).via(tree().arity(2));
  expect_all_good(sync_wait(back.run()), 6);
  for (const std::string& host : names("at"))
    EXPECT_TRUE(is_same("tree", "back/" + host + "/tree"));
}

TEST_F(tree_copies, put_several_sources_into_a_directory) {
  make_tree();
  file("app", "app");
  auto all = sync_wait(sent({path("tree"), path("app")}, "n[1-6]", tree().arity(2)).run());
  expect_all_good(all, 6);
  expect_given_on(all);
  for (const std::string& host : names("at")) {
    EXPECT_EQ(names("at/" + host), (std::vector<std::string>{"app", "tree"}));
    EXPECT_TRUE(is_same("tree", "at/" + host + "/tree"));
  }
}

TEST_F(tree_copies, reach_the_end_of_a_chain) {
  const std::string bytes = test::bytes_of(2, 2000 * test::kib);
  auto all = sync_wait(sent({file("app", bytes)}, "n[1-20]", tree().chain()).run());
  expect_all_good(all, 20);
  expect_given_on(all);
  for (const std::string& host : names("at"))
    EXPECT_TRUE(test::file_bytes(path("at/" + host + "/app")) == bytes) << host;
}

// 7 hosts are few enough for the root to reach them all, were the file small.
TEST_F(tree_copies, of_a_large_file_are_sent_by_each_host_to_few_others) {
  const std::string bytes = test::bytes_of(7, 10'000 * test::kib);
  auto all = sync_wait(sent({file("app", bytes)}, "n[1-7]", tree()).run());
  expect_all_good(all, 7);
  std::map<std::string, int> children;
  for (const host_result& one : all.all()) ++children[one.error_context()];
  EXPECT_GT(children.size(), 1U);
  for (const auto& [way, count] : children) EXPECT_LE(count, 3) << way;
}

// A tree ends with the sync_wait on its loop: all uses of it are in one.
template <class First>
task<tree_stats> used_by(const tree_network& net, First first) {
  co_await std::move(first);
  co_return co_await net.close();
}

TEST_F(tree_copies, by_a_tree_that_stands_are_by_its_agents) {
  make_tree();
  context here;
  const tree_network net("n[1-6]", tree().arity(2), way_);
  auto both = [](auto& t, const tree_network& by) -> task<> {
    put made = t.sent({t.path("tree")}, "n[1-6]", tree());
    made.via(by);
    action_result sent = co_await made.run();
    expect_all_good(sent, 6);
    expect_given_on(sent);
    for (int i = 0; i < 2000 && !t.first_holder(files::all).empty(); ++i) co_await sleep(10ms);
    EXPECT_TRUE(t.first_holder(files::all).empty());
    get back(t.path("at/{{{host}}}/tree"), "n[1-6]", t.path("back"));
    back.via(by);
    action_result got = co_await back.run();
    expect_all_good(got, 6);
  };
  const tree_stats cost = sync_wait(here, used_by(net, both(*this, net)));
  for (const std::string& host : names("at")) {
    EXPECT_TRUE(is_same("tree", "at/" + host + "/tree"));
    EXPECT_TRUE(is_same("tree", "back/" + host + "/tree"));
  }
  EXPECT_EQ(cost.agents, 6U);
  EXPECT_EQ(cost.arity, 2U);
}

TEST_F(tree_copies, shape_a_tree_that_has_not_begun) {
  context here;
  const tree_network net(std::vector<host>(), tree(), way_);
  put made = sent({file("app", test::bytes_of(7, 10'000 * test::kib))}, "n[1-7]", tree());
  made.via(net);
  EXPECT_LE(sync_wait(here, used_by(net, std::move(made))).arity, 3U);
  EXPECT_EQ(names("at").size(), 7U);
}

TEST_F(tree_copies, leave_the_shape_of_a_tree_that_stands) {
  context here;
  const tree_network net("n[1-7]", tree(), way_);
  put made = sent({file("app", test::bytes_of(7, 10'000 * test::kib))}, "n[1-7]", tree());
  made.via(net);
  auto deployed = [](const tree_network& by, put copy) -> task<> {
    (void)co_await by.deploy();
    co_await copy;
  };
  EXPECT_GT(sync_wait(here, used_by(net, deployed(net, std::move(made)))).arity, 3U);
  EXPECT_EQ(names("at").size(), 7U);
}

TEST_F(tree_copies, by_a_tree_that_was_closed_are_refused) {
  context here;
  const tree_network net("n[1-3]", tree(), way_);
  auto closed = [](const tree_network& by, put copy) -> task<> {
    (void)co_await by.close();
    co_await copy;
  };
  put made = sent({file("app", "a")}, "n[1-3]", tree());
  made.via(net);
  EXPECT_THROW(sync_wait(here, closed(net, std::move(made))), std::logic_error);
}

TEST_F(tree_copies, of_an_empty_file_are_empty_files) {
  expect_all_good(sync_wait(sent({file("app", "")}, "n[1-5]", tree().arity(1)).run()), 5);
  for (const std::string& host : names("at"))
    EXPECT_EQ(fs::file_size(path("at/" + host + "/app")), 0U) << host;
}

// The hosts behind it are reached through others, and so is the host itself.
TEST_F(tree_copies, go_on_when_an_agent_is_killed_that_has_half_of_the_file) {
  const std::string bytes = test::bytes_of(4, 24'000 * test::kib);
  put made = sent({file("app", bytes)}, "n[1-8]", tree().chain());
  std::atomic<bool> is_over = false;
  std::atomic<int> killed = 0;
  std::thread killer([&] {
    while (!is_over && killed == 0)
      for (pid_t one : writers()) killed += ::kill(one, SIGKILL) == 0 ? 1 : 0;
  });
  action_result all = sync_wait(made.run());
  is_over = true;
  killer.join();
  if (killed == 0) GTEST_SKIP() << "the copy was over before an agent could be killed";
  expect_all_good(all, 8);
  for (const std::string& host : names("at")) {
    EXPECT_EQ(names("at/" + host), std::vector<std::string>{"app"});
    EXPECT_TRUE(test::file_bytes(path("at/" + host + "/app")) == bytes) << host;
  }
}

TEST_F(tree_copies, do_not_send_what_is_there) {
  const std::string source = file("app", test::bytes_of(3, 100 * test::kib));
  expect_all_good(sync_wait(sent({source}, "n[1-3]", tree()).run()), 3);
  action again = sent({source}, "n[1-3]", tree()).skip_unchanged(unchanged::by_digest);
  expect_all_good(sync_wait(again.run()), 3);
  EXPECT_EQ(static_cast<put&>(again).progress().bytes_skipped, 3 * 100 * test::kib);
}

// One host has the beginning of something else.
TEST_F(tree_copies, go_on_with_what_is_there_of_an_earlier_one) {
  constexpr std::size_t there = 5 * detail::file_part_limit;
  const std::string bytes = test::bytes_of(8, 1'000 * test::kib);
  for (const char* host : {"n1", "n2", "n3", "n4"}) {
    const std::string folder = "at/" + std::string(host) + "/";
    const std::string kept = ".execo-" + detail::hex_of(detail::blake2b128(path(folder + "app")));
    file(folder + kept,
         host == std::string("n3") ? test::bytes_of(9, there) : bytes.substr(0, there));
  }
  action again = sent({file("app", bytes)}, "n[1-5]", tree().arity(2)).resume();
  auto all = sync_wait(again.run());
  expect_all_good(all, 5);
  expect_given_on(all);
  for (const std::string& host : names("at")) {
    EXPECT_EQ(names("at/" + host), std::vector<std::string>{"app"});
    EXPECT_TRUE(test::file_bytes(path("at/" + host + "/app")) == bytes) << host;
  }
  const copy_progress moved = static_cast<put&>(again).progress();
  EXPECT_EQ(moved.bytes_skipped, 3 * there);
  EXPECT_EQ(moved.bytes_moved, 5 * bytes.size() - 3 * there);
  EXPECT_EQ(moved.files, 5U);
}

TEST_F(tree_copies, refuse_sftp) {
  put made = sent({file("app", "a")}, "n[1-3]", tree());
  made.sftp();
  EXPECT_THROW((void)sync_wait(made.run()), std::invalid_argument);
  const tree_network net("n[1-3]", tree(), way_);
  put by_net = sent({file("app", "a")}, "n[1-3]", tree());
  by_net.via(net).sftp();
  EXPECT_THROW((void)sync_wait(by_net.run()), std::invalid_argument);
}

TEST_F(tree_copies, say_which_host_has_no_such_directory) {
  put made(file("app", "a"), "n[1-3]", path("none/app"));
  made.ssh(way_).via(tree());
  auto all = sync_wait(made.run());
  for (const host_result& one : all.all())
    test::expect_failure(one, std::errc::no_such_file_or_directory, path("none"));
}

}  // namespace
}  // namespace execo
