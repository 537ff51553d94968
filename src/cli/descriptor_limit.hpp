#pragma once

#include <sys/resource.h>

namespace execo::cli {

// A tool, unlike a library, may use all that its user is allowed. If it fails, fewer hosts run at a
// time, with a notice.
inline void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace execo::cli
