// Trees of this machine whose agents a test kills, stops or holds up: finds them, and what is left.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "long_count.hpp"
#include "temp_folder.hpp"

namespace execo::test {

inline bool is_long_run() { return long_count(10) == 10; }

class tree_victims : public testing::Test {
 protected:
  tree_victims() {
    static int count = 0;
    tag_ = "victims." + std::to_string(::getpid()) + "." + std::to_string(count++);
    (void)::setenv("EXECO_TEST_TREE", tag_.c_str(), 1);
    (void)::setenv("EXECO_TEST_FOLDER", (folder_ / ".").c_str(), 1);
    way_.connector = "local";
  }
  ~tree_victims() override {
    (void)::unsetenv("EXECO_TEST_TREE");
    (void)::unsetenv("EXECO_TEST_FOLDER");
  }

  /// All that this test has started and that lives on, wherever it is now.
  std::vector<pid_t> processes() const {
    std::vector<pid_t> found;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
      pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      std::string around = file_bytes(entry.path() / "environ");
      if (around.find("EXECO_TEST_TREE=" + tag_ + '\0') != around.npos) found.push_back(pid);
    }
    return found;
  }
  static bool is_agent(pid_t pid) {
    std::string folder = "/proc/" + std::to_string(pid);
    std::error_code gone;
    // A keeper has no descriptors.
    return file_bytes(folder + "/comm") == "execo-agent\n" &&
           std::filesystem::is_symlink(std::filesystem::symlink_status(folder + "/fd/0", gone));
  }
  static bool has_agents_below(pid_t pid) {
    std::string name = std::to_string(pid);
    std::ifstream children("/proc/" + name + "/task/" + name + "/children");
    for (pid_t child = 0; children >> child;)
      if (file_bytes("/proc/" + std::to_string(child) + "/comm") == "execo-agent\n") return true;
    return false;
  }
  std::vector<pid_t> agents() const {
    std::vector<pid_t> found = processes();
    std::erase_if(found, [](pid_t pid) { return !is_agent(pid); });
    return found;
  }
  std::vector<pid_t> inner_agents() const {
    std::vector<pid_t> found = agents();
    std::erase_if(found, [](pid_t pid) { return !has_agents_below(pid); });
    return found;
  }
  static std::string host_of(pid_t agent) {
    const std::string around = file_bytes("/proc/" + std::to_string(agent) + "/environ");
    const std::string variable = "EXECO_HOST=";
    const std::size_t at = around.find(variable);
    return at == around.npos ? "" : around.c_str() + at + variable.size();
  }
  void expect_nothing_left() const {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!processes().empty() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(processes().size(), 0U);
  }
  std::vector<std::string> started() const {
    std::vector<std::string> names;
    std::ifstream log(folder_ / "log");
    for (std::string name; std::getline(log, name);) names.push_back(name);
    return names;
  }

  ssh_options way_;
  std::string tag_;
  temp_folder folder_;
};

}  // namespace execo::test
