// What a child finds: words, environment, directory, descriptors, signals, process group.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include "base/fd.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class surroundings : public on_each_backend {};
EXECO_ON_EACH_BACKEND(surroundings);

TEST_P(surroundings, words_arrive_as_they_are) {
  EXPECT_EQ(run_child("args", "a b", "", "*", "$HOME", "'q'", "\xff\x01").out,
            "a b\n\n*\n$HOME\n'q'\n\xff\x01\n");
  EXPECT_EQ(sync_wait(process("printf %s,  'a b' \"c\"").run()).out, "a b,c,");
}

TEST_P(surroundings, a_shell_reads_text_only_when_asked) {
  EXPECT_EQ(sync_wait(process("echo $((1+1))").shell().run()).out, "2\n");
  EXPECT_EQ(sync_wait(process("echo $((1+1))").run()).out, "$((1+1))\n");
  EXPECT_EQ(sync_wait(process("echo a;").shell().args("echo", "b c").run()).out, "a\nb c\n");
  std::vector<std::string> words{"printf", "%s\n", "$x; y"};
  command c(words);
  EXPECT_EQ(sync_wait(process(c).shell().run()).out, "$x; y\n");
}

TEST_P(surroundings, the_environment_is_inherited_added_to_and_replaced) {
  ::setenv("EXECO_TEST_INHERITED", "from here", 1);
  EXPECT_EQ(run_child("print-env", "EXECO_TEST_INHERITED").out, "from here\n");
  auto added = child("print-env", "EXECO_TEST_NEW").env("EXECO_TEST_NEW", "a=b c");
  EXPECT_EQ(sync_wait(std::move(added).run()).out, "a=b c\n");
  auto both = child("print-env", "EXECO_TEST_INHERITED").env("EXECO_TEST_NEW", "x");
  EXPECT_EQ(sync_wait(std::move(both).run()).out, "from here\n");
  auto replaced = child("print-env", "EXECO_TEST_INHERITED")
                      .env("EXECO_TEST_INHERITED", "first")
                      .env("EXECO_TEST_INHERITED", "last");
  EXPECT_EQ(sync_wait(std::move(replaced).run()).out, "last\n");
  auto once = process("env").env("EXECO_TEST_INHERITED", "1").env("EXECO_TEST_INHERITED", "2");
  auto listed = sync_wait(std::move(once).run()).out;
  EXPECT_EQ(listed.find("EXECO_TEST_INHERITED"), listed.rfind("EXECO_TEST_INHERITED"));
  ::unsetenv("EXECO_TEST_INHERITED");
}

TEST_P(surroundings, the_directory_is_inherited_or_as_asked) {
  EXPECT_EQ(sync_wait(child("cwd").cwd("/usr").run()).out, "/usr\n");
  char here[4096];
  ASSERT_NE(::getcwd(here, sizeof here), nullptr);
  EXPECT_EQ(run_child("cwd").out, std::string(here) + "\n");
}

