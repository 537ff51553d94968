// kill_scope::subreaper: a monitor between us and the command, which holds all that comes from it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "process/process_table.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class monitored : public on_each_backend {};
EXECO_ON_EACH_BACKEND(monitored);

process held(process p) { return std::move(p.kill_scope(kill_scope::subreaper)); }

process held_text(const std::string& text) { return held(process(text).shell()); }

result run_held(process p) { return sync_wait(held(std::move(p)).timeout(60s).run()); }

bool lives(pid_t pid) { return detail::look_at_process(pid).lives(); }

/// Zombies of others are their init's.
void expect_dead(pid_t pid) {
  EXPECT_TRUE(soon([pid] { return !lives(pid); })) << pid;
}

pid_t number_of(const std::string& text) { return static_cast<pid_t>(std::stoi(text)); }

pid_t monitor_of(pid_t command) { return detail::look_at_process(command).parent; }

std::string name_of(pid_t pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return name;
}

long resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  long kib = 0;
  for (std::string word; status >> word;)
    if (word == "VmRSS:") status >> kib;
  return kib;
}

task<> until_there(std::string file) {
  while (!std::ifstream(file).good()) co_await sleep(1ms);
}

TEST_P(monitored, ends_are_told_as_in_other_scopes) {
  result r = run_held(process("sh -c 'echo out; echo err >&2; exit 3'"));
  EXPECT_EQ(r.how(), end_reason::exited) << r.dump();
  EXPECT_EQ(r.status().code(), 3);
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(r.kill_scope(), kill_scope::subreaper);
  EXPECT_EQ(r.ended_with_it(), 0U);
  ASSERT_TRUE(r.usage());
  EXPECT_EQ(run_held(child("die-by", "SEGV")).status().signal_name(), "SEGV");
  EXPECT_EQ(run_held(process("cat").input("text")).out, "text");
}

TEST_P(monitored, the_usage_is_the_commands) {
  result r = run_held(process("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done").shell());
  ASSERT_TRUE(r.usage()) << r.dump();
  EXPECT_GT((r.usage()->user + r.usage()->system).count(), 0);
}

TEST_P(monitored, the_pid_is_the_commands_and_the_monitor_holds_nothing) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  process p = held_text("echo $$; : > " + mark + "; exec sleep 300");
  auto work = [&]() -> task<result> {
    p.start();
    co_await until_there(mark);
    pid_t monitor = monitor_of(p.pid());
    EXPECT_NE(monitor, ::getpid());
    EXPECT_EQ(name_of(monitor), "execo-monitor");
    std::string place = "/proc/" + std::to_string(monitor);
    std::filesystem::directory_iterator descriptors(place + "/fd");
    EXPECT_EQ(std::distance(begin(descriptors), end(descriptors)), 4);
    EXPECT_EQ(std::filesystem::read_symlink(place + "/cwd"), "/");
    p.kill();
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.out, std::to_string(p.pid()) + "\n");
  EXPECT_EQ(r.status().signal(), SIGTERM) << r.dump();
  EXPECT_TRUE(r.killed());
}

TEST_P(monitored, the_monitor_lets_go_of_our_memory) {
  // Well above what it keeps: the data of this program, which sanitizers make 60 MiB.
  constexpr std::size_t ballast_mib = 256;
  std::vector<char> ballast(ballast_mib << 20, 'x');
  process p = held(child("sleep", "300"));
  auto work = [&]() -> task<result> {
    p.start();
    pid_t monitor = monitor_of(co_await running_pid(p));
    while (resident_kib(monitor) > long{ballast_mib} << 9) co_await sleep(1ms);
    EXPECT_GT(resident_kib(monitor), 0);
    p.kill();
    co_return co_await p.wait();
  };
  EXPECT_EQ(sync_wait(work()).status().signal(), SIGTERM);
  EXPECT_EQ(ballast[1 << 20], 'x');
}

