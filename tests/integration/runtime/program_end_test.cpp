// The commands of a program end with it, however it ends.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "program.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

// Of the modes mortal, handing-over and daemon.
constexpr std::size_t most_commands = 17;

class program_end : public on_each_backend {
 protected:
  // What it leaves comes to us, and is reaped here.
  program_end() { EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0); }
  ~program_end() override {
    end_children();
    EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
  }

  static void end_children() {
    for (pid_t ended = 0; ended >= 0; ended = ::waitpid(-1, nullptr, WNOHANG)) {
      std::ifstream list("/proc/thread-self/children");
      for (pid_t pid = 0; list >> pid;) (void)::kill(pid, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  /// The numbers that it tells, when it has told so many.
  std::vector<pid_t> numbers(program& application, std::size_t count) {
    told_.clear();
    auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (told_.size() < count && std::chrono::steady_clock::now() < limit) {
      // Reads on; there is no such line.
      (void)application.out_has("never", std::chrono::milliseconds(10));
      std::string whole = application.out().substr(0, application.out().rfind('\n') + 1);
      std::istringstream words(whole);
      told_.clear();
      for (pid_t pid = 0; words >> pid;) told_.push_back(pid);
    }
    EXPECT_EQ(told_.size(), count) << application.out();
    return told_;
  }

  static bool lives(pid_t pid) {
    char state = process_state(pid);
    return state != '\0' && state != 'Z' && state != 'X';
  }

  /// Waits until none lives; which one does after half a minute.
  static pid_t survivor(const std::vector<pid_t>& all) {
    auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (pid_t pid : all)
      while (lives(pid)) {
        if (std::chrono::steady_clock::now() > limit) return pid;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    return 0;
  }

  std::vector<pid_t> told_;
};
EXECO_ON_EACH_BACKEND(program_end);

TEST_P(program_end, by_any_signal_takes_its_commands_and_their_groups_along) {
  for (int signal : {SIGKILL, SIGINT, SIGTERM, SIGABRT, SIGHUP}) {
    program application({EXECO_HOST_APPLICATION, "mortal"});
    std::vector<pid_t> all = numbers(application, most_commands);
    for (pid_t pid : all) EXPECT_TRUE(lives(pid));
    application.kill(signal);
    EXPECT_EQ(survivor(all), 0) << "after signal " << signal;
    EXPECT_EQ(application.finish().signal, signal);
  }
}

TEST_P(program_end, is_not_that_of_the_thread_that_started_a_command) {
  program application({EXECO_HOST_APPLICATION, "handing-over"});
  std::vector<pid_t> all = numbers(application, most_commands);
  for (pid_t pid : all) EXPECT_TRUE(lives(pid));
  application.kill(SIGKILL);
  EXPECT_EQ(survivor(all), 0);
}

TEST_P(program_end, leaves_who_was_detached) {
  program application({EXECO_HOST_APPLICATION, "detaching"});
  std::vector<pid_t> all = numbers(application, 3);
  // Its output does not end: those that it leaves have it.
  application.kill(SIGKILL);
  auto living = [&] { return std::ranges::count_if(all, &program_end::lives); };
  while (living() > 2) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(living(), 2);
}

TEST_P(program_end, of_a_parent_is_not_that_of_the_daemon_it_forked) {
  program application({EXECO_HOST_APPLICATION, "daemon"});
  std::vector<pid_t> all = numbers(application, most_commands);
  for (pid_t pid : all) EXPECT_TRUE(lives(pid));
}

}  // namespace
}  // namespace execo::test
