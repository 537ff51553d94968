// A program that closes all descriptors while a context lives, as daemons do before their work:
// whatever the end is, it comes, and in words.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "execo/sleep.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class closed_descriptors : public on_each_backend {
 protected:
  /// Runs `body` in a copy of this program that a hang ends; its standard error.
  template <class Body>
  std::string error_of_copy(Body body, int& status) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    detail::unique_fd out(ends[0]), in(ends[1]);
    pid_t copy = ::fork();
    if (copy == 0) {
      ::alarm(20);
      ::dup2(in.get(), 2);
      body();
      ::_exit(0);
    }
    in.reset();
    std::string text;
    char buffer[512];
    for (ssize_t n; (n = ::read(out.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    EXPECT_EQ(::waitpid(copy, &status, 0), copy);
    return text;
  }

  static void expect_words(int status, const std::string& text) {
    if (WIFEXITED(status)) return;
    EXPECT_EQ(WTERMSIG(status), SIGABRT) << text;
    EXPECT_THAT(text, HasSubstr("execo: an event loop cannot go on: "));
    EXPECT_THAT(text, HasSubstr("closefrom()"));
  }
};
EXECO_ON_EACH_BACKEND(closed_descriptors);

TEST_P(closed_descriptors, under_a_running_command_end_in_words) {
  int status = 0;
  std::string text = error_of_copy(
      [] {
        context c;
        auto work = []() -> task<> {
          auto p = process("sleep 0.3").start();
          co_await running_pid(p);
          ::closefrom(3);
          co_await sleep(10ms);
          (void)co_await process("echo hi").timeout(1s).run();
          (void)co_await p.wait();
        };
        sync_wait(c, work());
      },
      status);
  expect_words(status, text);
}

TEST_P(closed_descriptors, between_two_uses_end_in_words) {
  int status = 0;
  std::string text = error_of_copy(
      [] {
        context c;
        (void)sync_wait(c, process("true").run());
        ::closefrom(3);
        (void)sync_wait(c, process("true").timeout(1s).run());
      },
      status);
  expect_words(status, text);
}

}  // namespace
}  // namespace execo::test