TEST_P(monitored, a_failure_names_its_step) {
  auto expect_failure = [](process p, const std::string& context, int error) {
    result r = run_held(std::move(p));
    EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.dump();
    EXPECT_EQ(r.error().value(), error) << r.dump();
    EXPECT_THAT(r.error_context(), HasSubstr(context));
  };
  expect_failure(process("/no/such/program"), "execve /no/such/program", ENOENT);
  expect_failure(process("true").cwd("/no/such/directory"), "chdir /no/such/directory", ENOENT);
  expect_failure(process("true").rlimit(RLIMIT_NOFILE, 2, 1), "setrlimit NOFILE", EINVAL);
  expect_failure(process("true").process_group(1), "setpgid", EPERM);
  expect_failure(process("true").pass_fd(987, 3), "descriptor 987 to 3", EBADF);
  expect_failure(process("true").user("no-such-user"), "look up user no-such-user", EINVAL);
  process many("true");
  for (int i = 0; i < 10; ++i) many.args(std::string(1 << 20, 'x'));
  expect_failure(std::move(many), "execve", E2BIG);
}

TEST_P(monitored, attributes_are_the_commands) {
  EXPECT_EQ(run_held(process("umask").shell().umask(027)).out, "0027\n");
  EXPECT_EQ(run_held(process("ulimit -n").shell().rlimit(RLIMIT_NOFILE, 99, 99)).out, "99\n");
  EXPECT_EQ(run_held(process("nice").nice(7)).out, "7\n");
  EXPECT_EQ(run_held(process("pwd").cwd("/usr")).out, "/usr\n");
  EXPECT_EQ(run_held(process("tty").pty(24, 80)).out.substr(0, 9), "/dev/pts/");
  EXPECT_EQ(run_held(child("print-signals")).out,
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
  result numbers = run_held(process("ls -l /proc/self/fd"));
  EXPECT_EQ(std::count(numbers.out.begin(), numbers.out.end(), '>'), 4) << "and that of ls\n"
                                                                        << numbers.out;
  if (::geteuid() != 0) return;
  EXPECT_EQ(run_held(process("id -u").user(54321).group(54321)).out, "54321\n");
}

TEST_P(monitored, running_out_of_descriptors_is_told_at_each_step) {
  context c;
  EXPECT_TRUE(sync_wait(c, held(child("exit", "0")).run()).ok());
  int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(lowest);
  int told = 0;
  bool good = false;
  for (int room = 0; room < 16 && !good; ++room) {
    lowered_limit limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest + room));
    result r = sync_wait(c, held(child("exit", "0")).run());
    good = r.ok();
    if (good) break;
    EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.dump();
    EXPECT_TRUE(r.error() == std::errc::too_many_files_open) << r.dump();
    ++told;
  }
  EXPECT_TRUE(good);
  EXPECT_GE(told, 6);
}

TEST_P(monitored, a_limit_on_processes_is_told) {
  if (::getuid() != 0) GTEST_SKIP() << "needs to become a user without processes";
  result r;
  std::thread other([&r] {
    lowered_limit limit(RLIMIT_NPROC, 1);
    ASSERT_EQ(::syscall(SYS_setresuid, 54'321, 54'321, 0), 0);
    r = sync_wait(held(child("exit", "0")).run());
    ASSERT_EQ(::syscall(SYS_setresuid, 0, 0, 0), 0);
  });
  other.join();
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.dump();
  EXPECT_TRUE(r.error() == std::errc::resource_unavailable_try_again) << r.dump();
}

// Forks twice, leads a session of its own and forgets its environment.
// The rest goes on when that is so: it waits for the end of a pipe.
const std::string daemon =
    "exec 3>&1; : $( (setsid env -i sh -c 'echo $$ >&3; exec sleep 300 >&3' &) ); ";

TEST_P(monitored, a_daemon_is_gone_and_counted) {
  result r = run_held(process(daemon + "exit 0").shell());
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(r.ended_with_it(), 1U);
  EXPECT_TRUE(r.escaped().empty());
  EXPECT_FALSE(lives(number_of(r.out)));
  EXPECT_THAT(r.dump(), HasSubstr("subreaper"));
}

