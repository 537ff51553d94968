// The scopes of a command on their own, without the run around them: what a signal reaches, and the
// states of child_scope.hpp.
#include "process/child_scope.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <string>
#include <thread>

#include "process/start_child.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using detail::scope_state;

constexpr const char* state_words[] = {"none", "running", "leaving", "gone", "left"};
std::string word(scope_state s) { return state_words[static_cast<std::size_t>(s)]; }

bool has_cgroups() {
  std::string own = detail::cgroup_directory("");
  detail::cgroup_leaf probe;
  return !own.empty() && probe.make(own) == 0;
}

bool runs(pid_t pid) { return exists(pid) && process_state(pid) != 'Z'; }

/// Ends it if it was not to be reached.
void expect_reached(bool reached, pid_t pid) {
  if (!reached) {
    EXPECT_TRUE(runs(pid));
    (void)::kill(pid, SIGKILL);
  }
  while (runs(pid)) std::this_thread::yield();
}

/// A command under its scope, and what the scope says.
class scoped_command final : private detail::child_scope_owner {
 public:
  explicit scoped_command(kill_scope which, const std::string& text = "exec sleep 300")
      : what_(with_scope(which, command("bash", "-c", text))) {}

  /// Starts it, and takes it for its scope.
  void start() {
    detail::started_child child = spawned();
    ASSERT_EQ(child.made.error, 0) << child.made.step << " " << child.made.object;
    output_ = std::move(child.output);
    scope->adopt(child.made, std::move(child.leaf));
  }
  /// "NAME NUMBER" a line, of so many processes that the command started.
  std::map<std::string, pid_t> started_by_it(std::size_t count) {
    std::map<std::string, pid_t> found;
    std::string line;
    for (char c; found.size() < count && ::read(output_.get(), &c, 1) == 1;) {
      if (c != '\n') {
        line += c;
        continue;
      }
      auto blank = line.find(' ');
      found[line.substr(0, blank)] = std::stoi(line.substr(blank));
      line.clear();
    }
    return found;
  }
  void wait_until_over() {
    bool over = loop_.turn_until([&] { return scope->over(); });
    EXPECT_TRUE(over) << word(scope->state());
  }
  void turn_until_seen(int ends) {
    EXPECT_TRUE(loop_.turn_until([&] { return ends_seen == ends; }));
  }

 private:
  detail::started_child spawned() {
    detail::spawn_plan plan;
    plan.attributes_of = &what_;
    plan.what.argv = what_.argv();
    plan.what.around = detail::surroundings::now(detail::surroundings::caller::stands_still);
    plan.null_input = loop_.loop.null_input();
    scope->bind_to_program(plan.what.settings);
    return detail::start_child(plan);
  }
  void on_command_gone(exit_status status) override {
    ++ends_seen;
    status_seen = status;
    state_at_end = scope->state();
  }
  void on_nothing_found() override {
    std::this_thread::yield();
    scope->look_again();
  }
  void on_scope_moved() override {}

  static command with_scope(kill_scope which, command what) {
    what.scope = which;
    return what;
  }

  command what_;
  detail::unique_fd output_;
  loop_harness loop_;

 public:
  int ends_seen = 0;
  exit_status status_seen;
  std::optional<scope_state> state_at_end;
  std::unique_ptr<detail::child_scope> scope = detail::make_child_scope(what_, loop_.loop, *this);
};

class scopes_of_a_command : public ::testing::TestWithParam<kill_scope> {
 protected:
  void SetUp() override {
    if (GetParam() == kill_scope::cgroup && !has_cgroups()) GTEST_SKIP() << "no cgroup v2 of ours";
  }
};
INSTANTIATE_TEST_SUITE_P(of, scopes_of_a_command,
                         ::testing::Values(kill_scope::process, kill_scope::group,
                                           kill_scope::session, kill_scope::cgroup,
                                           kill_scope::subreaper),
                         [](const auto& chosen) { return std::string(to_string(chosen.param)); });

TEST_P(scopes_of_a_command, hold_nothing_before_the_start) {
  scoped_command it(GetParam());
  EXPECT_EQ(word(it.scope->state()), "none");
  EXPECT_EQ(it.scope->pid(), -1);
  EXPECT_TRUE(it.scope->over());
  EXPECT_FALSE(it.scope->waits());
  EXPECT_FALSE(it.scope->release());
  EXPECT_FALSE(it.scope->report().scope);
  EXPECT_EQ(it.scope->report().started, certainty::no);
}

