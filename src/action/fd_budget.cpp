#include "action/fd_budget.hpp"

#include <dirent.h>
#include <sys/resource.h>

#include <limits>

namespace execo::detail {

fd_budget descriptors_left() {
  // For resolver sockets, key and known_hosts files, pipes of the application.
  constexpr std::size_t reserve = 24;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max()};
  std::size_t open = 0;
  if (DIR* dir = ::opendir("/proc/self/fd")) {
    while (::readdir(dir) != nullptr) ++open;
    ::closedir(dir);
  }
  std::size_t taken = open + reserve;
  std::size_t all = limit.rlim_cur;
  return {taken < all ? all - taken : 0, all};
}

}  // namespace execo::detail
