// The main function of a measurement that has many processes.
#pragma once

#include <sys/resource.h>

#include <cstdio>
#include <exception>

#include "fanout_ssh/client_run.hpp"

namespace bench {

/// With as many descriptors as it may have, and the orphans of what it starts. `measure()` may
/// throw: then that is said of `name`. Gives what main() does.
template <class Measure>
int run_many(const char* name, Measure measure) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  try {
    adopt_orphans();
    measure();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", name, e.what());
    return 1;
  }
}

}  // namespace bench
