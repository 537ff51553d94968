#include "transfer/folder_names.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>

#include "base/fd.hpp"

namespace execo::detail {
namespace {

struct folder_closer {
  void operator()(DIR* open) const noexcept { (void)::closedir(open); }
};

}  // namespace

// Under another number: closedir(3) closes it.
int names_in_folder(int fd, std::vector<std::string>& names) {
  unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno;
  std::unique_ptr<DIR, folder_closer> open(::fdopendir(copy.get()));
  if (!open) return errno;
  (void)copy.release();
  ::rewinddir(open.get());
  errno = 0;
  while (const dirent* one = ::readdir(open.get())) {
    std::string name = one->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;
  }
  if (errno != 0) return errno;
  std::ranges::sort(names);
  return 0;
}

}  // namespace execo::detail
