// How processes end, and what cannot be started: every end is a value.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fd.hpp"
#include "execo/when_all.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ends : public on_each_backend {};
EXECO_ON_EACH_BACKEND(ends);

TEST_P(ends, exit_codes_are_told) {
  for (const char* code : {"0", "1", "2", "127", "255"}) {
    auto r = run_child("exit", code);
    EXPECT_EQ(r.how(), end_reason::exited);
    EXPECT_EQ(r.status().code(), std::stoi(code));
    EXPECT_EQ(r.ok(), std::string(code) == "0");
    EXPECT_FALSE(r.killed());
    EXPECT_TRUE(r.output_complete());
    EXPECT_FALSE(r.error());
  }
}

TEST_P(ends, signals_are_told) {
  for (const char* name : {"KILL", "TERM", "SEGV", "ABRT", "USR1", "PIPE"}) {
    auto r = run_child("die-by", name);
    EXPECT_EQ(r.how(), end_reason::signaled) << name;
    EXPECT_EQ(r.status().signal_name(), name);
    EXPECT_FALSE(r.ok());
    EXPECT_FALSE(r.killed()) << "nobody here sent it";
    EXPECT_THROW(r.check(), process_error);
  }
}

TEST_P(ends, accepted_codes_are_good_ends) {
  EXPECT_TRUE(sync_wait(child("exit", "3").accept(3).run()).ok());
  EXPECT_TRUE(sync_wait(child("exit", "3").accept(2).accept(3).run()).ok());
  EXPECT_FALSE(sync_wait(child("exit", "0").accept(3).run()).ok());
  EXPECT_TRUE(sync_wait(child("exit", "0").accept(3).accept(0).run()).ok());
  EXPECT_FALSE(sync_wait(child("die-by", "TERM").accept(15).run()).ok());
}

TEST_P(ends, times_are_told) {
  const auto before = std::chrono::system_clock::now();
  auto r = run_child("sleep", "0.05");
  EXPECT_GE(r.elapsed(), 45ms);
  EXPECT_GE(r.started(), before - 1ms);
  EXPECT_EQ(r.ended() - r.started(), r.elapsed());
}

TEST_P(ends, describe_tells_the_command_and_the_last_words) {
  auto r = sync_wait(process("sh -c 'echo first >&2; echo last words >&2; exit 7'").run());
  EXPECT_THAT(r.describe(), HasSubstr("`sh -c 'echo first"));
  EXPECT_THAT(r.describe(), HasSubstr("exited 7 after "));
  EXPECT_THAT(r.describe(), HasSubstr(": last words"));
  EXPECT_EQ(r.name().find('\n'), std::string::npos);
}

