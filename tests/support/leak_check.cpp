// Compares /proc/self/fd and /proc/self/task/*/children before and after each test. Reading them
// costs about 20 us, so it is always on.
#include "leak_check.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include "execo/execo.hpp"
#include "file_bytes.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;

/// What a process holds: descriptors with what they refer to, and child processes with their names.
class holdings {
 public:
  static holdings now() {
    holdings found;
    found.read_descriptors();
    found.read_children();
    return found;
  }

  /// One line for each thing that `before` did not have; empty when there is none.
  std::string beyond(const holdings& before) const {
    std::string text;
    for (const auto& [fd, target] : descriptors_) {
      const auto known = before.descriptors_.find(fd);
      if (known == before.descriptors_.end() || known->second != target)
        text += "  descriptor " + std::to_string(fd) + ": " + target + "\n";
    }
    for (const auto& [pid, name] : children_) {
      if (before.children_.count(pid) == 0)
        text += "  child " + std::to_string(pid) + ": " + name + "\n";
    }
    return text;
  }

 private:
  void read_descriptors() {
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const auto target = fs::read_symlink(entry.path(), gone);
      // The directory's own descriptor is listed, too.
      if (gone || is_descriptor_table(target)) continue;
      descriptors_[std::stoi(entry.path().filename())] = target.string();
    }
  }

  static bool is_descriptor_table(const fs::path& target) {
    return target.filename() == "fd" && target.string().starts_with("/proc/");
  }

  void read_children() {
    std::error_code gone;  // threads come and go while the list is read
    for (fs::directory_iterator at("/proc/self/task", gone), end; !gone && at != end;
         at.increment(gone)) {
      std::ifstream list(at->path() / "children");
      for (int pid; list >> pid;) children_[pid] = command_line(pid);
    }
  }

  static std::string command_line(int pid) {
    std::string words = file_bytes("/proc/" + std::to_string(pid) + "/cmdline");
    for (char& c : words)
      if (c == '\0') c = ' ';
    return words.empty() ? "(ended, not reaped)" : words;
  }

  std::map<int, std::string> descriptors_;
  std::map<int, std::string> children_;
};

holdings base;

class leak_listener final : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { base = holdings::now(); }

  void OnTestEnd(const ::testing::TestInfo& test) override {
    std::string left = holdings::now().beyond(base);
    // A context with a thread of its own may still be closing what the test has let go of.
    for (int i = 0; i < 100 && !left.empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      left = holdings::now().beyond(base);
    }
    if (left.empty()) return;
    ADD_FAILURE() << test.test_suite_name() << "." << test.name() << " leaves behind:\n" << left;
  }
};

}  // namespace

void accept_as_base() { base = holdings::now(); }

void accept_default_context() {
  EXPECT_TRUE(as_future(process("true").run()).get().ok());
  accept_as_base();
}

void install_leak_check() {
  // The last listener is the first to hear of an end: its failure is printed with the test.
  ::testing::UnitTest::GetInstance()->listeners().Append(new leak_listener);
}

}  // namespace execo::test
