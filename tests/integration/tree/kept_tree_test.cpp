// Trees that actions leave standing for the next one of their context.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;

class tree_of_an_action : public testing::Test {
 public:
  tree_of_an_action() {
    static int count = 0;
    tag_ = "kept." + std::to_string(::getpid()) + "." + std::to_string(count++);
    (void)::setenv("EXECO_TEST_TREE", tag_.c_str(), 1);
    way_.connector = "local";
  }
  ~tree_of_an_action() override { (void)::unsetenv("EXECO_TEST_TREE"); }

  remote command_on(const std::string& hosts, const tree& shape) {
    return std::move(remote("echo $PPID", hosts).ssh(way_).via(shape));
  }
  /// The processes of the agents of `hosts`, as their commands see them.
  task<std::vector<std::string>> agents_of(std::string hosts, tree shape) {
    remote command = command_on(hosts, shape);
    return outputs_of(std::move(command));
  }
  static task<std::vector<std::string>> outputs_of(remote command) {
    action_result done = co_await command.run();
    std::vector<std::string> found;
    for (const host_result& one : done.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      found.push_back(one.out);
    }
    co_return found;
  }
  /// Of this test, keepers among them.
  std::size_t processes(const std::string& name = "execo-agent") const {
    std::size_t found = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      if (test::file_bytes(entry.path() / "comm") != name + "\n") continue;
      std::string around = test::file_bytes(entry.path() / "environ");
      if (around.find("EXECO_TEST_TREE=" + tag_ + '\0') != around.npos) ++found;
    }
    return found;
  }
  void expect_no_agents() const {
    auto end = std::chrono::steady_clock::now() + 30s;
    while (processes() != 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(5ms);
    EXPECT_EQ(processes(), 0U);
  }

  ssh_options way_;
  std::string tag_;
};

TEST_F(tree_of_an_action, serves_the_next_one_with_more_hosts_or_less) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n[1-9]", tree().arity(3));
    std::vector<std::string> again = co_await self.agents_of("n[1-9]", tree().arity(3));
    EXPECT_EQ(again, first);
    std::vector<std::string> more = co_await self.agents_of("n[8-12]", tree().arity(3));
    EXPECT_EQ(more.size(), 5U);
    EXPECT_EQ(more.at(0), first.at(7));
    EXPECT_EQ(more.at(1), first.at(8));
  }(*this));
  expect_no_agents();
}

TEST_F(tree_of_an_action, serves_several_at_the_same_time) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n[1-3]", tree());
    task<std::vector<std::string>> one = self.agents_of("n[1-3]", tree());
    task<std::vector<std::string>> other = self.agents_of("n[1-3]", tree());
    auto both = co_await when_all(std::move(one), std::move(other));
    EXPECT_EQ(std::get<0>(both), first);
    EXPECT_EQ(std::get<1>(both), first);
  }(*this));
}

TEST_F(tree_of_an_action, serves_those_of_every_ring_of_its_context) {
  context at{rings(3)};
  sync_wait(at, [](context& where, tree_of_an_action& self) -> task<> {
    std::vector<std::string> first;
    for (unsigned ring : {1U, 0U, 2U, 1U}) {
      remote command = self.command_on("n[1-5]", tree());
      command.on(where.ring(ring));
      std::vector<std::string> found = co_await outputs_of(std::move(command));
      if (first.empty()) first = found;
      EXPECT_EQ(found, first) << ring;
    }
  }(at, *this));
  expect_no_agents();
}

TEST_F(tree_of_an_action, serves_copies) {
  test::temp_folder folder;
  const std::string from = folder.write("from", "content");
  sync_wait([](tree_of_an_action& self, test::temp_folder& at, std::string file) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n[1-3]", tree());
    put there(file, "n[1-3]", at / "to.{{{host}}}");
    there.ssh(self.way_).via(tree());
    action_result done = co_await there.run();
    EXPECT_TRUE(done.ok()) << done.describe();
    EXPECT_EQ(self.processes(), 6U);
    std::vector<std::string> again = co_await self.agents_of("n[1-3]", tree());
    EXPECT_EQ(again, first);
  }(*this, folder, from));
  EXPECT_EQ(folder.read("to.n3"), "content");
}

TEST_F(tree_of_an_action, is_of_one_shape_and_one_way) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n1", tree().arity(3));
    std::vector<std::string> other = co_await self.agents_of("n1", tree().arity(4));
    EXPECT_NE(other, first);
    self.way_.limits.establish = 77s;
    std::vector<std::string> late = co_await self.agents_of("n1", tree().arity(3));
    EXPECT_NE(late, first);
  }(*this));
}

TEST_F(tree_of_an_action, is_of_one_shape_by_hand_however_often_that_is_written_down) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    auto by = [](const char* gateway) { return tree().gateway(host_set(gateway)); };
    std::vector<std::string> first = co_await self.agents_of("n1", by("gw1"));
    std::vector<std::string> again = co_await self.agents_of("n1", by("gw1"));
    EXPECT_EQ(again, first);
    std::vector<std::string> other = co_await self.agents_of("n1", by("gw2"));
    EXPECT_NE(other, first);
  }(*this));
}

