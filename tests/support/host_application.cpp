// Applications that execo has to live in: each mode is one that does something of its own with
// children, signals or threads. Each checks itself, writes one line and ends with 0 if all went
// right. They are programs, because a test program cannot change its own signals for others.
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>
#include <vector>

#include "execo/context.hpp"
#include "execo/process.hpp"
#include "execo/remote.hpp"
#include "execo/scope.hpp"
#include "execo/signals.hpp"
#include "execo/sleep.hpp"
#include "execo/start.hpp"
#include "execo/sync_wait.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "sanitizers.hpp"

namespace {

bool is_copy = false;

}  // namespace

// Asked by LeakSanitizer when a program ends. A copy has the memory of threads that it has not, and
// what only their stacks know would be taken for lost.
extern "C" int __lsan_is_turned_off() { return is_copy ? 1 : 0; }

namespace {

using namespace std::chrono_literals;
using execo::end_reason;

constexpr char usage[] =
    "usage: host_application MODE\n"
    "  reaper        a SIGCHLD handler calls waitpid(-1) in a loop; calls are interrupted\n"
    "  ignored       SIGCHLD is ignored\n"
    "  forks         forks while a context runs on another thread; each copy ends differently\n"
    "  forks-inside  forks from a coroutine\n"
    "  forks-idle    forks between two runs of a context that the copy then destroys\n"
    "  forks-default forks while the default context runs; the copy leaves by exit()\n"
    "  default-in-copy  uses the default context in a copy of a program that has one\n"
    "  fork-storm    forks copies that stay while children are made\n"
    "  run-main      runs a command until a signal stops it\n"
    "  run-main-stubborn  runs one that the stop does not end\n"
    "  threads       two contexts on two threads run 200 processes each\n"
    "  contexts      200 contexts at 64 KiB of locked memory, used by 200 threads at once\n"
    "  watched       tells the pids of a daemon and of the command that holds it, and waits\n"
    "  mortal        tells the pids of commands of all kinds and what they started, and waits\n"
    "  run-main-all  as mortal, until a signal stops them\n"
    "  remote        runs commands on 127.4.0.[1-3] by the default context, which is older; the\n"
    "                variables FLEET_PORT and FLEET_IDENTITY say how\n"
    "  detaching     tells the pids of a command and of a detached one, and waits\n"
    "  handing-over  as mortal, from a thread that has ended then\n"
    "  daemon        leaves its parent, which ends, and is mortal then\n";

/// What a number of commands ended with. `wrong` are ends that no mode allows.
class ends {
 public:
  ends() = default;
  void add(const execo::result& r, int code, const char* out) {
    if (r.how() == end_reason::exited && r.status().code() == code) {
      ++exact;
    } else if (r.how() == end_reason::status_lost) {
      ++lost;
    } else {
      std::fprintf(stderr, "unexpected: %s\n", r.describe().c_str());
      ++wrong;
    }
    if (r.out == out && r.output_complete()) return;
    const char* how = r.output_complete() ? "unexpected" : "incomplete";
    std::fprintf(stderr, "%s output: \"%s\"\n", how, r.out.c_str());
    ++wrong;
  }
  void operator+=(const ends& o) {
    exact += o.exact;
    lost += o.lost;
    wrong += o.wrong;
  }
  int sum() const { return exact + lost + wrong; }
  int exact = 0;
  int lost = 0;
  int wrong = 0;
};

execo::task<> one_worker(int& left, ends& all) {
  while (left > 0) {
    --left;
    execo::result r = co_await execo::process("sh -c 'echo hi; exit 3'").run();
    all.add(r, 3, "hi\n");
  }
}

// What has to end though nobody may ever tell us its status.
execo::task<> one_stopped(ends& all) {
  execo::result r = co_await execo::process("sleep 60").timeout(30ms).run();
  if (r.how() == end_reason::timed_out || r.how() == end_reason::status_lost) co_return;
  std::fprintf(stderr, "unexpected: %s\n", r.describe().c_str());
  ++all.wrong;
}

execo::task<> one_missing(ends& all) {
  execo::result r = co_await execo::process("/nowhere/nothing").run();
  if (r.how() == end_reason::spawn_failed && r.error() == std::errc::no_such_file_or_directory)
    co_return;
  std::fprintf(stderr, "unexpected: %s\n", r.describe().c_str());
  ++all.wrong;
}

execo::task<ends> run_many(int count) {
  ends all;
  execo::scope s;
  for (int i = 0; i < 8; ++i) s.spawn(one_worker(count, all));
  for (int i = 0; i < 4; ++i) s.spawn(one_stopped(all));
  for (int i = 0; i < 4; ++i) s.spawn(one_missing(all));
  co_await s.join();
  co_return all;
}

bool no_children() {
  // Ours were waited for; a child of the host's own would be there to be waited for, too.
  errno = 0;
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

int verdict(const ends& all, int expected, bool may_lose) {
  const bool alone = no_children();
  std::printf("%d exact, %d lost, %d wrong, %s\n", all.exact, all.lost, all.wrong,
              alone ? "no child left" : "children left");
  return all.sum() == expected && all.wrong == 0 && alone && (may_lose || all.lost == 0) ? 0 : 1;
}

volatile sig_atomic_t reaped = 0;

void reap_all(int) {
  const int saved = errno;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) reaped = reaped + 1;
  errno = saved;
}

int reaper() {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = &reap_all;  // without SA_RESTART
  ::sigaction(SIGCHLD, &action, nullptr);
  const ends all = execo::sync_wait(run_many(200));
  return verdict(all, 200, true);
}

int ignored() {
  ::signal(SIGCHLD, SIG_IGN);
  const ends all = execo::sync_wait(run_many(200));
  return verdict(all, 200, true);
}

bool wait_for(pid_t copy) {
  int status = 0;
  while (::waitpid(copy, &status, 0) < 0)
    if (errno != EINTR) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::fprintf(stderr, "a copy ended with %x\n", static_cast<unsigned>(status));
  return false;
}

// A copy that hangs is ended by its alarm, which wait_for reports.
pid_t fork_with_alarm() {
  const pid_t copy = ::fork();
  if (copy != 0) return copy;
  is_copy = true;
  ::alarm(20);
  return copy;
}

// The copy has a context of its own, uses it, and ends as programs do, destructors and all.
[[noreturn]] void live_in_a_copy() {
  const ends mine = execo::sync_wait(run_many(5));
  std::exit(mine.exact == 5 && mine.wrong == 0 ? 0 : 1);
}

// The AddressSanitizer of GCC 12 leaves the locks of its allocator in a copy as they were: one that
// is made while another thread allocates waits for ever when it allocates itself.
[[noreturn]] void leave_a_busy_copy(bool quietly) {
  if (quietly || execo::test::address_sanitizer) ::_exit(0);
  live_in_a_copy();
}

int forks() {
  execo::context busy;
  std::atomic<bool> running{true};
  ends all;
  std::thread driver([&] {
    all = execo::sync_wait(busy, run_many(200));
    running = false;
  });
  bool good = true;
  int copies = 0;
  while (running || copies < 4) {
    const pid_t copy = fork_with_alarm();
    if (copy < 0) break;
    if (copy == 0) leave_a_busy_copy(copies % 2 == 0);
    good = wait_for(copy) && good;
    ++copies;
  }
  driver.join();
  std::printf("%d copies; ", copies);
  return good ? verdict(all, 200, false) : 1;
}

execo::task<bool> fork_now_and_then(int times) {
  for (int i = 0; i < times; ++i) {
    co_await execo::sleep(5ms);
    const pid_t copy = fork_with_alarm();
    if (copy == 0) ::_exit(0);
    if (!wait_for(copy)) co_return false;
  }
  co_return true;
}

execo::task<int> fork_inside() {
  auto both = co_await execo::when_all(run_many(200), fork_now_and_then(20));
  const int code = verdict(std::get<0>(both), 200, false);
  co_return std::get<1>(both) ? code : 1;
}

// The copy inherits a context with what it has open, and leaves it as a program does at its end.
int forks_idle() {
  auto c = std::make_unique<execo::context>();
  ends all;
  for (int i = 0; i < 8; ++i) {
    execo::process before = execo::process("sh -c 'sleep 0.05; echo hi; exit 3'").on(*c);
    before.start();
    all += execo::sync_wait(*c, run_many(10));
    const pid_t copy = fork_with_alarm();
    if (copy == 0) {
      c.reset();
      live_in_a_copy();
    }
    if (!wait_for(copy)) return 1;
  }
  all += execo::sync_wait(*c, run_many(20));
  return verdict(all, 100, false);
}

int forks_default() {
  ends all;
  for (int i = 0; i < 8; ++i) {
    execo::process p("sh -c 'sleep 0.05; echo hi; exit 3'");
    p.on(execo::context::default_instance()).start();
    const pid_t copy = fork_with_alarm();
    if (copy == 0) leave_a_busy_copy(false);
    const bool good = wait_for(copy);
    all.add(execo::sync_wait(p.wait()), 3, "hi\n");
    if (!good) return 1;
  }
  return verdict(all, 8, false);
}

// The context of work that names none is another one in a copy.
int default_in_copy() {
  auto told = [] { return execo::as_future(execo::process("echo here").run()).get().out; };
  if (told() != "here\n") return 1;
  const pid_t copy = fork_with_alarm();
  if (copy == 0) {
    bool good = told() == "here\n";
    const pid_t copy_of_copy = fork_with_alarm();
    if (copy_of_copy == 0) std::exit(told() == "here\n" ? 0 : 1);
    good = wait_for(copy_of_copy) && good && told() == "here\n";
    std::exit(good ? 0 : 1);
  }
  const bool good = wait_for(copy);
  return good && told() == "here\n" ? 0 : 1;
}

// Copies that stay, made while children are made: what those write has its end all the same.
int fork_storm() {
  std::atomic<bool> running{true};
  std::vector<pid_t> copies;
  std::thread forker([&] {
    while (running && copies.size() < 200) {
      const pid_t copy = ::fork();
      if (copy == 0) {
        ::pause();
        ::_exit(0);
      }
      if (copy > 0) copies.push_back(copy);
    }
  });
  const ends all = execo::sync_wait(run_many(400));
  running = false;
  forker.join();
  for (pid_t copy : copies) ::kill(copy, SIGKILL);
  for (pid_t copy : copies) ::waitpid(copy, nullptr, 0);
  std::printf("%zu copies; ", copies.size());
  return verdict(all, 400, false);
}

execo::task<int> until_stopped() {
  execo::process p("sh -c 'echo ready; exec sleep 300'");
  p.start();
  (void)co_await p.out().next_line();
  std::printf("ready\n");
  std::fflush(stdout);
  execo::result r = co_await p.run();
  std::printf("%s\n", r.how() == end_reason::cancelled ? "cancelled" : r.describe().c_str());
  std::fflush(stdout);
  co_return 7;
}

// Takes no notice of the first one.
execo::task<int> unstoppable() {
  execo::process p("sh -c 'trap \"\" TERM; echo $$ ready; sleep 300'");
  p.kill_timeout(300s).out(execo::inherit());
  (void)co_await std::move(p).run();
  co_return 0;
}

int threads() {
  std::vector<ends> found(2);
  std::vector<std::thread> drivers;
  for (ends& mine : found)
    drivers.emplace_back([&mine] { mine = execo::sync_wait(run_many(200)); });
  for (std::thread& t : drivers) t.join();
  ends all = found[0];
  all += found[1];
  return verdict(all, 400, false);
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int contexts() {
  raise_descriptor_limit();
  const rlimit locked{65'536, 65'536};
  ::setrlimit(RLIMIT_MEMLOCK, &locked);
  // The limit does not bind root.
  if (::geteuid() == 0 && ::setresuid(65'534, 65'534, 65'534) != 0) return 1;
  std::vector<std::unique_ptr<execo::context>> made;
  std::map<std::string, int> kinds;
  for (int i = 0; i < 200; ++i) {
    made.push_back(std::make_unique<execo::context>());
    ++kinds[made.back()->backend()];
  }
  for (const auto& [kind, count] : kinds) std::printf("%d x %s; ", count, kind.c_str());
  std::atomic<int> good{0};
  std::vector<std::thread> drivers;
  for (auto& c : made)
    drivers.emplace_back([&good, &c] {
      auto work = []() -> execo::task<bool> {
        co_await execo::sleep(20ms);
        execo::result r = co_await execo::process("echo hi").run();
        co_return r.ok() && r.out == "hi\n";
      };
      if (execo::sync_wait(*c, work())) ++good;
    });
  for (std::thread& t : drivers) t.join();
  made.clear();
  std::printf("%d good\n", good.load());
  return good == 200 && no_children() ? 0 : 1;
}

int watched() {
  auto p = execo::process(
               "(setsid env -i sh -c 'echo $$; exec sleep 300' &) | "
               "{ read daemon; echo $daemon $$ ready; exec sleep 300; }")
               .shell()
               .out(execo::inherit())
               .kill_scope(execo::kill_scope::subreaper);
  execo::result r = execo::sync_wait(std::move(p).run());
  return r.ok() ? 0 : 1;
}

// Each tells the number of its shell and of what that started.
constexpr char pair[] = "sleep 300 & echo $! $$; wait";

std::vector<execo::process> all_kinds() {
  std::vector<execo::process> all;
  auto add = [&all](execo::process p) { all.push_back(std::move(p).out(execo::inherit())); };
  add(execo::process(pair).shell());
  add(execo::process("sh").args("-c", pair));
  add(execo::process("sh -c 'echo $$; exec sleep 300'").kill_scope(execo::kill_scope::process));
  add(execo::process("sh").args("-c", pair).new_session());
  // A job of its own group.
  add(execo::process("sh").args("-mc", pair).kill_scope(execo::kill_scope::session));
  add(execo::process("sh").args("-c", pair).kill_scope(execo::kill_scope::subreaper));
  // More than are started at once.
  for (int i = 0; i < 6; ++i)
    add(execo::process("sh -c 'trap \"\" TERM HUP INT; echo $$; sleep 300'"));
  return all;
}

execo::task<> run_all(std::vector<execo::process>& all) {
  for (execo::process& p : all) p.start();
  for (execo::process& p : all) (void)co_await p.wait();
}

execo::task<execo::result> run_until_stopped(execo::process p) {
  p.kill_timeout(200ms);
  co_return co_await p.run();
}

execo::task<int> stop_all() {
  std::vector<execo::task<execo::result>> runs;
  for (execo::process& p : all_kinds()) runs.push_back(run_until_stopped(std::move(p)));
  const std::vector<execo::result> ended = co_await execo::when_all(std::move(runs));
  std::printf("cancelled %td\n",
              std::ranges::count(ended, end_reason::cancelled, &execo::result::how));
  std::fflush(stdout);
  co_return 7;
}

int mortal() {
  std::vector<execo::process> all = all_kinds();
  execo::sync_wait(run_all(all));
  return 0;
}

int handing_over() {
  execo::context c;
  std::vector<execo::process> all = all_kinds();
  std::thread first([&] {
    for (execo::process& p : all) p.on(c.ring(0)).start();
    while (std::ranges::any_of(all, [](execo::process& p) { return p.pid() == 0; })) {
      c.poll();
      std::this_thread::yield();
    }
  });
  first.join();
  // It tells its number when that thread is gone.
  all.push_back(execo::process("sh -c 'echo $$; exec sleep 300'").out(execo::inherit()));
  execo::sync_wait(c, run_all(all));
  return 0;
}

execo::task<> detach_one() {
  execo::process kept("sh -c 'echo $$; exec sleep 300'");
  kept.out(execo::inherit()).start();
  execo::process late("sh -c 'echo $$; exec sleep 300'");
  late.out(execo::inherit()).start();
  while (late.pid() == 0) co_await execo::sleep(1ms);
  execo::process("sh -c 'echo $$; exec sleep 300'").out(execo::inherit()).start().detach();
  std::move(late).detach();
  (void)co_await kept.wait();
}

// What the libraries below keep for a thread of the context is given back at its end, which is to
// come before theirs.
int remote() {
  if (!execo::as_future(execo::process("true").run()).get().ok()) return 1;
  execo::ssh_options how;
  how.port = static_cast<unsigned short>(std::atoi(std::getenv("FLEET_PORT")));
  how.identities.push_back(std::getenv("FLEET_IDENTITY"));
  how.host_key_policy = execo::host_keys::ignore;
  auto all = execo::remote("echo hi", "127.4.0.[1-3]").ssh(how);
  return execo::as_future(std::move(all).run()).get().ok() ? 0 : 1;
}

int daemon() {
  execo::context left;
  (void)execo::sync_wait(left, execo::process("true").run());
  if (::fork() != 0) ::_exit(0);
  return mortal();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc == 2 ? argv[1] : "";
  // A hang is a failure, not a test that is killed from outside.
  ::alarm(100);
  if (mode == "reaper") return reaper();
  if (mode == "ignored") return ignored();
  if (mode == "forks") return forks();
  if (mode == "forks-inside") return execo::sync_wait(fork_inside());
  if (mode == "forks-idle") return forks_idle();
  if (mode == "forks-default") return forks_default();
  if (mode == "default-in-copy") return default_in_copy();
  if (mode == "fork-storm") return fork_storm();
  if (mode == "run-main") return execo::run_main(until_stopped());
  if (mode == "run-main-stubborn") return execo::run_main(unstoppable());
  if (mode == "threads") return threads();
  if (mode == "contexts") return contexts();
  if (mode == "watched") return watched();
  if (mode == "mortal") return mortal();
  if (mode == "run-main-all") return execo::run_main(stop_all());
  if (mode == "remote") return remote();
  if (mode == "detaching") return execo::sync_wait(detach_one()), 0;
  if (mode == "handing-over") return handing_over();
  if (mode == "daemon") return daemon();
  std::fputs(usage, stderr);
  return 64;
}
