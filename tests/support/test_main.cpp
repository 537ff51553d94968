// The main function of all test binaries.
#include <gmock/gmock.h>

#include "leak_check.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  execo::test::install_leak_check();
  return RUN_ALL_TESTS();
}
