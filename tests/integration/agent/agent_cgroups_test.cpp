// An agent in a cgroup that was delegated to its user: each command has one of its own there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "process/cgroup.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::index_ranges;

const index_ranges self(0);

// Has a session and an environment of its own, so that neither shows which command started it.
constexpr const char* stranger = "env -i setsid sh -c 'echo $$; exec sleep 1000' & ";

bool is_gone(pid_t process) { return ::kill(process, 0) != 0; }

class agent_in_a_delegated_cgroup : public testing::Test {
 protected:
  void SetUp() override {
    own_ = detail::cgroup_directory("");
    if (own_.empty()) GTEST_SKIP() << "no cgroup v2 here";
    const std::string made = own_ + "/execo-test-" + std::to_string(::getpid());
    if (::mkdir(made.c_str(), 0755) != 0) GTEST_SKIP() << "no cgroup may be made here";
    directory_ = made;
    if (::setxattr(directory_.c_str(), "user.delegate", "1", 1, 0) != 0 ||
        ::access((directory_ + "/cgroup.kill").c_str(), W_OK) != 0)
      GTEST_SKIP() << "the kernel does not know what is needed of cgroups";
    if (!enter(directory_)) GTEST_SKIP() << "no process may be moved to another cgroup here";
    tree_ = std::make_unique<tree_driver>();
    ASSERT_TRUE(enter(own_));
  }
  void TearDown() override {
    tree_.reset();
    // The kernel refuses it while there is a process or a cgroup in it.
    if (!directory_.empty()) {
      EXPECT_EQ(::rmdir(directory_.c_str()), 0) << directory_;
    }
  }

  static bool enter(const std::string& cgroup) {
    std::ofstream members(cgroup + "/cgroup.procs");
    return bool(members << "0" << std::flush);
  }
  /// The process that a command has printed. Waits for that.
  pid_t printed_by(std::uint32_t run) {
    EXPECT_TRUE(tree_->until([&] { return tree_->of(run, 0).out.ends_with('\n'); }));
    return std::stoi("0" + tree_->of(run, 0).out);
  }
  bool soon_gone(pid_t process) {
    return tree_->until([&] { return is_gone(process); });
  }

  std::string own_, directory_;
  std::unique_ptr<tree_driver> tree_;
};

TEST_F(agent_in_a_delegated_cgroup, ends_all_of_a_command_beside_another_that_goes_on) {
  tree_->send(tree_driver::text(1, self, std::string(stranger) + "sleep 1000"));
  tree_->send(tree_driver::text(2, self, std::string(stranger) + "sleep 1000"));
  const pid_t goes_on = printed_by(1), ends = printed_by(2);
  tree_->cancel(2, self);
  ASSERT_TRUE(tree_->until_ended(2, self));
  EXPECT_TRUE(soon_gone(ends));
  EXPECT_FALSE(is_gone(goes_on));
  EXPECT_FALSE(tree_->of(1, 0).end);
}

TEST_F(agent_in_a_delegated_cgroup, leaves_what_is_left_of_a_command_that_ends_by_itself) {
  tree_->send(tree_driver::text(1, self, std::string(stranger) + "sleep 0.1"));
  const pid_t stays = printed_by(1);
  ASSERT_TRUE(tree_->until_ended(1, self));
  tree_->send(tree_driver::text(2, self, "sleep 1000"));
  tree_->cancel(2, self);
  ASSERT_TRUE(tree_->until_ended(2, self));
  EXPECT_FALSE(is_gone(stays));
  tree_->say_goodbye();
  EXPECT_TRUE(tree_->until_gone());
  EXPECT_TRUE(is_gone(stays));
}

TEST_F(agent_in_a_delegated_cgroup, gives_what_is_left_of_a_stopped_command_its_grace) {
  detail::execute_message order =
      tree_driver::text(1, self,
                        "env -i setsid sh -c 'trap \"sleep 0.3; echo polite; exit\" TERM; echo $$; "
                        "while :; do sleep 0.05; done' & exec sleep 1000");
  order.kill_grace_ms = 20'000;
  tree_->send(order);
  const pid_t polite = printed_by(1);
  tree_->cancel(1, self);
  // The agent sends TERM to the process group of the command, which this process has left.
  ASSERT_EQ(::kill(polite, SIGTERM), 0);
  ASSERT_TRUE(tree_->until_ended(1, self));
  EXPECT_NE(tree_->of(1, 0).out.find("polite"), std::string::npos);
}

TEST_F(agent_in_a_delegated_cgroup, leaves_nothing_when_it_is_killed) {
  tree_->send(tree_driver::text(1, self, std::string(stranger) + "sleep 1000"));
  const pid_t left = printed_by(1);
  const std::string keeper = std::to_string(tree_->pid());
  std::ifstream children("/proc/" + keeper + "/task/" + keeper + "/children");
  pid_t agent = 0;
  ASSERT_TRUE(children >> agent);
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  EXPECT_TRUE(tree_->until_gone());
  EXPECT_TRUE(is_gone(left));
}

TEST_F(agent_in_a_delegated_cgroup, has_none_left_behind_by_ten_commands) {
  for (std::uint32_t run = 1; run <= 10; ++run) {
    tree_->send(tree_driver::text(run, self, "cat /proc/self/cgroup"));
    ASSERT_TRUE(tree_->until_ended(run, self));
    EXPECT_NE(tree_->of(run, 0).out.find("/execo-" + std::to_string(tree_->pid()) + "/" +
                                         std::to_string(run) + "\n"),
              std::string::npos)
        << tree_->of(run, 0).out;
  }
}

TEST(agent_in_another_cgroup, makes_none) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may write where nothing was delegated";
  tree_driver tree;
  tree.send(tree_driver::text(1, self, "cat /proc/self/cgroup"));
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).out.find("/execo-"), std::string::npos) << tree.of(1, 0).out;
}

}  // namespace
}  // namespace execo::test