TEST_F(tree_of_an_action, is_not_used_where_variables_directory_or_umask_have_changed) {
  const std::string before = std::filesystem::current_path();
  sync_wait([](tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n1", tree());
    (void)::setenv("EXECO_TEST_MORE", "1", 1);
    std::vector<std::string> other = co_await self.agents_of("n1", tree());
    (void)::unsetenv("EXECO_TEST_MORE");
    EXPECT_NE(other, first);
    std::filesystem::current_path("/");
    std::vector<std::string> elsewhere = co_await self.agents_of("n1", tree());
    EXPECT_NE(elsewhere, first);
  }(*this));
  std::filesystem::current_path(before);
  sync_wait([](tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n1", tree());
    const mode_t mask = ::umask(0127);
    std::vector<std::string> masked = co_await self.agents_of("n1", tree());
    (void)::umask(mask);
    EXPECT_NE(masked, first);
    std::vector<std::string> again = co_await self.agents_of("n1", tree());
    EXPECT_EQ(again, first);
  }(*this));
}

TEST_F(tree_of_an_action, ends_with_it_if_that_is_asked_for) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n[1-3]", tree().idle_close(0s));
    while (self.processes() != 0) co_await sleep(5ms);
    self.way_.reuse = false;
    std::vector<std::string> again = co_await self.agents_of("n[1-3]", tree());
    EXPECT_NE(again, first);
    while (self.processes() != 0) co_await sleep(5ms);
  }(*this));
}

TEST_F(tree_of_an_action, ends_when_none_has_used_it_for_a_while) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    (void)co_await self.agents_of("n[1-3]", tree().idle_close(10ms));
    while (self.processes() != 0) co_await sleep(5ms);
    std::vector<std::string> again = co_await self.agents_of("n[1-3]", tree().idle_close(10ms));
    EXPECT_EQ(again.size(), 3U);
  }(*this));
}

TEST_F(tree_of_an_action, ends_with_it_where_hosts_are_still_to_be_reached) {
  way_.connector = "sh -c 'exec sleep 1000' %h";
  sync_wait([](tree_of_an_action& self) -> task<> {
    remote command = self.command_on("n[1-3]", tree());
    command.total_timeout(100ms);
    action_result done = co_await command.run();
    EXPECT_EQ(done.hosts(end_reason::timed_out).size(), 3U) << done.describe();
    while (self.processes("sleep") != 0) co_await sleep(5ms);
  }(*this));
}

TEST_F(tree_of_an_action, ends_with_its_context) {
  {
    context at;
    (void)sync_wait(at, agents_of("n[1-9]", tree().arity(3)));
  }
  expect_no_agents();
}

TEST_F(tree_of_an_action, ends_with_its_program_however_that_ends) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    sync_wait([](tree_of_an_action& self, int told) -> task<> {
      (void)co_await self.agents_of("n[1-9]", tree().arity(3));
      (void)!::write(told, "1", 1);
      co_await sleep(1000s);
    }(*this, ends[1]));
    ::_exit(0);
  }
  (void)::close(ends[1]);
  char told = 0;
  EXPECT_EQ(::read(ends[0], &told, 1), 1);
  EXPECT_NE(processes(), 0U);
  (void)::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  (void)::close(ends[0]);
  expect_no_agents();
}

TEST_F(tree_of_an_action, has_another_agent_where_one_has_died_meanwhile) {
  context at;
  sync_wait(at, [](context& where, tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n[1-3]", tree());
    (void)::kill(std::stoi(first.at(1)), SIGKILL);
    while (where.dump().find("3 hosts, 2 up") == std::string::npos) co_await sleep(5ms);
    std::vector<std::string> again = co_await self.agents_of("n[1-3]", tree());
    EXPECT_EQ(again.at(0), first.at(0));
    EXPECT_NE(again.at(1), first.at(1));
    EXPECT_EQ(again.at(2), first.at(2));
  }(at, *this));
}

TEST_F(tree_of_an_action, gives_way_where_idle_connections_do) {
  context at;
  sync_wait(at, [](context& where, tree_of_an_action& self) -> task<> {
    std::vector<std::string> first = co_await self.agents_of("n[1-3]", tree());
    remote other("sleep 1000", "n1");
    other.ssh(self.way_).via(tree().arity(5));
    other.start();
    while (self.processes("sleep") == 0) co_await sleep(5ms);
    close_idle_connections(where);
    // That one is in use.
    while (self.processes() > 2) co_await sleep(5ms);
    EXPECT_EQ(self.processes("sleep"), 1U);
    other.kill();
    (void)co_await other.wait();
    std::vector<std::string> again = co_await self.agents_of("n[1-3]", tree());
    EXPECT_NE(again, first);
  }(at, *this));
}

TEST_F(tree_of_an_action, is_one_of_few) {
  sync_wait([](tree_of_an_action& self) -> task<> {
    for (std::size_t arity = 1; arity <= 10; ++arity)
      (void)co_await self.agents_of("n1", tree().arity(arity));
    // An agent and its keeper each.
    while (self.processes() > 16) co_await sleep(5ms);
    EXPECT_EQ(self.processes(), 16U);
  }(*this));
}

TEST(a_tree, stands_for_no_negative_time) {
  EXPECT_THROW((void)tree().idle_close(-1s), std::invalid_argument);
}

}  // namespace
}  // namespace execo
