// The main function of all test binaries.
#include <gmock/gmock.h>
#include <stdlib.h>

#include "leak_check.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  // The tool under test has no configuration but what a test gives it.
  ::setenv("EXECO_CONFIG", "", 1);
  execo::test::install_leak_check();
  return RUN_ALL_TESTS();
}
