// Where tests find their data and the programs they run. Every test has this header without
// including it; the paths stand in places.cpp alone, so that the object code of a test does not
// depend on the folder of the clone, and a compiler cache serves all clones.
#pragma once

namespace execo::test::places {

extern const char* const data;              // the folder tests/data
extern const char* const tool;              // execo
extern const char* const fleet;             // execo-fleet
extern const char* const child_target;      // what tests run as their child
extern const char* const host_application;  // an application that execo lives in
extern const char* const without_uring;     // runs a command where io_uring is denied
extern const char* const without_guard;     // and where there is no guard of commands

}  // namespace execo::test::places

#define EXECO_TEST_DATA ::execo::test::places::data
#define EXECO_TOOL ::execo::test::places::tool
#define EXECO_FLEET ::execo::test::places::fleet
#define EXECO_CHILD_TARGET ::execo::test::places::child_target
#define EXECO_HOST_APPLICATION ::execo::test::places::host_application
#define EXECO_WITHOUT_URING ::execo::test::places::without_uring
#define EXECO_WITHOUT_GUARD ::execo::test::places::without_guard
