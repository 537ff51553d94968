// A start takes environment, directory, file mode mask and inherited descriptors of its moment; the
// child itself may come later, from another thread.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "base/fd.hpp"
#include "execo/start.hpp"
#include "execo/when_all.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

class start_moment : public on_each_backend {
 protected:
  start_moment() : here_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)), mask_(::umask(022)) {
    (void)::umask(mask_);
    if (const char* path = ::getenv("PATH")) path_ = path;
  }
  ~start_moment() override {
    (void)::umask(mask_);
    EXPECT_EQ(::fchdir(here_.get()), 0);
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("EXECO_TEST_WHO");
  }

 private:
  detail::unique_fd here_;
  mode_t mask_;
  std::string path_;
};
EXECO_ON_EACH_BACKEND(start_moment);

task<std::vector<std::string>> outputs_of(std::vector<process> all) {
  std::vector<std::string> said;
  for (process& p : all) {
    result r = co_await p.wait();
    said.push_back(r.ok() ? r.out : r.describe());
  }
  co_return said;
}

TEST_P(start_moment, fifty_starts_of_one_turn_have_each_their_own) {
  auto body = []() -> task<std::vector<std::string>> {
    std::vector<process> all;
    for (int i = 0; i < 50; ++i) {
      ::setenv("EXECO_TEST_WHO", std::to_string(i).c_str(), 1);
      (void)!::chdir(i % 2 == 0 ? "/usr" : "/etc");
      (void)::umask(i % 2 == 0 ? 077 : 027);
      all.push_back(process("echo $EXECO_TEST_WHO $(pwd -P) $(umask)").shell().start());
    }
    ::setenv("EXECO_TEST_WHO", "late", 1);
    (void)!::chdir("/");
    (void)::umask(0);
    co_return co_await outputs_of(std::move(all));
  };
  std::vector<std::string> said = sync_wait(body());
  ASSERT_EQ(said.size(), 50U);
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(said[static_cast<std::size_t>(i)],
              std::to_string(i) + (i % 2 == 0 ? " /usr 0077\n" : " /etc 0027\n"));
}

TEST_P(start_moment, a_start_from_another_thread_is_over_when_it_returns) {
  context c;
  std::promise<void> begun;
  std::thread driver([&] {
    begun.set_value();
    c.run();
  });
  begun.get_future().wait();
  std::vector<process> all;
  for (int i = 0; i < 20; ++i) {
    ::setenv("EXECO_TEST_WHO", i % 2 == 0 ? "even" : "odd", 1);
    (void)!::chdir(i % 2 == 0 ? "/usr" : "/etc");
    (void)::umask(i % 2 == 0 ? 077 : 027);
    process p("echo $EXECO_TEST_WHO $(pwd -P) $(umask)");
    all.push_back(std::move(p).shell().on(c.ring(0)).start());
  }
  ::setenv("EXECO_TEST_WHO", "late", 1);
  (void)!::chdir("/");
  (void)::umask(0);
  c.stop();
  driver.join();
  std::vector<std::string> said = sync_wait(c, outputs_of(std::move(all)));
  for (std::size_t i = 0; i < said.size(); ++i)
    EXPECT_EQ(said[i], i % 2 == 0 ? "even /usr 0077\n" : "odd /etc 0027\n");
}

TEST_P(start_moment, the_program_is_looked_up_in_the_path_of_the_start) {
  auto body = []() -> task<std::vector<std::string>> {
    std::vector<process> all;
    all.push_back(process("echo found").start());
    ::setenv("PATH", "/nonexistent", 1);
    all.push_back(process("echo lost").start());
    ::setenv("PATH", "/usr/bin:/bin", 1);
    co_return co_await outputs_of(std::move(all));
  };
  std::vector<std::string> said = sync_wait(body());
  EXPECT_EQ(said[0], "found\n");
  EXPECT_THAT(said[1], ::testing::HasSubstr("No such file"));
}

TEST_P(start_moment, variables_may_change_while_starts_are_under_way) {
  auto body = []() -> task<int> {
    int bad = 0;
    for (int round = 0; round < 5; ++round) {
      std::vector<process> all;
      for (int i = 0; i < 40; ++i) all.push_back(process("true").start());
      for (int i = 0; i < 2000; ++i) {
        if (i % 20 == 0) co_await sleep(std::chrono::milliseconds(0));
        ::setenv(("EXECO_TEST_N" + std::to_string(i)).c_str(), "x", 1);
      }
      for (process& p : all) {
        result r = co_await p.wait();
        if (!r.ok()) ++bad;
      }
      for (int i = 0; i < 2000; ++i) ::unsetenv(("EXECO_TEST_N" + std::to_string(i)).c_str());
    }
    co_return bad;
  };
  EXPECT_EQ(sync_wait(body()), 0);
}

TEST_P(start_moment, no_variables_at_all_are_taken_as_well) {
  auto body = []() -> task<std::string> {
    char** before = environ;
    environ = nullptr;
    process p("/usr/bin/env");
    p.start();
    environ = before;
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), "");
}

TEST_P(start_moment, a_directory_that_is_gone_by_then_is_still_the_one) {
  std::string name = std::filesystem::temp_directory_path() / "execo-start-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  auto body = [&name]() -> task<std::string> {
    (void)!::chdir(name.c_str());
    process p("pwd -P");
    p.shell().start();
    (void)!::chdir("/");
    std::filesystem::rename(name, name + "-moved");
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), name + "-moved\n");
  std::filesystem::remove(name + "-moved");
}

TEST_P(start_moment, a_relative_directory_begins_at_that_of_the_start) {
  auto body = []() -> task<std::string> {
    (void)!::chdir("/usr");
    process p("pwd -P");
    p.shell().cwd("lib").start();
    (void)!::chdir("/");
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), std::filesystem::canonical("/usr/lib").string() + "\n");
}

}  // namespace
}  // namespace execo::test