TEST_P(monitored, one_that_has_closed_everything_is_gone_as_well) {
  scratch_directory folder;
  std::string mark = folder.path() + "/pid";
  auto p = process("(setsid env -i sh -c 'echo $$ > " + mark +
                   "; exec sleep 300' </dev/null >/dev/null 2>&1 &) ; "
                   "until [ -s " +
                   mark + " ]; do :; done");
  result r = run_held(std::move(p.shell()));
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_EQ(r.ended_with_it(), 1U);
  std::string pid;
  std::getline(std::ifstream(mark), pid);
  EXPECT_FALSE(lives(number_of(pid)));
}

TEST_P(monitored, orphans_of_orphans_are_gone) {
  // Each generation leaves the session of the one before, and stays.
  scratch_directory folder;
  std::string script = folder.path() + "/generation";
  std::ofstream(script) << "n=$1\n[ $n -gt 0 ] && setsid sh $0 $((n-1)) &\n"
                           "[ $n -eq 0 ] && : > "
                        << folder.path() << "/ready\nexec sleep 300\n";
  result r = run_held(process("(sh " + script + " 12 &) ; until [ -e " + folder.path() +
                              "/ready ]; do sleep 0.01; done; exit 4")
                          .shell());
  EXPECT_EQ(r.status().code(), 4) << r.dump();
  EXPECT_GE(r.ended_with_it(), 13U);
  EXPECT_TRUE(r.output_complete());
}

TEST_P(monitored, children_that_end_meanwhile_are_reaped_and_not_counted) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  process p = held_text("for i in 1 2 3 4 5; do (true &) ; done; : > " + mark + "; exec sleep 300");
  auto work = [&]() -> task<result> {
    p.start();
    co_await until_there(mark);
    pid_t monitor = monitor_of(p.pid());
    auto others = [&] {
      return detail::living_processes(
          [&](const detail::process_entry& e) { return e.parent == monitor && e.pid != p.pid(); });
    };
    while (!others().empty()) co_await sleep(1ms);
    p.kill();
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.ended_with_it(), 0U) << r.dump();
}

TEST_P(monitored, a_signal_reaches_all_descendants) {
  scratch_directory folder;
  std::string mark = folder.path() + "/ready";
  // The command handles the signal before there is anybody else to wait for.
  process p =
      held_text("trap 'echo command' USR1; (setsid sh -c 'trap \"echo daemon; exit\" USR1; : > " +
                mark + "; while :; do sleep 0.01; done' &) ; while :; do sleep 0.01; done");
  auto work = [&]() -> task<result> {
    p.start();
    co_await until_there(mark);
    std::string heard;
    while (heard.find("daemon") == heard.npos || heard.find("command") == heard.npos) {
      p.kill(SIGUSR1);
      auto more = co_await p.out().next();
      if (more.empty()) break;
      heard += more;
    }
    EXPECT_FALSE(p.try_result()) << heard;
    p.kill(SIGKILL);
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.status().signal(), SIGKILL) << r.dump();
}

TEST_P(monitored, a_deadline_and_a_stop_end_all_of_it) {
  result late = sync_wait(held_text(daemon + "trap '' TERM; sleep 300; sleep 300")
                              .timeout(100ms)
                              .kill_timeout(20ms)
                              .run());
  EXPECT_EQ(late.how(), end_reason::timed_out) << late.dump();
  EXPECT_TRUE(late.output_complete());
  EXPECT_TRUE(late.out.empty() || !lives(number_of(late.out)));
  process p = held_text(daemon + "exec sleep 300");
  auto work = [&]() -> task<> {
    auto line = [&]() -> task<std::optional<std::string>> {
      co_return co_await p.out().next_line();
    };
    auto both = co_await when_any(p.run(), line());
    EXPECT_EQ(both.index, 1U);
    EXPECT_FALSE(lives(number_of(*std::get<1>(both.value))));
  };
  sync_wait(work());
  EXPECT_EQ(p.try_result()->how(), end_reason::cancelled) << p.try_result()->dump();
}

TEST_P(monitored, the_end_of_the_context_ends_all_of_it) {
  pid_t pid = 0;
  {
    context c;
    process p = held_text(daemon + "exec sleep 300");
    auto work = [&]() -> task<> {
      p.on(c).start();
      auto line = co_await p.out().next_line();
      pid = number_of(*line);
    };
    sync_wait(c, work());
  }
  EXPECT_FALSE(lives(pid));
}