TEST_P(surroundings, descriptors_are_exactly_three) {
  // Foreign code opens without O_CLOEXEC.
  detail::unique_fd low(::open("/etc/passwd", O_RDONLY));
  detail::unique_fd high(::fcntl(low.get(), F_DUPFD, 1'000));
  for (bool with_input : {false, true}) {
    process p = child("print-fds");
    if (with_input) p.input("x");
    auto r = sync_wait(std::move(p).run());
    std::set<std::string> numbers;
    std::istringstream lines(r.out);
    for (std::string line; std::getline(lines, line);)
      numbers.insert(line.substr(0, line.find(' ')));
    EXPECT_EQ(numbers, (std::set<std::string>{"0", "1", "2"})) << r.out;
    EXPECT_THAT(r.out, with_input ? HasSubstr("0 pipe:") : HasSubstr("0 /dev/null"));
  }
}

// Runs in a program of its own: this one needs its descriptors.
[[noreturn]] void start_children_without(std::string_view closed) {
  for (char c : closed) ::close(c - '0');
  auto r = run_child("print-fds");
  const auto has = [&r](const char* text) { return ("\n" + r.out).find(text) != r.out.npos; };
  const bool three = has("\n0 /dev/null") && has("\n1 pipe:") && has("\n2 pipe:") && !has("\n3 ");
  auto echoed = sync_wait(child("echo").input("text").run());
  ::_exit(three && echoed.out == "text" ? 0 : 1);
}

TEST_P(surroundings, descriptors_are_right_when_ours_are_closed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(start_children_without("0"), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(start_children_without("01"), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(start_children_without("012"), ::testing::ExitedWithCode(0), "");
}

// What a loop, every kind of command and its monitor open, while it is open.
[[noreturn]] void look_at_low_numbers(bool context_first) {
  std::optional<context> where;
  if (context_first) where.emplace();
  for (int fd : {0, 1, 2}) ::close(fd);
  if (!context_first) where.emplace();
  (void)where->native_handle();
  auto work = []() -> task<int> {
    std::vector<process> all;
    all.push_back(process("cat").in(pipe()));
    all.push_back(process("cat").in(pipe()).pty(24, 80));
    all.push_back(process("cat").in(pipe()).kill_scope(kill_scope::subreaper));
    all.push_back(process("sleep 1000").in(from_file("/etc/passwd")).out(to_file("/dev/null")));
    all.push_back(process("sleep 1000").in(from_file("/etc/passwd")).pty(24, 80));
    for (process& p : all) {
      p.start();
      (void)co_await running_pid(p);
    }
    int taken = 0;
    for (int fd : {0, 1, 2})
      if (::fcntl(fd, F_GETFD) >= 0) ++taken;
    for (process& p : all) p.kill();
    for (process& p : all) (void)co_await p.wait();
    result none = co_await process("true").in(inherit()).run();
    co_return none.error() == std::errc::bad_file_descriptor ? taken : 10;
  };
  ::_exit(sync_wait(*where, work()));
}

TEST_P(surroundings, nothing_of_ours_takes_the_number_of_a_standard_stream) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(look_at_low_numbers(true), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(look_at_low_numbers(false), ::testing::ExitedWithCode(0), "");
}

TEST_P(surroundings, signals_are_neither_ignored_nor_blocked) {
  const int realtime = SIGRTMIN + 3;
  sigset_t blocked, before;
  sigemptyset(&blocked);
  for (int n : {SIGUSR1, SIGTERM, SIGINT, realtime}) sigaddset(&blocked, n);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  std::vector<std::pair<int, sighandler_t>> dispositions;
  for (int n : {SIGPIPE, SIGINT, SIGHUP, SIGCHLD, realtime})
    if (n != SIGCHLD) dispositions.emplace_back(n, ::signal(n, SIG_IGN));
  auto handled = ::signal(SIGUSR2, [](int) {});
  auto r = run_child("print-signals");
  (void)::signal(SIGUSR2, handled);
  for (auto [n, disposition] : dispositions) (void)::signal(n, disposition);
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_EQ(r.out,
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
}

TEST_P(surroundings, a_child_leads_a_process_group_of_its_own) {
  auto r =
      sync_wait(process("sh -c 'read -r a b c d pgrp rest < /proc/$$/stat; echo $$ $pgrp'").run());
  const auto space = r.out.find(' ');
  EXPECT_EQ(r.out.substr(0, space) + "\n", r.out.substr(space + 1)) << r.out;
}

TEST_P(surroundings, input_defaults_to_nothing) {
  auto r = sync_wait(child("echo").timeout(std::chrono::seconds(30)).run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out, "");
}

// Trap 9: a descriptor for another child's input in the wrong child, and its end never comes.
TEST_P(surroundings, threads_that_spawn_together_leak_no_descriptor_into_each_other) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&good] {
      context c;
      for (int i = 0; i < 25; ++i) {
        auto r = sync_wait(c, process("cat").input("x").timeout(std::chrono::seconds(60)).run());
        if (r.ok() && r.out == "x") ++good;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(good, 400);
}

}  // namespace
}  // namespace execo::test
