// Copies through a tree of which one host is full, stands still, or is sent too much: what becomes
// of it, and of the others.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "transfer_fixture.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class copy_faults : public testing::Test, protected test::copied_files {
 protected:
  copy_faults() { way_.connector = "local"; }

  put sent(const std::string& source, const std::string& hosts, tree shape) const {
    put made(source, hosts, path("at/{{{host}}}/"));
    made.ssh(way_).via(shape).make_directories().timeout(120s);
    return made;
  }
  /// A host of this test alone.
  static std::string own_name(int number) {
    return "h" + std::to_string(::getpid()) + "x" + std::to_string(number);
  }
  static std::optional<pid_t> agent_on(const std::string& host) {
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      // A keeper has no descriptors.
      if (pid <= 0 || test::file_bytes(entry.path() / "comm") != "execo-agent\n" ||
          !fs::is_symlink(fs::symlink_status(entry.path() / "fd/0", gone)))
        continue;
      const std::string around = test::file_bytes(entry.path() / "environ");
      if (around.find("EXECO_HOST=" + host + '\0') != around.npos) return pid;
    }
    return std::nullopt;
  }

  ssh_options way_;
};

TEST_F(copy_faults,
       leave_nothing_on_a_disk_that_is_full_at_the_end_and_keep_nobody_behind_it_back) {
  fs::create_directories(path("at/n2"));
  if (::geteuid() != 0 || ::mount("none", path("at/n2").c_str(), "tmpfs", 0, "size=1000k") != 0)
    GTEST_SKIP() << "no file system can be mounted here";
  const std::string bytes = test::bytes_of(5, 1'010 * test::kib);
  const action_result all = sync_wait(sent(file("app", bytes), "n[1-4]", tree().chain()).run());
  const std::vector<std::string> left = names("at/n2");
  (void)::umount2(path("at/n2").c_str(), MNT_DETACH);
  EXPECT_EQ(left, std::vector<std::string>());
  for (const host_result& one : all.all()) {
    if (one.host.name() == "n2") {
      test::expect_failure(one, std::errc::no_space_on_device, path("at/n2/app"));
    } else {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_TRUE(test::file_bytes(path("at/" + one.host.name() + "/app")) == bytes);
    }
  }
}

/// Lets a host go on when all others have ended, and gives its end; nothing if it was not the last.
task<std::optional<host_result>> end_of_last(put& running, std::size_t others, std::string last,
                                             const std::atomic<pid_t>& stopped) {
  for (std::size_t i = 0; i < others; ++i) {
    std::optional<host_result> one = co_await running.next();
    if (!one || one->host.name() == last) co_return std::nullopt;
    EXPECT_TRUE(one->ok()) << one->describe();
  }
  if (stopped == 0) co_return std::nullopt;
  (void)::kill(stopped, SIGCONT);
  std::optional<host_result> end = co_await running.next();
  co_return end;
}

// All others are children of the first host, as the one that stands still is.
TEST_F(copy_faults, of_a_host_that_stands_still_keep_no_other_one_waiting) {
  constexpr int count = 6;
  std::string hosts = own_name(0);
  for (int i = 1; i < count; ++i) hosts += ',' + own_name(i);
  const std::string bytes = test::bytes_of(6, 40'000 * test::kib);
  put made = sent(file("app", bytes), hosts, tree().gateway(own_name(0)));
  const std::string still = own_name(3);
  std::atomic<bool> is_over = false;
  std::atomic<pid_t> stopped = 0;
  std::thread stopper([&] {
    while (!is_over && stopped == 0)
      if (std::optional<pid_t> found = agent_on(still); found && ::kill(*found, SIGSTOP) == 0)
        stopped = *found;
  });
  const std::optional<host_result> last = sync_wait(end_of_last(made, count - 1, still, stopped));
  is_over = true;
  stopper.join();
  if (stopped != 0) (void)::kill(stopped, SIGCONT);
  if (!last) GTEST_SKIP() << "the copy was over before an agent could be stopped";
  EXPECT_TRUE(last->ok()) << last->describe();
  for (const std::string& host : names("at"))
    EXPECT_TRUE(test::file_bytes(path("at/" + host + "/app")) == bytes) << host;
}

}  // namespace
}  // namespace execo
