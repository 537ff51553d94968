// A program that is stopped and goes on, by Ctrl-Z and fg for instance: what has ended meanwhile
// has ended before the deadlines that have passed meanwhile.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "execo/timeout.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::unique_fd;

constexpr auto limit = 400ms;

struct one_pipe {
  one_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  unique_fd out, in;
};

/// A copy of this program that runs one command, is stopped until the command has ended and its
/// deadline has passed, and then goes on.
class stopped : public on_each_backend {
 protected:
  using body = std::function<task<bool>(process&)>;

  /// Whether the body says that it was in time.
  bool in_time(const body& of_copy) {
    one_pipe input, report;
    pid_t copy = ::fork();
    if (copy == 0) {
      input.in.reset();
      ::_exit(run(of_copy, input.out.get(), report.in.get()) ? 4 : 5);
    }
    report.in.reset();
    input.out.reset();
    pid_t command = 0;
    EXPECT_EQ(::read(report.out.get(), &command, sizeof command), ssize_t{sizeof command});
    stop_for_a_while(copy, command, input.in);
    int status = 0;
    EXPECT_EQ(::waitpid(copy, &status, 0), copy);
    EXPECT_TRUE(WIFEXITED(status)) << status;
    return WIFEXITED(status) && WEXITSTATUS(status) == 4;
  }

 private:
  static bool run(const body& of_copy, int input, int report) {
    context c;
    process p("sh -c 'echo begun; cat; echo more; exit 4'");
    p.in(from_fd(input)).timeout(limit);
    bool good = false;
    auto work = [&]() -> task<> {
      p.start();
      pid_t pid = co_await running_pid(p);
      (void)!::write(report, &pid, sizeof pid);
      good = co_await of_copy(p);
    };
    sync_wait(c, work());
    return good;
  }

  static void stop_for_a_while(pid_t copy, pid_t command, unique_fd& input) {
    auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(::kill(copy, SIGSTOP), 0);
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(copy), &info, WSTOPPED), 0);
    input.reset();
    EXPECT_TRUE(soon([&] { return process_state(command) == 'Z'; }));
    // No synchronisation: the deadline has to pass.
    std::this_thread::sleep_until(began + limit + 300ms);
    EXPECT_EQ(::kill(copy, SIGCONT), 0);
  }
};
EXECO_ON_EACH_BACKEND(stopped);

TEST_P(stopped, a_command_that_ended_in_time_has_not_timed_out) {
  EXPECT_TRUE(in_time([](process& p) -> task<bool> {
    result r = co_await p.wait();
    co_return r.status().code() == 4 && r.out == "begun\nmore\n";
  }));
}

TEST_P(stopped, a_wait_for_what_ended_in_time_brings_it) {
  EXPECT_TRUE(in_time([](process& p) -> task<bool> {
    auto r = co_await timeout(p.wait(), limit);
    co_return r.has_value() && r->status().code() == 4;
  }));
}

}  // namespace
}  // namespace execo::test