/// A folder of this test alone.
class folder {
 public:
  folder() {
    char name[] = "/tmp/execo-ends-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() { fs::remove_all(path_); }
  std::string file(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = (path_ / name).string();
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void expect_spawn_failed(const result& r, std::errc why, const std::string& context) {
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
  EXPECT_TRUE(r.error() == why) << r.error() << ' ' << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr(context));
  EXPECT_FALSE(r.status().code());
  EXPECT_FALSE(r.status().signal());
  EXPECT_FALSE(r.ok());
  EXPECT_THAT(r.describe(), HasSubstr(context));
}

TEST_P(ends, a_missing_program_is_told_with_its_path) {
  expect_spawn_failed(sync_wait(process("/nonexistent/program").run()),
                      std::errc::no_such_file_or_directory, "execve /nonexistent/program");
  expect_spawn_failed(sync_wait(process("no-such-program-anywhere").run()),
                      std::errc::no_such_file_or_directory, "no-such-program-anywhere");
}

TEST_P(ends, a_missing_directory_is_told_with_its_path) {
  expect_spawn_failed(sync_wait(process("true").cwd("/nonexistent/place").run()),
                      std::errc::no_such_file_or_directory, "chdir /nonexistent/place");
  expect_spawn_failed(sync_wait(process("true").cwd("/etc/passwd").run()),
                      std::errc::not_a_directory, "chdir /etc/passwd");
}

TEST_P(ends, what_cannot_be_executed_is_told) {
  folder f;
  expect_spawn_failed(sync_wait(process(f.file("plain", "#!/bin/sh\n", 0644)).run()),
                      std::errc::permission_denied, "execve " + f.path().string());
  expect_spawn_failed(sync_wait(process(f.path().string()).run()), std::errc::permission_denied,
                      "execve");
  expect_spawn_failed(sync_wait(process(f.file("odd", "#!/nonexistent/sh\n", 0755)).run()),
                      std::errc::no_such_file_or_directory, "odd");
  expect_spawn_failed(sync_wait(process(f.file("text", "just text\n", 0755)).run()),
                      std::errc::executable_format_error, "text");
}

TEST_P(ends, the_path_is_searched_as_execvp_does) {
  folder f;
  const std::string good = f.file("tool", "#!/bin/sh\necho found\n", 0755);
  fs::create_directory(f.path() / "first");
  std::ofstream((f.path() / "first" / "tool").string()) << "not executable";
  const std::string path =
      (f.path() / "first").string() + ":/etc/passwd:/nonexistent:" + f.path().string();
  auto r = sync_wait(process("tool").env("PATH", path).run());
  EXPECT_EQ(r.out, "found\n") << r.describe();
  expect_spawn_failed(
      sync_wait(process("tool").env("PATH", (f.path() / "first").string() + ":/nonexistent").run()),
      std::errc::permission_denied, "first/tool");
  expect_spawn_failed(sync_wait(process("tool").env("PATH", "/nonexistent:/etc/passwd").run()),
                      std::errc::no_such_file_or_directory, "tool");
}

TEST_P(ends, arguments_beyond_the_kernels_limit_are_told) {
  auto p = child("args");
  // 6 MB, whatever the limit of the stack.
  for (int i = 0; i < 100; ++i) p.args(std::string(100'000, 'x'));
  expect_spawn_failed(sync_wait(std::move(p).run()), std::errc::argument_list_too_long, "execve");
}

TEST_P(ends, running_out_of_descriptors_is_told_at_each_step) {
  context c;
  EXPECT_TRUE(sync_wait(c, child("exit", "0").run()).ok());
  int told = 0;
  bool good = false;
  const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(lowest);
  for (int room = 0; room < 12 && !good; ++room) {
    lowered_limit limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest + room));
    auto r = sync_wait(c, child("exit", "0").input("").run());
    good = r.ok();
    if (good) break;
    EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
    EXPECT_TRUE(r.error() == std::errc::too_many_files_open) << r.describe();
    EXPECT_FALSE(r.error_context().empty());
    ++told;
  }
  EXPECT_TRUE(good);
  EXPECT_GE(told, 6);
  EXPECT_TRUE(sync_wait(c, child("exit", "0").run()).ok()) << "the context goes on";
}

TEST_P(ends, a_limit_on_processes_is_told) {
  // Root is exempt: the test runs in a thread of another user, as setresuid(2) is per thread.
  if (::getuid() != 0) GTEST_SKIP() << "needs to become a user without processes";
  result r;
  std::thread other([&r] {
    lowered_limit limit(RLIMIT_NPROC, 1);
    ASSERT_EQ(::syscall(SYS_setresuid, 54'321, 54'321, 0), 0);
    r = run_child("exit", "0");
    ASSERT_EQ(::syscall(SYS_setresuid, 0, 0, 0), 0);
  });
  other.join();
  // Linux counts at execve what setresuid let pass: execve(2), EAGAIN.
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
  EXPECT_TRUE(r.error() == std::errc::resource_unavailable_try_again) << r.describe();
}

TEST_P(ends, misuse_throws_before_anything_runs) {
  EXPECT_THROW(sync_wait(process("").run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(process("   ").run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(process("echo 'x").run()), std::invalid_argument);
  process unclosed("echo \"x");
  EXPECT_THROW(unclosed.start(), std::invalid_argument);
  process idle("true");
  EXPECT_THROW((void)idle.wait(), std::logic_error);
  EXPECT_THROW(sync_wait(process("echo").args(std::string_view("a\0b", 3)).run()),
               std::invalid_argument);
  EXPECT_THROW(sync_wait(process("true").env("A=B", "c").run()), std::invalid_argument);
  EXPECT_THROW(sync_wait(process("true").env("", "c").run()), std::invalid_argument);
  auto late = []() -> task<> {
    process p("true");
    p.start();
    EXPECT_THROW(p.timeout(1s), std::logic_error);
    EXPECT_THROW(p.args("x"), std::logic_error);
    co_await p.wait();
  };
  sync_wait(late());
}

TEST_P(ends, unclosed_quotes_are_the_shells_business_with_a_shell) {
  auto r = sync_wait(process("echo 'x").shell().run());
  EXPECT_EQ(r.how(), end_reason::exited);
  EXPECT_FALSE(r.ok());
}

TEST_P(ends, many_failures_leave_nothing_behind) {
  auto work = []() -> task<> {
    std::vector<process::owned_run_op> all;
    for (int i = 0; i < 200; ++i) all.push_back(process("/nonexistent").run());
    auto results = co_await when_all(std::move(all));
    for (const result& r : results) EXPECT_EQ(r.how(), end_reason::spawn_failed);
  };
  sync_wait(work());
}

}  // namespace
}  // namespace execo::test
