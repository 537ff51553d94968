// Planted faults: each a typed end that names step, object and errno. That nothing is left behind
// is seen by the leak check.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class faults : public on_each_backend {};
EXECO_ON_EACH_BACKEND(faults);

bool is_root() { return ::geteuid() == 0; }

void expect_failure(const result& r, const char* step, const std::string& object, int error) {
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.dump();
  EXPECT_EQ(r.error(), std::error_code(error, std::system_category())) << r.dump();
  EXPECT_THAT(r.error_context(), HasSubstr(step));
  EXPECT_THAT(r.error_context(), HasSubstr(object));
  EXPECT_THAT(r.describe(), HasSubstr(std::error_code(error, std::system_category()).message()));
  EXPECT_FALSE(r.ok());
  EXPECT_TRUE(r.notable());
}

void expect_failure(process p, const char* step, const std::string& object, int error) {
  expect_failure(sync_wait(std::move(p.timeout(30s)).run()), step, object, error);
}

class script {
 public:
  script(const std::string& path, std::string_view text, mode_t mode) {
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
  }
};

TEST_P(faults, what_is_missing_or_not_executable) {
  scratch_directory folder;
  expect_failure(process("/no/such/program"), "execve", "/no/such/program", ENOENT);
  expect_failure(process("no-such-program").env("PATH", "/usr/bin:/bin"), "execve",
                 "no-such-program", ENOENT);
  expect_failure(process("true").cwd("/no/such/directory"), "chdir", "/no/such/directory", ENOENT);
  std::string path = folder.path() + "/program";
  script(path, "#!/no/such/interpreter\n", 0755);
  expect_failure(process(path), "execve", path, ENOENT);
  script(path, "#!/bin/sh\n", 0644);
  expect_failure(process(path), "execve", path, EACCES);
  script(path, "neither a script nor a program", 0755);
  expect_failure(process(path), "execve", path, ENOEXEC);
  expect_failure(process(folder.path()), "execve", folder.path(), EACCES);
}

TEST_P(faults, too_many_words) {
  std::string megabyte(1 << 20, 'x');
  process p("true");
  for (int i = 0; i < 10; ++i) p.args(megabyte);
  expect_failure(std::move(p), "execve", "true", E2BIG);
}

TEST_P(faults, a_full_process_table_of_a_user) {
  if (!is_root()) GTEST_SKIP() << "needs root, to be another user";
  auto work = []() -> task<> {
    process first("sleep 300");
    first.user(54321).group(54321).start();
    co_await running_pid(first);
    auto second = process("true").user(54321).group(54321).rlimit(RLIMIT_NPROC, 0, 0);
    result r = co_await std::move(second).run();
    expect_failure(r, "execve", "true", EAGAIN);
    first.kill(SIGKILL);
    co_await first.wait();
  };
  sync_wait(work());
}

TEST_P(faults, no_descriptors_left) {
  auto work = []() -> task<result> {
    // What the loop needs for good is made before.
    result before = co_await process("true").run();
    EXPECT_TRUE(before.ok());
    int free_one = ::dup(0);
    ::close(free_one);
    lowered_limit limit(RLIMIT_NOFILE, static_cast<rlim_t>(free_one));
    co_return co_await process("true").run();
  };
  expect_failure(sync_wait(work()), "pipe", "", EMFILE);
}

TEST_P(faults, attributes_that_cannot_be) {
  expect_failure(process("true").user("no-such-user"), "look up user", "no-such-user", EINVAL);
  expect_failure(process("true").group("no-such-group"), "look up group", "no-such-group", EINVAL);
  expect_failure(process("true").user(54321), "group of user", "54321", EINVAL);
  expect_failure(process("true").rlimit(RLIMIT_NOFILE, 2, 1), "setrlimit", "NOFILE", EINVAL);
  expect_failure(process("true").rlimit(99, 0, 0), "setrlimit", "unknown resource", EINVAL);
  expect_failure(process("true").pass_fd(987, 3), "descriptor", "987 to 3", EBADF);
  expect_failure(process("true").process_group(1), "setpgid", "", EPERM);
  if (is_root()) return;
  expect_failure(process("true").user(0).group(0), "set", "", EPERM);
}

TEST_P(faults, a_fault_after_the_identity_changed_is_told_as_well) {
  if (!is_root()) GTEST_SKIP() << "needs root, to be another user";
  scratch_directory folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
  expect_failure(process("true").user("nobody").cwd(folder.path()), "chdir", folder.path(), EACCES);
  expect_failure(process("/no/such/program").user("nobody"), "execve", "/no/such/program", ENOENT);
}

TEST_P(faults, ignored_and_hidden_ones) {
  auto ignored = [](process p) { return sync_wait(std::move(p).run()); };
  EXPECT_TRUE(ignored(process("/no/such/program").ignore_error()).ok());
  EXPECT_FALSE(ignored(process("/no/such/program").nolog_error()).notable());
  EXPECT_TRUE(ignored(process("false").ignore_exit_code()).ok());
  EXPECT_TRUE(ignored(process("false").ignore_exit_code()).notable()) << "ok() and logs are apart";
  EXPECT_FALSE(ignored(process("false").nolog_exit_code()).notable());
  EXPECT_FALSE(ignored(process("false").nolog_exit_code()).ok());
  EXPECT_TRUE(ignored(process("sleep 300").timeout(20ms).ignore_timeout()).ok());
  EXPECT_FALSE(ignored(process("sleep 300").timeout(20ms).nolog_timeout()).notable());
  EXPECT_TRUE(ignored(process("sh -c 'exit 3'").accept(0, 3)).ok());
  EXPECT_FALSE(ignored(process("sh -c 'exit 3'").accept(4)).ok());
}

TEST_P(faults, an_end_by_a_signal_is_ignored_whoever_sent_it) {
  EXPECT_TRUE(sync_wait(process("sh -c 'kill -USR1 $$'").ignore_exit_code().run()).ok());
  auto killed = [](bool ignored) -> task<result> {
    process server("sh -c 'echo up; exec sleep 300'");
    if (ignored) server.ignore_exit_code();
    server.start();
    (void)co_await server.out().next_line();
    server.kill();
    result end = co_await server.wait();
    co_return end;
  };
  for (bool ignored : {true, false}) {
    result end = sync_wait(killed(ignored));
    EXPECT_TRUE(end.killed());
    EXPECT_EQ(end.ok(), ignored) << end.describe();
  }
}

}  // namespace
}  // namespace execo::test
