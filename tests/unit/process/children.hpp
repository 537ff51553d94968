// What tests of processes share: the child program, and looking whether a process lives.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <string>

#include "execo/process.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "held_clock.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {

/// The program that shows one behaviour: see tests/support/child_target.cpp.
template <class... Word>
process child(Word... words) {
  return process(std::string(EXECO_CHILD_TARGET)).args(std::string_view(words)...);
}

template <class... Word>
result run_child(Word... words) {
  return sync_wait(child(words...).run());
}

/// On a clock that hurries so far: where nothing but time can end a wait.
inline result run_in_a_hurry(process p, detail::clock::duration most) {
  context c;
  led_clock time(c);
  time.hurry(most);
  return sync_wait(c, std::move(p).run());
}

/// 'R', 'S', 'Z', ...; 0 when there is no such process.
inline char process_state(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos ? '\0' : text[name_end + 2];
}

/// Runs or is a zombie of ours.
inline bool exists(pid_t pid) { return process_state(pid) != '\0'; }

/// Suspends until a process has its number: it has executed its program then.
inline task<pid_t> running_pid(process& p) {
  while (p.pid() == 0) co_await sleep(std::chrono::milliseconds(1));
  co_return p.pid();
}

/// Suspends until nothing has that number.
inline task<> until_gone(pid_t pid) {
  while (exists(pid)) co_await sleep(std::chrono::milliseconds(1));
}

/// Suspends until nothing runs with that number; whoever has to may not have reaped it yet.
inline task<> until_dead(pid_t pid) {
  while (process_state(pid) != '\0' && process_state(pid) != 'Z')
    co_await sleep(std::chrono::milliseconds(1));
}

/// A resource limit for the life of this object.
class lowered_limit {
 public:
  lowered_limit(decltype(RLIMIT_NOFILE) which, rlim_t to) : which_(which) {
    EXPECT_EQ(::getrlimit(which_, &before_), 0);
    rlimit lower = before_;
    lower.rlim_cur = to;
    EXPECT_EQ(::setrlimit(which_, &lower), 0);
  }
  lowered_limit(const lowered_limit&) = delete;
  lowered_limit& operator=(const lowered_limit&) = delete;
  ~lowered_limit() { (void)::setrlimit(which_, &before_); }

 private:
  decltype(RLIMIT_NOFILE) which_;
  rlimit before_{};
};

}  // namespace execo::test
