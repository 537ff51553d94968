// execo inside applications that have children, signals, forks and threads of their own: results
// are exact, or the typed end status_lost; nothing hangs, and no zombie is left.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "fleet_fixture.hpp"
#include "program.hpp"
#include "sanitizers.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

class in_application : public on_each_backend {
 protected:
  outcome end_of(const std::string& mode) {
    program application({EXECO_HOST_APPLICATION, mode});
    outcome end = application.finish({}, std::chrono::seconds(110));
    EXPECT_EQ(end.code, 0) << mode << ": signal " << end.signal << "\n" << end.out << end.err;
    EXPECT_EQ(end.err, "");
    return end;
  }
};
EXECO_ON_EACH_BACKEND(in_application);

TEST_P(in_application, that_reaps_all_children_gets_exact_or_lost_ends) { end_of("reaper"); }

TEST_P(in_application, that_ignores_sigchld_gets_exact_or_lost_ends) { end_of("ignored"); }

TEST_P(in_application, may_fork_while_a_context_runs) {
  if (thread_sanitizer) GTEST_SKIP() << "it cannot follow a fork of several threads";
  end_of("forks");
}

TEST_P(in_application, may_fork_from_a_coroutine) {
  // Helper threads that start children may be there already.
  if (thread_sanitizer) GTEST_SKIP() << "it cannot follow a fork of several threads";
  end_of("forks-inside");
}

TEST_P(in_application, may_fork_while_the_default_context_runs) {
  if (thread_sanitizer) GTEST_SKIP() << "it cannot follow a fork of several threads";
  end_of("forks-default");
}

TEST_P(in_application, has_another_default_context_in_a_copy) {
  if (thread_sanitizer) GTEST_SKIP() << "it cannot follow a fork of several threads";
  end_of("default-in-copy");
}

TEST_P(in_application, loses_no_end_of_output_to_copies_that_stay) {
  if (thread_sanitizer) GTEST_SKIP() << "it cannot follow a fork of several threads";
  end_of("fork-storm");
}

TEST_P(in_application, may_destroy_an_idle_context_in_a_copy) {
  // Helper threads that start children may be there already.
  if (thread_sanitizer) GTEST_SKIP() << "it cannot follow a fork of several threads";
  end_of("forks-idle");
}

TEST_P(in_application, may_run_contexts_on_two_threads) { end_of("threads"); }

// Where rings are charged to the limit there are fewer than 200 of them, or none: the rest is
// epoll.
TEST(host_application, has_two_hundred_contexts_with_little_locked_memory) {
  program application({EXECO_HOST_APPLICATION, "contexts"}, {"EXECO_BACKEND="});
  const outcome end = application.finish();
  EXPECT_EQ(end.code, 0) << end.out << end.err;
  EXPECT_EQ(end.err, "");
  std::printf("%s", end.out.c_str());
}

// LeakSanitizer, where there is one, speaks at the end of main(), and ends the program with another
// code.
TEST(host_application, leaves_nothing_of_a_remote_command_on_the_default_context) {
  fleet_fixture fleet("127.4.0.[1-3]");
  program application(
      {EXECO_HOST_APPLICATION, "remote"},
      {"FLEET_PORT=" + std::to_string(fleet.port()), "FLEET_IDENTITY=" + fleet.identity()});
  const outcome end = application.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_EQ(end.err, "");
}

// Two contexts and 400 processes, as everywhere, where the kernel refuses every call of io_uring.
TEST(host_application, works_where_io_uring_is_denied) {
  for (const char* error : {"EPERM", "ENOSYS"}) {
    program told({EXECO_WITHOUT_URING, error, EXECO_TOOL, "--version", "-v"}, {"EXECO_BACKEND="});
    EXPECT_NE(told.finish().out.find("epoll (io_uring: "), std::string::npos) << told.out();
    program application({EXECO_WITHOUT_URING, error, EXECO_HOST_APPLICATION, "threads"},
                        {"EXECO_BACKEND="});
    const outcome end = application.finish();
    EXPECT_EQ(end.code, 0) << end.out << end.err;
  }
}

}  // namespace
}  // namespace execo::test
