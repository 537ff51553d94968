// The main function of all test binaries.
#include <gmock/gmock.h>
#include <stdlib.h>

#include "leak_check.hpp"

// libssh 0.10 drops a list of an agent's keys when it reads the next one of a session (agent.c),
// and has no other name that a report would show.
extern "C" const char* __lsan_default_suppressions() { return "leak:ssh_buffer_new\n"; }

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  // The tool under test has no configuration but what a test gives it.
  ::setenv("EXECO_CONFIG", "", 1);
  // Nor an agent: that of who runs the tests is not for them.
  ::unsetenv("SSH_AUTH_SOCK");
  execo::test::install_leak_check();
  return RUN_ALL_TESTS();
}
