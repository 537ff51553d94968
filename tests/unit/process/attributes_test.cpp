// Spawn attributes, read back from the child.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "base/fd.hpp"
#include "process/cgroup.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class attributes : public on_each_backend {};
EXECO_ON_EACH_BACKEND(attributes);

bool is_root() { return ::geteuid() == 0; }

result ran(process p) { return sync_wait(std::move(p.timeout(30s)).run()); }

/// The words of the line of /proc/self/status that begins with `field`.
std::string status_field(const result& r, const std::string& field) {
  std::istringstream lines(r.out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(field + ":")) continue;
    std::istringstream words(line.substr(field.size() + 1));
    std::string joined;
    for (std::string word; words >> word;) joined += (joined.empty() ? "" : " ") + word;
    return joined;
  }
  return "no " + field;
}

// One row: what is asked for, what the child runs, what it must show.
struct row {
  const char* name;
  bool needs_root;
  process (*make)();
  const char* expected;  // a regular expression
};

const row rows[] = {
    {"umask", false, [] { return process("cat /proc/self/status").umask(0123); }, "Umask:\t0123"},
    {"nice", false, [] { return process("cut -d ' ' -f 19 /proc/self/stat").nice(19); }, "^19\n$"},
    {"a limit of descriptors", false,
     [] { return process("cat /proc/self/limits").rlimit(RLIMIT_NOFILE, 77, 99); },
     "Max open files +77 +99 "},
    {"limits together", false,
     [] {
       return process("cat /proc/self/limits").rlimit(RLIMIT_CORE, 0, 0).rlimit(RLIMIT_CPU, 50, 60);
     },
     "Max cpu time +50 +60 (.|\n)*Max core file size +0 +0 "},
    {"no limit", false,
     [] { return process("cat /proc/self/limits").rlimit(RLIMIT_FSIZE, 4096, no_limit); },
     "Max file size +4096 +unlimited"},
    {"the directory", false, [] { return process("pwd").cwd("/usr"); }, "^/usr\n$"},
    {"a cleared environment", false, [] { return process("env").clear_env().env("ONLY", "one"); },
     "^ONLY=one\n$"},
    {"a user by number", true,
     [] { return process("cat /proc/self/status").user(12345).group(23456); },
     "Uid:\t12345\t12345\t12345\t12345\nGid:\t23456\t23456\t23456\t23456\n(.|\n)*Groups:\t23456 "},
    {"a user by name", true, [] { return process("id -un").user("nobody"); }, "^nobody\n$"},
    {"exactly these groups", true,
     [] {
       std::vector<std::string> groups{"11", "22"};
       return process("id -G").user(12345).group(33).groups(groups);
     },
     "^33 11 22\n$"},
    {"no groups", true,
     [] { return process("cat /proc/self/status").groups(std::vector<std::string>()); },
     "Groups:\t *\n"},
};

TEST_P(attributes, each_one_is_found_in_the_child) {
  for (const row& r : rows) {
    SCOPED_TRACE(r.name);
    if (r.needs_root && !is_root()) {
      std::cerr << "not root: skipped " << r.name << "\n";
      continue;
    }
    result end = ran(r.make());
    EXPECT_TRUE(end.ok()) << end.dump();
    EXPECT_THAT(end.out, ContainsRegex(r.expected));
  }
}

TEST_P(attributes, all_of_them_together) {
  auto p = process("cat /proc/self/status /proc/self/limits /proc/self/stat")
               .umask(027)
               .nice(7)
               .rlimit(RLIMIT_NOFILE, 50, 60)
               .cwd("/")
               .new_session();
  if (is_root()) p.user("nobody");
  result r = ran(std::move(p));
  ASSERT_TRUE(r.ok()) << r.dump();
  EXPECT_EQ(status_field(r, "Umask"), "0027");
  EXPECT_THAT(r.out, ContainsRegex("Max open files +50 +60 "));
  EXPECT_EQ(status_field(r, "NSsid"), status_field(r, "Pid"));
}

TEST_P(attributes, variables_are_added_removed_and_added_again) {
  ::setenv("EXECO_TEST_GONE", "x", 1);
  auto without = child("print-env", "EXECO_TEST_GONE").unset_env("EXECO_TEST_GONE");
  EXPECT_EQ(ran(std::move(without)).status().code(), 1);
  auto again = child("print-env", "EXECO_TEST_GONE")
                   .unset_env("EXECO_TEST_GONE")
                   .env("EXECO_TEST_GONE", "y");
  EXPECT_EQ(ran(std::move(again)).out, "y\n");
  auto undone = child("print-env", "A").env("A", "1").unset_env("A");
  EXPECT_EQ(ran(std::move(undone)).status().code(), 1);
  ::unsetenv("EXECO_TEST_GONE");
  EXPECT_EQ(ran(process("/usr/bin/env").clear_env()).out, "");
}

TEST_P(attributes, the_descriptors_are_exactly_the_map) {
  detail::unique_fd low(::open("/etc/passwd", O_RDONLY));
  detail::unique_fd high(::fcntl(low.get(), F_DUPFD, 500));
  auto target = std::to_string(low.get());
  // Sources and targets that overlap: each is the other's.
  auto p = child("print-fds")
               .pass_fd(high.get(), low.get())
               .pass_fd(low.get(), high.get())
               .pass_fd(high.get(), 40);
  result r = ran(std::move(p));
  std::vector<std::string> lines;
  std::istringstream text(r.out);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  EXPECT_THAT(lines, ::testing::UnorderedElementsAre(StartsWith("0 "), StartsWith("1 "),
                                                     StartsWith("2 "), target + " /etc/passwd",
                                                     std::to_string(high.get()) + " /etc/passwd",
                                                     "40 /etc/passwd"));
}