TEST_P(scopes_of_a_command, run_until_the_command_has_ended_and_nothing_is_waited_for) {
  scoped_command it(GetParam(), "exit 3");
  it.start();
  EXPECT_EQ(word(it.scope->state()), "running");
  EXPECT_GT(it.scope->pid(), 0);
  EXPECT_FALSE(it.scope->over());
  it.turn_until_seen(1);
  EXPECT_EQ(it.status_seen.code(), 3);
  it.wait_until_over();
  EXPECT_EQ(word(it.scope->state()), "gone");
  EXPECT_FALSE(it.scope->release());
  EXPECT_EQ(it.scope->report().scope, GetParam());
  EXPECT_EQ(it.scope->report().started, certainty::yes);
  EXPECT_EQ(it.scope->report().leftover, leftover_cause::none);
  EXPECT_EQ(it.scope->report().ended_with_it, 0U);
  EXPECT_TRUE(it.scope->report().usage.has_value());
  EXPECT_EQ(it.ends_seen, 1);
}

TEST_P(scopes_of_a_command, pass_a_signal_on_to_it) {
  scoped_command it(GetParam());
  it.start();
  it.scope->signal(SIGTERM);
  it.turn_until_seen(1);
  EXPECT_EQ(it.status_seen.signal(), SIGTERM);
  it.wait_until_over();
  EXPECT_FALSE(it.scope->release());
}

TEST_P(scopes_of_a_command, leave_a_command_that_is_given_up_and_give_it_to_be_reaped) {
  scoped_command it(GetParam());
  it.start();
  pid_t pid = it.scope->pid();
  it.scope->give_up();
  EXPECT_EQ(word(it.scope->state()), "left");
  it.wait_until_over();
  EXPECT_EQ(it.ends_seen, 0);
  EXPECT_EQ(it.scope->report().leftover, leftover_cause::held);
  std::optional<detail::unreaped_child> unreaped = it.scope->release();
  ASSERT_TRUE(unreaped);
  EXPECT_TRUE(exists(pid));
  (void)::kill(pid, SIGKILL);
  while (!unreaped->reap()) std::this_thread::yield();
}

// What a command may start: in its group, in a group of its own, in a session of its own.
// Only a shell with job control gives them groups of their own; it makes setsid fork once more.
constexpr const char* starts_three = R"(
  exec 2>/dev/null
  sh -c 'echo group $$; exec sleep 300' &
  setsid sh -c 'echo daemon $$; exec sleep 300' &
  set -m
  sh -c 'echo session $$; exec sleep 300' &
  wait)";

std::size_t reach_of(kill_scope which) {
  switch (which) {
    case kill_scope::process:
      return 0;
    case kill_scope::group:
      return 1;
    case kill_scope::session:
      return 2;
    case kill_scope::cgroup:
    case kill_scope::subreaper:
      break;
  }
  return 3;
}

TEST_P(scopes_of_a_command, end_what_their_kind_says_and_count_it) {
  scoped_command it(GetParam(), starts_three);
  it.start();
  std::map<std::string, pid_t> others = it.started_by_it(3);
  ASSERT_EQ(others.size(), 3U);
  it.scope->end();
  it.scope->signal(SIGKILL);
  it.turn_until_seen(1);
  EXPECT_EQ(it.status_seen.signal(), SIGKILL);
  it.wait_until_over();
  EXPECT_FALSE(it.scope->release());

  std::size_t reach = reach_of(GetParam());
  EXPECT_EQ(it.scope->report().ended_with_it, reach);
  std::size_t farther = 0;
  for (const char* name : {"group", "session", "daemon"}) {
    SCOPED_TRACE(name);
    expect_reached(farther++ < reach, others[name]);
  }
}

TEST_P(scopes_of_a_command, end_what_is_left_with_a_command_whose_run_is_closed) {
  scoped_command it(GetParam(), "sh -c 'echo other $$; exec sleep 300' & exec sleep 300");
  it.start();
  pid_t other = it.started_by_it(1)["other"];
  it.scope->close();
  (void)::kill(it.scope->pid(), SIGKILL);
  it.wait_until_over();
  EXPECT_EQ(it.ends_seen, 1);
  expect_reached(reach_of(GetParam()) > 0, other);
}

TEST(scope_of_a_monitored_command, says_so_when_its_monitor_is_killed) {
  scoped_command it(kill_scope::subreaper);
  it.start();
  pid_t pid = it.scope->pid();
  // The monitor is the parent of the command.
  (void)::kill(detail::look_at_process(pid).parent, SIGKILL);
  it.turn_until_seen(1);
  it.wait_until_over();
  EXPECT_EQ(it.status_seen.code(), exit_status().code());
  EXPECT_EQ(it.scope->report().note, "its monitor was killed");
  EXPECT_FALSE(it.scope->release());
  while (runs(pid)) std::this_thread::yield();
}

TEST(scope_of_a_command, whose_number_other_code_took_has_a_status_of_neither_kind) {
  scoped_command it(kill_scope::group);
  it.start();
  pid_t pid = it.scope->pid();
  (void)::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  it.turn_until_seen(1);
  EXPECT_TRUE(it.scope->over());
  EXPECT_EQ(it.status_seen.signal(), exit_status().signal());
  EXPECT_FALSE(it.scope->report().usage.has_value());
  EXPECT_FALSE(it.scope->release());
}

}  // namespace
}  // namespace execo::test
