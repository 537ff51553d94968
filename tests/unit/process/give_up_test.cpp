// Commands that a signal does not reach or KILL does not end: what is signalled all the same, when
// the run is given up, what the result says, and who reaps what ends later.
#include <gmock/gmock.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "loop/loop.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class given_up : public on_each_backend {};
EXECO_ON_EACH_BACKEND(given_up);

constexpr uid_t nobody = 65534;

/// A copy of the child program that runs as root, whoever starts it.
class set_user_id_program {
 public:
  set_user_id_program() {
    char name[] = "/tmp/execo-suid-XXXXXX";
    folder_ = ::mkdtemp(name);
    (void)::chmod(folder_.c_str(), 0755);
    std::filesystem::copy_file(EXECO_CHILD_TARGET, path());
    (void)::chmod(path().c_str(), 04755);
  }
  set_user_id_program(const set_user_id_program&) = delete;
  set_user_id_program& operator=(const set_user_id_program&) = delete;
  ~set_user_id_program() { std::filesystem::remove_all(folder_); }

  static bool possible() {
    struct statvfs where;
    return ::geteuid() == 0 && ::statvfs("/tmp", &where) == 0 && (where.f_flag & ST_NOSUID) == 0;
  }
  std::string path() const { return folder_ + "/child"; }

 private:
  std::string folder_;
};

/// This thread is an ordinary user as long as this lives: the C library would change all threads.
class ordinary_thread {
 public:
  ordinary_thread() { change(nobody); }
  ordinary_thread(const ordinary_thread&) = delete;
  ordinary_thread& operator=(const ordinary_thread&) = delete;
  ~ordinary_thread() { change(0); }

 private:
  static void change(uid_t to) {
    EXPECT_EQ(::syscall(SYS_setresuid, to == 0 ? 0 : to, to, 0), 0);
    (void)::prctl(PR_SET_DUMPABLE, 1);
  }
};

/// Suspends until a process has only root's rights.
task<> until_root(pid_t pid) {
  for (;;) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line == "Uid:\t0\t0\t0\t0") co_return;
    co_await sleep(1ms);
  }
}

void note_skip() { GTEST_SKIP() << "may not trace"; }

/// Another process that traces one, and takes no notice of its end.
class tracer {
 public:
  explicit tracer(pid_t traced) {
    int ready[2];
    if (::pipe(ready) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      char seized = ::ptrace(PTRACE_SEIZE, traced, nullptr, nullptr) == 0 ? 'y' : 'n';
      (void)!::write(ready[1], &seized, 1);
      for (;;) (void)::pause();
    }
    char seized = 'n';
    (void)!::read(ready[0], &seized, 1);
    works_ = seized == 'y';
    (void)::close(ready[0]);
    (void)::close(ready[1]);
  }
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;
  ~tracer() { end(); }

