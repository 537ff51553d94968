// The commands of a program end with it, however it ends.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "program.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

// What the modes mortal and daemon print; handing-over prints one number more.
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
      for (pid_t pid : children_of(::getpid())) (void)::kill(pid, SIGKILL);
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

  /// Of all its threads.
  static std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> all;
    std::error_code gone;
    std::filesystem::directory_iterator at("/proc/" + std::to_string(parent) + "/task", gone), end;
    for (; !gone && at != end; at.increment(gone)) {
      std::ifstream list(at->path() / "children");
      for (pid_t pid = 0; list >> pid;) all.push_back(pid);
    }
    return all;
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

  /// Kills it, and waits until no more than `wanted` of `count` commands live; how many do.
  std::ptrdiff_t left_of(program& application, std::size_t count, std::ptrdiff_t wanted) {
    std::vector<pid_t> all = numbers(application, count);
    // Its output does not end: those that it leaves have it.
    application.kill(SIGKILL);
    auto living = [&] { return std::ranges::count_if(all, &program_end::lives); };
    while (living() > wanted) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return living();
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
  std::vector<pid_t> all = numbers(application, most_commands + 1);
  for (pid_t pid : all) EXPECT_TRUE(lives(pid));
  application.kill(SIGKILL);
  EXPECT_EQ(survivor(all), 0);
}

TEST_P(program_end, leaves_who_was_detached) {
  program application({EXECO_HOST_APPLICATION, "detaching"});
  EXPECT_EQ(left_of(application, 3, 2), 2);
}

TEST_P(program_end, of_a_parent_is_not_that_of_the_daemon_it_forked) {
  program application({EXECO_HOST_APPLICATION, "daemon"});
  std::vector<pid_t> all = numbers(application, most_commands);
  for (pid_t pid : all) EXPECT_TRUE(lives(pid));
}

// PR_SET_PDEATHSIG has the commands alone: what they started goes on.
TEST_P(program_end, without_a_guard_takes_its_commands_along) {
  program application({EXECO_WITHOUT_GUARD, EXECO_HOST_APPLICATION, "mortal"});
  std::vector<pid_t> all = numbers(application, most_commands);
  std::vector<pid_t> commands = children_of(application.pid());
  EXPECT_EQ(commands.size(), 12U) << "one of them the monitor of another";
  for (pid_t pid : all) EXPECT_TRUE(lives(pid));
  application.kill(SIGKILL);
  EXPECT_EQ(survivor(commands), 0);
  EXPECT_TRUE(std::ranges::any_of(all, &program_end::lives)) << "there was a guard";
}

TEST_P(program_end, without_a_guard_is_not_that_of_the_thread_that_started_a_command) {
  program application({EXECO_WITHOUT_GUARD, EXECO_HOST_APPLICATION, "handing-over"});
  for (pid_t pid : numbers(application, most_commands + 1)) EXPECT_TRUE(lives(pid));
}

// Who runs already has the signal of its parent's end for good.
TEST_P(program_end, without_a_guard_leaves_who_was_detached_before_it_ran) {
  program application({EXECO_WITHOUT_GUARD, EXECO_HOST_APPLICATION, "detaching"});
  EXPECT_EQ(left_of(application, 3, 1), 1);
}

class interrupted_program : public program_end {
 protected:
  /// Types Ctrl-C when all commands run, and waits until they and what they started are gone.
  outcome end_of(std::vector<std::string> words) {
    program application = program::on_terminal(words);
    std::vector<pid_t> all = numbers(application, most_commands);
    for (pid_t pid : all) EXPECT_TRUE(lives(pid));
    application.type("\x03");
    EXPECT_EQ(survivor(all), 0);
    return application.finish();
  }
  /// The program in one group with a shell that goes on.
  static std::vector<std::string> below_shell(const std::string& mode) {
    return {"sh", "-c", "trap : INT; \"$0\" " + mode + "; echo status $?", EXECO_HOST_APPLICATION};
  }
};
EXECO_ON_EACH_BACKEND(interrupted_program);

// A terminal signals its foreground group: the program, and none of its commands.
TEST_P(interrupted_program, that_takes_no_notice_ends_by_the_signal_with_all_it_started) {
  EXPECT_EQ(end_of({EXECO_HOST_APPLICATION, "mortal"}).signal, SIGINT);
  EXPECT_THAT(end_of(below_shell("mortal")).out, ::testing::HasSubstr("status 130\r\n"));
}

TEST_P(interrupted_program, that_stops_in_order_ends_all_and_has_their_results) {
  outcome end = end_of({EXECO_HOST_APPLICATION, "run-main-all"});
  EXPECT_EQ(end.code, 128 + SIGINT) << "signal " << end.signal;
  EXPECT_THAT(end.out, ::testing::HasSubstr("cancelled 12\r\n"));
  end = end_of(below_shell("run-main-all"));
  EXPECT_THAT(end.out, ::testing::HasSubstr("cancelled 12\r\n"));
  EXPECT_THAT(end.out, ::testing::HasSubstr("status 130\r\n"));
}

}  // namespace
}  // namespace execo::test