TEST_P(attributes, a_passed_pipe_is_written_to_and_ends) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  detail::unique_fd read_end(ends[0]), write_end(ends[1]);
  result r = ran(process("sh -c 'echo through >&9'").pass_fd(write_end.get(), 9));
  EXPECT_TRUE(r.ok()) << r.dump();
  write_end.reset();
  char text[64];
  ASSERT_EQ(::read(read_end.get(), text, sizeof text), 8);
  EXPECT_EQ(std::string(text, 8), "through\n");
  EXPECT_EQ(::read(read_end.get(), text, sizeof text), 0);
}

TEST_P(attributes, a_group_or_a_session_is_as_asked) {
  const char* show =
      "sh -c 'read -r a b c d group session rest < /proc/$$/stat; echo $$ $group $session'";
  auto numbers = [&](process p) {
    std::istringstream words(ran(std::move(p)).out);
    std::vector<int> read(3);
    words >> read[0] >> read[1] >> read[2];
    return read;
  };
  auto own = numbers(process(show));
  EXPECT_EQ(own[0], own[1]);
  EXPECT_EQ(own[2], ::getsid(0));
  auto session = numbers(process(show).new_session());
  EXPECT_EQ(session[0], session[1]);
  EXPECT_EQ(session[0], session[2]);
  auto joined = numbers(process(show).process_group(::getpgrp()));
  EXPECT_EQ(joined[1], ::getpgrp());
}

TEST_P(attributes, a_terminal_has_its_size_and_carries_everything) {
  result r =
      ran(process("sh -c 'stty size; test -t 0 && test -t 2 && echo all >&2; tty'").pty(33, 77));
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_THAT(r.out, StartsWith("33 77\r\nall\r\n/dev/pts/"));
  EXPECT_EQ(r.err, "");
  EXPECT_TRUE(r.output_complete());
  result echoed = ran(process("sh -c 'stty -echo; cat'").pty(24, 80).input("a line\nno end"));
  EXPECT_TRUE(echoed.ok()) << echoed.dump();
  EXPECT_THAT(echoed.out, ::testing::EndsWith("a line\r\nno end"));
  // Without input there is an end of it as well.
  result empty = ran(process("cat").pty(24, 80));
  EXPECT_TRUE(empty.ok()) << empty.dump();
}

TEST_P(attributes, a_terminal_is_the_controlling_one) {
  result r = ran(process("sh -c 'echo x > /dev/tty; ps -o tty= -p $$ || true'").pty(1, 1));
  EXPECT_THAT(r.out, StartsWith("x\r\n")) << r.dump();
}

TEST_P(attributes, a_cgroup_is_joined_where_there_is_one) {
  std::string directory = detail::cgroup_directory("");
  detail::cgroup_leaf leaf;
  if (directory.empty() || leaf.make(directory) != 0) GTEST_SKIP() << "no cgroup v2 of ours";
  auto name = leaf.path().substr(leaf.path().rfind('/'));
  std::ifstream own("/proc/self/cgroup");
  std::string base;
  for (std::string line; std::getline(own, line);)
    if (line.starts_with("0::")) base = line.substr(3) == "/" ? "" : line.substr(3);
  result r = ran(process("cat /proc/self/cgroup").cgroup(base + name));
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_THAT(r.out, HasSubstr("0::" + base + name + "\n"));
  result none = ran(process("true").cgroup("/no/such/group"));
  EXPECT_EQ(none.how(), end_reason::spawn_failed) << none.describe();
  EXPECT_THAT(none.describe(), HasSubstr("/no/such/group"));
}

TEST_P(attributes, usage_tells_time_and_memory) {
  result r = ran(process("dd if=/dev/zero of=/dev/null bs=300M count=1"));
  ASSERT_TRUE(r.usage());
  EXPECT_GT((r.usage()->user + r.usage()->system).count(), 0);
  if (r.usage()->peak_memory) {
    EXPECT_GT(*r.usage()->peak_memory, std::uint64_t{300} << 20);
  }
  EXPECT_FALSE(run_child("exit", "0").usage()->peak_memory) << "no more than this process";
}

TEST_P(attributes, misuse_throws) {
  EXPECT_THROW(ran(process("true").user("")), std::invalid_argument);
  EXPECT_THROW(ran(process("true").nice(20)), std::invalid_argument);
  EXPECT_THROW(ran(process("true").pass_fd(0, 2)), std::invalid_argument);
  EXPECT_THROW(ran(process("true").pass_fd(0, 5).pass_fd(1, 5)), std::invalid_argument);
  EXPECT_THROW(ran(process("true").unset_env("A=B")), std::invalid_argument);
  EXPECT_THROW(ran(process("true").process_group(::getpgrp()).new_session()),
               std::invalid_argument);
  EXPECT_THROW(ran(process("true").process_group(::getpgrp()).kill_scope(kill_scope::group)),
               std::invalid_argument);
}

}  // namespace
}  // namespace execo::test