  bool works() const noexcept { return works_; }
  void end() noexcept {
    if (pid_ <= 0) return;
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  bool works_ = false;
};

TEST_P(given_up, a_command_that_left_its_group_gets_its_signals_all_the_same) {
  pid_t left = 0;
  auto work = [&]() -> task<result> {
    process p = child("leave-group", "300");
    p.out(pipe()).kill_timeout(20s).drain_timeout(100ms).start();
    auto line = co_await p.out().next_line();
    left = std::atoi(line.value_or("").c_str());
    p.kill();
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
  EXPECT_TRUE(r.killed());
  EXPECT_EQ(r.status().signal(), SIGTERM);
  EXPECT_FALSE(r.may_still_run());
  // Outside the scope, as documented.
  ASSERT_GT(left, 0) << r.dump();
  (void)::kill(left, SIGKILL);
  sync_wait(until_dead(left));
}

TEST_P(given_up, a_command_of_another_user_is_left_with_the_reason_and_reaped_when_it_ends) {
  if (!set_user_id_program::possible()) GTEST_SKIP() << "not root, or /tmp is nosuid";
  set_user_id_program program;
  context c;
  led_clock time(c);
  time.hurry();
  auto work = [&]() -> task<> {
    process p(program.path());
    p.args("become-root", "300").kill_timeout(100ms);
    std::optional<result> ended;
    pid_t pid = 0;
    {
      ordinary_thread me;
      p.start();
      pid = co_await running_pid(p);
      co_await until_root(pid);
      p.kill();
      ended.emplace(co_await p.wait());
    }
    const result& r = *ended;
    EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
    EXPECT_TRUE(r.forced_kill());
    EXPECT_EQ(r.error(), std::errc::operation_not_permitted);
    EXPECT_TRUE(r.may_still_run());
    EXPECT_EQ(r.leftover(), leftover_cause::not_permitted);
    EXPECT_THAT(r.describe(), HasSubstr("kill: Operation not permitted; it may still run"));
    EXPECT_EQ(r.stats().may_still_run, 1U);
    EXPECT_EQ(process_state(pid), 'S');
    (void)::kill(pid, SIGKILL);
    co_await until_gone(pid);
  };
  sync_wait(c, work());
}

TEST_P(given_up, a_context_does_not_wait_for_what_it_cannot_end_and_the_next_one_reaps_it) {
  if (!set_user_id_program::possible()) GTEST_SKIP() << "not root, or /tmp is nosuid";
  set_user_id_program program;
  pid_t pid = 0;
  auto work = [&]() -> task<> {
    process p(program.path());
    p.args("become-root", "300").kill_timeout(50ms);
    p.start();
    pid = co_await running_pid(p);
    co_await until_root(pid);
  };
  {
    ordinary_thread me;
    std::optional<context> c(std::in_place);
    led_clock time(*c);
    time.hurry();
    sync_wait(*c, work());
    c.reset();
    time.outlive_loop();
  }
  ASSERT_EQ(process_state(pid), 'S');
  (void)::kill(pid, SIGKILL);
  sync_wait(until_dead(pid));
  EXPECT_EQ(process_state(pid), 'Z');
  EXPECT_TRUE(run_child("exit", "0").ok());
  EXPECT_FALSE(exists(pid));
}

TEST_P(given_up, what_a_command_leaves_of_another_user_in_its_group_is_told) {
  if (!set_user_id_program::possible()) GTEST_SKIP() << "not root, or /tmp is nosuid";
  set_user_id_program program;
  auto work = [&]() -> task<> {
    process p("/bin/sh");
    p.args("-c", "\"$1\" become-root 300 >/dev/null & echo $!; wait", "sh", program.path());
    p.out(pipe()).kill_timeout(20s).drain_timeout(100ms);
    std::optional<result> ended;
    pid_t left = 0;
    {
      ordinary_thread me;
      p.start();
      auto line = co_await p.out().next_line();
      left = std::atoi(std::string(*line).c_str());
      co_await until_root(left);
      p.kill();
      ended.emplace(co_await p.wait());
    }
    EXPECT_EQ(ended->status().signal(), SIGTERM) << ended->describe();
    EXPECT_EQ(ended->leftover(), leftover_cause::not_permitted) << ended->dump();
    (void)::kill(left, SIGKILL);
    co_await until_dead(left);
  };
  sync_wait(work());
}

TEST_P(given_up, a_zombie_that_a_tracer_holds_is_left_and_costs_no_spinning) {
  context c;
  led_clock time(c);
  time.hurry();
  auto work = [&]() -> task<> {
    process p = child("sleep", "300");
    p.timeout(400ms).kill_timeout(100ms).start();
    pid_t pid = co_await running_pid(p);
    tracer holder(pid);
    if (!holder.works()) co_return note_skip();
    (void)::kill(pid, SIGKILL);
    co_await until_dead(pid);
    std::uint64_t before = detail::loop::current()->turns();
    result r = co_await p.wait();
    EXPECT_LT(detail::loop::current()->turns() - before, 500U);
    EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
    EXPECT_FALSE(r.may_still_run());
    EXPECT_THAT(r.describe(), HasSubstr("it has ended, but a tracer keeps its status"));
    EXPECT_EQ(process_state(pid), 'Z');
    holder.end();
    co_await until_gone(pid);
  };
  sync_wait(c, work());
}

TEST_P(given_up, a_zombie_that_its_tracer_lets_go_ends_the_run) {
  auto work = [&]() -> task<> {
    process p = child("sleep", "300");
    p.start();
    pid_t pid = co_await running_pid(p);
    tracer holder(pid);
    if (!holder.works()) co_return note_skip();
    (void)::kill(pid, SIGKILL);
    co_await until_dead(pid);
    co_await sleep(100ms);
    EXPECT_FALSE(p.try_result().has_value());
    holder.end();
    result r = co_await p.wait();
    EXPECT_EQ(r.status().signal(), SIGKILL) << r.describe();
  };
  sync_wait(work());
}

TEST_P(given_up, a_stopped_command_hears_term) {
  auto work = []() -> task<result> {
    process p("trap 'echo bye; exit 9' TERM; echo on; kill -STOP $$; sleep 300");
    p.shell().kill_timeout(20s).start();
    pid_t pid = co_await running_pid(p);
    while (process_state(pid) != 'T') co_await sleep(1ms);
    p.kill();
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.status().code(), 9) << r.describe();
  EXPECT_EQ(r.out, "on\nbye\n");
  EXPECT_FALSE(r.forced_kill());
}

TEST_P(given_up, a_signal_that_does_not_end_a_command_leaves_it_stopped) {
  auto work = []() -> task<> {
    process p = child("sleep", "300");
    p.start();
    pid_t pid = co_await running_pid(p);
    p.kill(SIGSTOP);
    while (process_state(pid) != 'T') co_await sleep(1ms);
    p.kill(SIGURG);
    co_await sleep(20ms);
    EXPECT_EQ(process_state(pid), 'T');
    p.kill(SIGKILL);
    co_await p.wait();
  };
  sync_wait(work());
}

/// How the application treats SIGCHLD while this lives.
class other_reaper {
 public:
  enum class kind : std::uint8_t { ignores, wants_no_zombies, waits };
  explicit other_reaper(kind which) {
    struct sigaction action {};
    action.sa_handler = which == kind::ignores ? SIG_IGN : SIG_DFL;
    action.sa_flags = which == kind::wants_no_zombies ? SA_NOCLDWAIT : 0;
    EXPECT_EQ(::sigaction(SIGCHLD, &action, &before_), 0);
    if (which == kind::waits) thread_ = std::thread([this] { reap(); });
  }
  other_reaper(const other_reaper&) = delete;
  other_reaper& operator=(const other_reaper&) = delete;
  ~other_reaper() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    EXPECT_EQ(::sigaction(SIGCHLD, &before_, nullptr), 0);
  }

 private:
  void reap() {
    while (!over_)
      if (::waitpid(-1, nullptr, WNOHANG) <= 0) std::this_thread::sleep_for(100us);
  }
  struct sigaction before_ {};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

TEST_P(given_up, what_is_left_goes_with_a_command_that_somebody_else_reaps) {
  using kind = other_reaper::kind;
  for (kind which : {kind::ignores, kind::wants_no_zombies, kind::waits}) {
    other_reaper other(which);
    auto work = [](enum kill_scope scope) -> task<> {
      process p("sh -c 'trap \"\" TERM; echo $$; exec sleep 300' & wait");
      p.shell().kill_scope(scope).kill_timeout(20s).drain_timeout(10s).out(pipe()).start();
      auto line = co_await p.out().next_line();
      p.kill();
      result r = co_await p.wait();
      // Or the loop was faster.
      EXPECT_TRUE(r.how() == end_reason::status_lost || r.how() == end_reason::signaled)
          << r.describe();
      EXPECT_TRUE(r.killed());
      pid_t left = std::atoi(line.value_or("").c_str());
      EXPECT_GT(left, 0) << r.dump();
      if (left > 0) co_await until_dead(left);
    };
    auto both = [&]() -> task<> {
      co_await when_all(work(kill_scope::group), work(kill_scope::session));
    };
    sync_wait(both());
  }
}

TEST_P(given_up, without_a_process_table_what_needs_one_is_unsupported) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  bool prepared = false;
  std::vector<result> ends;
  // Its own mount namespace, and that of what it starts.
  std::thread apart([&] {
    prepared = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
    if (!prepared) return;
    for (auto scope : {kill_scope::session, kill_scope::subreaper, kill_scope::group})
      ends.push_back(sync_wait(child("exit", "0").kill_scope(scope).run()));
  });
  apart.join();
  if (!prepared) GTEST_SKIP() << "no mount namespace";
  ASSERT_EQ(ends.size(), 3U);
  EXPECT_EQ(ends[0].how(), end_reason::unsupported) << ends[0].describe();
  EXPECT_EQ(ends[1].how(), end_reason::unsupported) << ends[1].describe();
  EXPECT_THAT(ends[0].describe(), HasSubstr("/proc"));
  EXPECT_TRUE(ends[2].ok()) << ends[2].describe();
}

}  // namespace
}  // namespace execo::test