TEST_P(monitored, two_hundred_at_once) {
  auto work = []() -> task<> {
    std::vector<process::owned_run_op> all;
    for (int i = 0; i < 200; ++i) {
      bool leaves_one = i % 4 == 0;
      auto text = std::string(leaves_one ? "(setsid sleep 300 &) ; " : "") + "exit " +
                  std::to_string(i % 7);
      all.push_back(held_text(text).timeout(100s).run());
    }
    auto results = co_await when_all(std::move(all));
    int number = 0;
    for (const result& r : results) {
      EXPECT_EQ(r.status().code(), number % 7) << r.dump();
      EXPECT_EQ(r.ended_with_it(), number % 4 == 0 ? 1U : 0U) << r.dump();
      ++number;
    }
  };
  sync_wait(work());
}

TEST_P(monitored, a_monitor_that_is_killed_loses_the_status) {
  process p = held_text(daemon + "exec sleep 300");
  p.drain_timeout(50ms);
  auto work = [&]() -> task<result> {
    p.start();
    co_await p.out().next_line();
    EXPECT_EQ(::kill(monitor_of(p.pid()), SIGKILL), 0);
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.how(), end_reason::status_lost) << r.dump();
  EXPECT_THAT(r.error_context(), HasSubstr("monitor was killed"));
  EXPECT_FALSE(r.usage());
  expect_dead(p.pid());
  // What had left the command's group.
  ASSERT_EQ(r.escaped().size(), 1U) << r.dump();
  (void)::kill(r.escaped()[0], SIGKILL);
  expect_dead(r.escaped()[0]);
}

TEST_P(monitored, a_monitor_that_is_stopped_goes_on) {
  process p = held_text(daemon + "exec sleep 300");
  auto work = [&]() -> task<result> {
    p.start();
    co_await p.out().next_line();
    pid_t monitor = monitor_of(p.pid());
    EXPECT_EQ(::kill(monitor, SIGSTOP), 0);
    while (process_state(monitor) != 'T') co_await sleep(1ms);
    p.kill(SIGKILL);
    co_return co_await p.wait();
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.status().signal(), SIGKILL) << r.dump();
  EXPECT_FALSE(lives(number_of(r.out)));
}

extern "C" void reap_all_children(int) {
  int saved = errno;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  errno = saved;
}

TEST_P(monitored, a_foreign_reaper_does_not_get_the_status) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = reap_all_children;
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGCHLD, &action, &before), 0);
  for (int i = 0; i < 20; ++i) {
    result r = sync_wait(held(child("exit", "3")).run());
    EXPECT_EQ(r.status().code(), 3) << r.dump();
  }
  result missing = sync_wait(held(process("/no/such/program")).run());
  EXPECT_EQ(missing.error().value(), ENOENT) << missing.dump();
  ASSERT_EQ(::sigaction(SIGCHLD, &before, nullptr), 0);
  auto handled = ::signal(SIGCHLD, SIG_IGN);
  result ignored = sync_wait(held_text(daemon + "exit 3").run());
  (void)::signal(SIGCHLD, handled);
  EXPECT_EQ(ignored.status().code(), 3) << ignored.dump();
  EXPECT_EQ(ignored.ended_with_it(), 1U);
}

TEST_P(monitored, nothing_is_left_when_the_application_is_killed) {
  program application({EXECO_HOST_APPLICATION, "watched"});
  ASSERT_TRUE(application.out_has("ready\n"));
  std::istringstream words(application.out());
  pid_t daemon_pid = 0, command_pid = 0;
  words >> daemon_pid >> command_pid;
  EXPECT_EQ(name_of(monitor_of(command_pid)), "execo-monitor");
  application.kill(SIGKILL);
  for (pid_t pid : {daemon_pid, command_pid}) expect_dead(pid);
  EXPECT_EQ(application.finish().signal, SIGKILL);
}

}  // namespace
}  // namespace execo::test
